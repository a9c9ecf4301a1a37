"""When a partition may be polled again, or a stream listed.

Law: at most one empty poll per interval and partition, and one listing per interval and stream, whatever the runner makes
of the delay that was asked for. A page with records lifts the guard. Process-wide; plain Python; seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator

from beam_dis.backoff import full_jitter

LONGEST_NAP = 0.02
_SWEEP = 10_000
_FIRST_PAUSE, _LONGEST_PAUSE, _LONGEST_WHEN_THROTTLED = 1.0, 30.0, 4.0


class PollGuard:
    """Remembers until when each partition rests."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until: dict[Hashable, float] = {}
        self._setbacks: dict[tuple[Hashable, bool], Iterator[float]] = {}

    def due_in(self, partition: Hashable) -> float:
        """Seconds until it may be polled; 0 once it may."""
        with self._lock:
            return max(0.0, self._until.get(partition, 0.0) - self._clock())

    def not_due(self, partition: Hashable, sleep: Callable[[float], None]) -> float:
        """The same, behind a nap of 20 ms at most, which slows runners that ignore the delay they are asked for."""
        due = self.due_in(partition)
        if due:
            sleep(min(due, LONGEST_NAP))
            due = self.due_in(partition)
        return due

    def rest(self, partition: Hashable, seconds: float) -> None:
        """Leave it alone for so long."""
        with self._lock:
            now = self._clock()
            if len(self._until) > _SWEEP:
                self._until = {p: until for p, until in self._until.items() if until > now}
            self._until[partition] = now + seconds

    def setback(self, partition: Hashable, *, throttled: bool = False) -> float:
        """A poll failed: seconds to leave the partition alone, longer each time in a row.

        Not for long where it was throttled, since the service lets through so much in each second.
        """
        longest = _LONGEST_WHEN_THROTTLED if throttled else _LONGEST_PAUSE
        return next(self._setbacks.setdefault((partition, throttled), full_jitter(_FIRST_PAUSE, longest)))

    def recovered(self, partition: Hashable) -> None:
        """A poll was answered."""
        for throttled in (False, True):
            self._setbacks.pop((partition, throttled), None)
