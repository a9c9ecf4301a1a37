"""Noticing that partitions were found and nobody reads them.

Law: told once for each read, and only while nothing at all of that read was read in this process since its partitions were
found here; a process may run one pipeline after the other, and several reads in one. Plain Python; seconds; process-wide.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 30.0


class Vigil:
    """Watches over one process's reads, each known by the name that its steps share."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found_at: dict[str, float] = {}
        self._over: set[str] = set()

    def found(self, read: str) -> None:
        """Partitions were handed out."""
        self._found_at.setdefault(read, self._clock())

    def reads(self, read: str) -> None:
        """A partition is being read: all is well."""
        self._over.add(read)

    def overdue(self, read: str) -> bool:
        """Whether it is time to say that nothing was read; True once."""
        found_at = self._found_at.get(read)
        if read in self._over or found_at is None or self._clock() - found_at <= PATIENCE_SECONDS:
            return False
        self._over.add(read)
        return True
