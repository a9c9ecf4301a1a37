"""Texts of others as they are shown: what can't be seen, or changes how the text around it looks, is shown by its number.

HTML is escaped later, by the templates.
"""

from __future__ import annotations

import unicodedata

_KEPT = {"\n", "\t"}
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of Unicode: control, format (such as right-to-left marks), surrogates, private, unassigned, separators of lines."""


def visible(text: str) -> str:
    """A text whose every character can be seen; line feeds and tabs stay."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in _KEPT else _shown(character) for character in text
    )


def clipped(text: str, most: int, lines: int | None = None) -> tuple[str, int]:
    """The first ``most`` characters of a text, or the first ``lines`` if these are fewer, and how many more it has."""
    shown = text[:most]
    if lines is not None:
        shown = "\n".join(shown.split("\n", lines)[:lines])
    return shown, len(text) - len(shown)


def _shown(character: str) -> str:
    return f"⟨U+{ord(character):04X}⟩" if unicodedata.category(character) in _HIDDEN else character
