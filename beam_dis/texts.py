"""Texts that aren't shown as they are: those that others wrote, and secrets.

Rules:

1. A text from a service, a server or a proxy enters an error or a log as one short line, without control characters: they could
   forge lines of a log, or change what a terminal shows.
2. A local variable holds a secret only inside a ``Secret``, if its function can raise: some printers of tracebacks, such as
   pytest's and rich's, show the local variables.
"""

from __future__ import annotations

from collections.abc import Mapping


def one_line(text: object, limit: int = 500) -> str:
    """A text from outside as one line of at most ``limit`` characters."""
    whole = str(text)
    shown = whole if len(whole) <= limit else whole[: limit - 1] + "…"
    return " ".join("".join(character if character.isprintable() else " " for character in shown).split())


def escaped(text: str) -> str:
    r"""A text with control characters and the like as escapes, such as ``\x1b``: it can't change what a terminal shows."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


class Secret:
    """A text whose repr doesn't show it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
        return self._text


class HiddenSettings:
    """Named texts, such as the environment, whose repr shows none of them. Missing and empty ones are the same."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __bool__(self) -> bool:
        return bool(self._texts)

    def get(self, name: str) -> str | None:
        """Return a text, None if it is missing or empty."""
        return self._texts.get(name) or None
