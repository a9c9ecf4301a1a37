"""When a partition may be polled again, or a stream listed again.

Rules:

1. There is at most one empty poll per interval and partition, and one listing per interval and stream, even if the runner
   ignores the delay that it was asked for.
2. Failures in a row are followed by growing pauses. After throttling they stay short, because the service allows some traffic
   in each second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator

from beam_dis.backoff import full_jitter
from beam_dis.forks import ForkSafeLock

LONGEST_NAP = 0.02
LONGEST_DELAY = 45.0
"""The longest delay (s) to ask a runner for. Beam's workers tear down steps that are idle for a minute."""
_FIRST_PAUSE, _LONGEST_PAUSE, _LONGEST_AFTER_THROTTLING = 1.0, 30.0, 4.0


class Pace:
    """The pace of one read in one process, by partition or listing; thread-safe. ``clock`` in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = ForkSafeLock()
        self._due_at: dict[Hashable, float] = {}
        self._pauses: dict[tuple[Hashable, bool], Iterator[float]] = {}

    def due_in(self, key: Hashable) -> float:
        """Seconds until it may be polled; 0 if it may be polled now."""
        with self._lock:
            return max(0.0, self._due_at.get(key, 0.0) - self._clock())

    def wait_briefly(self, key: Hashable, sleep: Callable[[float], None]) -> float:
        """Sleep until it is due, but at most 20 ms, and return the seconds that are left.

        The short sleep slows down runners that ignore the delay they are asked for.
        """
        due = self.due_in(key)
        if due:
            sleep(min(due, LONGEST_NAP))
            due = self.due_in(key)
        return due

    def pause(self, key: Hashable, seconds: float) -> None:
        """Don't poll it for so long."""
        with self._lock:
            self._due_at[key] = self._clock() + seconds

    def next_pause_after_failure(self, key: Hashable, *, throttled: bool = False) -> float:
        """Advance to the next pause (s) after a failed poll."""
        longest = _LONGEST_AFTER_THROTTLING if throttled else _LONGEST_PAUSE
        return next(self._pauses.setdefault((key, throttled), full_jitter(_FIRST_PAUSE, longest)))

    def note_answer(self, key: Hashable) -> None:
        """A poll was answered: the next failure starts with a short pause again."""
        for throttled in (False, True):
            self._pauses.pop((key, throttled), None)
