"""What the store raises when it can't do its work.

Law: one line each, naming the path and what to do. What a client asked for wrongly is a Refusal of the wire instead.
"""

from __future__ import annotations

import logging


class StoreError(Exception):
    """The store can't be opened, or what it holds is damaged."""


class StoreUnavailable(StoreError):  # noqa: N818 - says what the caller answers: unavailable, try again
    """A change was not made and nothing has changed: the disk is full or failing, or the store is closed."""


class Trouble:
    """Logs what keeps something from working when it begins, when it changes and when it is over, not each time."""

    __slots__ = ("_current", "_log", "_relief")

    def __init__(self, log: logging.Logger, relief: str) -> None:
        self._log = log
        self._relief = relief
        self._current = ""

    def met(self, what: object) -> None:
        """It doesn't work, and why."""
        text = str(what)
        if text != self._current:
            self._current = text
            self._log.warning("%s", text)

    def over(self) -> None:
        """It works."""
        if self._current:
            self._current = ""
            self._log.warning("%s", self._relief)
