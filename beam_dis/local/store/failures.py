"""The errors of the store, and the log of a problem that lasts.

Rule 1: an error is one line that names the path and says what to do.
Rule 2: a request that a client got wrong is refused with a Refusal of the wire instead.
"""

from __future__ import annotations

import logging


class StoreError(Exception):
    """The store can't be opened, or its data are damaged."""


class StoreUnavailable(StoreError):  # noqa: N818 - says what the caller answers: unavailable, try again
    """A change failed and changed nothing: the disk is full or failing, or the store is closed."""


class ProblemLog:
    """Logs a lasting problem when it begins, when its cause changes and when it is over, and not at each attempt.

    Args:
        log: Where the warnings go.
        solved: The message for the end of a problem.
    """

    __slots__ = ("_current", "_log", "_solved")

    def __init__(self, log: logging.Logger, solved: str) -> None:
        self._log = log
        self._solved = solved
        self._current = ""

    def failed(self, cause: object) -> None:
        """An attempt failed: log the cause unless it is the one that was logged last."""
        text = str(cause)
        if text != self._current:
            self._current = text
            self._log.warning("%s", text)

    def succeeded(self) -> None:
        """An attempt succeeded: log the end of the problem if there was one."""
        if self._current:
            self._current = ""
            self._log.warning("%s", self._solved)
