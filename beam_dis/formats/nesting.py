"""How deep a value may be inside itself, such as a tree of records: equally deep in every format, and for reading and writing.

Without a limit of its own, each function would stop at Python's limit for recursion, at another depth than the others: what was read
couldn't be written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from beam_dis.formats.mismatch import ValueMismatch

MOST_LEVELS = 64


class Nesting(threading.local):
    """The level that one reader or writer has reached in each thread."""

    def __init__(self) -> None:
        self._level = 0

    def bounded(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function of a value inside itself, which fails with ValueMismatch below the deepest level."""

        def one_level_deeper(*args: Any) -> Any:
            if self._level == MOST_LEVELS:
                raise ValueMismatch(f"it is nested more than {MOST_LEVELS} levels deep")
            self._level += 1
            try:
                return function(*args)
            finally:
                self._level -= 1

        return one_level_deeper
