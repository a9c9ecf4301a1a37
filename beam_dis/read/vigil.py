"""Noticing that partitions were found and nobody reads them.

Law: told once, and only while nothing at all was read in this process since partitions were found here. Plain Python;
seconds; process-wide.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 30.0


class Vigil:
    """Watches over one process's reading."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found_at: float | None = None
        self._over = False

    def found(self) -> None:
        """Partitions were handed out."""
        if self._found_at is None:
            self._found_at = self._clock()

    def reads(self) -> None:
        """A partition is being read: all is well."""
        self._over = True

    def overdue(self) -> bool:
        """Whether it is time to say that nothing was read; True once."""
        late = self._found_at is not None and self._clock() - self._found_at > PATIENCE_SECONDS
        if self._over or not late:
            return False
        self._over = True
        return True
