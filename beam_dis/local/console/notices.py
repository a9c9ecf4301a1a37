"""What has just been done, shown once on the page after it.

A notice waits in memory under a random number. The address of the page has the number and not the text, so that nobody can make
the console show a text of theirs.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict

_MOST = 100


class Notices:
    """Texts that wait to be shown; used on one event loop or under the interpreter's lock: each step is atomic."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, str] = OrderedDict()

    def add(self, text: str) -> str:
        """Keep a text; returns its number."""
        number = secrets.token_urlsafe(8)
        self._waiting[number] = text
        while len(self._waiting) > _MOST:
            self._waiting.popitem(last=False)
        return number

    def take(self, number: str | None) -> str | None:
        """The text of a number; None if it was shown already."""
        return None if number is None else self._waiting.pop(number, None)
