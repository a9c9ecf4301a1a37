"""Counts the seconds that a sender waits because the service throttles it.

Rules:
1. The seconds of waits that overlap are counted once, however many threads wait.
2. Thread-safe. Time is a parameter.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from beam_dis.forks import ForkSafeLock


class ThrottledSeconds:
    """The seconds of the waits of one sender."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lock = ForkSafeLock()
        self._until = clock()
        self._seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count a wait of so many seconds from now."""
        with self._lock:
            now = self._clock()
            until = max(self._until, now + seconds)
            self._seconds += until - max(self._until, now)
            self._until = until

    def take(self) -> int:
        """The whole seconds since the last call; a fraction counts in the next call."""
        with self._lock:
            whole = int(self._seconds)
            self._seconds -= whole
            return whole
