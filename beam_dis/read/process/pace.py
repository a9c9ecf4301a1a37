"""When a partition may be polled again, or a stream listed again.

Rules:

1. There is at most one empty poll per interval and partition, and one listing per interval and stream, even if the runner
   ignores the delay that it was asked for.
2. A runner that ignores a delay is slowed down by a short sleep in each call. One that keeps it is not: its thread has other
   partitions to read.
3. Failures in a row are followed by growing pauses, as long as ``beam_dis.outages`` says that they may pass.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable

from beam_dis.forks import ForkSafeLock
from beam_dis.outages import FailureSeries

LONGEST_NAP = 0.02
LONGEST_DELAY = 45.0
"""The longest delay (s) to ask a runner for. Beam's workers tear down steps that are idle for a minute."""


class Pace:
    """The pace of one read in one process, by partition or listing; thread-safe. ``clock`` in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = ForkSafeLock()
        self._due_at: dict[Hashable, float] = {}
        self._early_until: dict[Hashable, float] = {}
        self._failures: dict[Hashable, FailureSeries] = {}

    def due_in(self, key: Hashable) -> float:
        """Seconds until it may be polled; 0 if it may be polled now."""
        with self._lock:
            return max(0.0, self._due_at.get(key, 0.0) - self._clock())

    def note_delay(self, key: Hashable, seconds: float) -> None:
        """The runner was asked to make the next call in so many seconds."""
        with self._lock:
            self._early_until[key] = self._clock() + seconds / 2

    def wait_briefly(self, key: Hashable, sleep: Callable[[float], None]) -> float:
        """Return the seconds until it is due. If the runner ignored the delay it was asked for, sleep before, but at most 20 ms."""
        due = self.due_in(key)
        if due and self._clock() < self._early_until.get(key, math.inf):
            sleep(min(due, LONGEST_NAP))
            due = self.due_in(key)
        return due

    def pause(self, key: Hashable, seconds: float) -> None:
        """Don't poll it for so long."""
        with self._lock:
            self._due_at[key] = self._clock() + seconds

    def pause_after_failure(self, key: Hashable, error: Exception, *, worked: bool, took: float = 0.0) -> float | None:
        """Pause after a failure, and return for how long (s); None if the error is to be raised.

        ``worked`` and ``took`` are as in ``FailureSeries.pause_after``. A runner that repeats the bundle gets the next failure
        raised at once.
        """
        series = self._failures.setdefault(key, FailureSeries(endless=True, clock=self._clock))
        pause = series.pause_after(error, worked=worked, took=took)
        if pause is not None:
            self.pause(key, pause)
        return pause

    def note_answer(self, key: Hashable) -> None:
        """A poll was answered: later failures are a new series."""
        self._failures.pop(key, None)
