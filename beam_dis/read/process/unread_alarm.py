"""Notices when partitions were found and nothing reads them.

The warning is due once per read: 30 s after this process found partitions, if it has read from none of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 30.0


class UnreadAlarm:
    """The alarm of one read in one process; ``clock`` in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._found_at: float | None = None
        self._over = False

    def partitions_found(self) -> None:
        """Partitions were output for the reading step."""
        if self._found_at is None:
            self._found_at = self._clock()

    def partition_read(self) -> None:
        """A partition is being read, so there is nothing to warn about."""
        self._over = True

    def take_warning(self) -> bool:
        """Whether to log the warning now; True at most once."""
        if self._over or self._found_at is None or self._clock() - self._found_at <= PATIENCE_SECONDS:
            return False
        self._over = True
        return True
