"""The watermarks of the partitions that one process serves for one read, for runners that don't hold them themselves.

Rules:

1. The watermark reported for a partition is the lowest on the board, because Prism takes a stage's watermark from its last
   bundle instead of the minimum over all partitions. Listings that may find more partitions are on the board too, because
   Prism doesn't let the watermark of one step hold back a later one. Flink and Dataflow do both, so nothing is on the board there.
2. A partition counts for the others with the watermark that it had when its call began, unless the call outputs nothing: the
   runner gets the output only when the bundle ends, and another partition's bundle may end first.
3. A partition counts while a call reads it, and for a while after: a minute, or the time given to ``remember_for``. If the runner
   isn't known, a partition that moved to another worker therefore doesn't hold back the rest forever.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable

from beam_dis.forks import ForkSafeLock
from beam_dis.read.values import START_OF_TIME_MS

FORGET_SECONDS = 60.0


class WatermarkBoard:
    """Watermarks (ms) by partition or listing; thread-safe."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._forget_after = FORGET_SECONDS
        self._clock = clock
        self._lock = ForkSafeLock()
        self._watermarks: dict[Hashable, int] = {}
        self._left_at: dict[Hashable, float] = {}

    def remember_for(self, seconds: float) -> None:
        """Keep each entry for at least so long after its call; more than the pause between two calls."""
        self._forget_after = max(self._forget_after, seconds)

    def expect(self, key: Hashable) -> None:
        """A partition was found and its first call will come; until then nothing may be reported."""
        with self._lock:
            if key not in self._watermarks:
                self._watermarks[key] = START_OF_TIME_MS
                self._left_at[key] = self._clock()

    def enter(self, key: Hashable, watermark: int) -> None:
        """A call begins; the runner has everything that was output before this watermark."""
        with self._lock:
            self._watermarks[key] = watermark
            self._left_at.pop(key, None)

    def lowest(self, key: Hashable, watermark: int) -> int:
        """The lowest of a partition's present watermark and those of the others."""
        with self._lock:
            now = self._clock()
            for forgotten in [k for k, left in list(self._left_at.items()) if now - left > self._forget_after]:
                del self._left_at[forgotten]
                self._watermarks.pop(forgotten, None)
            return min([watermark, *(known for other, known in self._watermarks.items() if other != key)])

    def leave(self, key: Hashable) -> None:
        """The call is over.

        This takes no lock: an abandoned generator ends during garbage collection, in a thread that may hold any lock.
        """
        self._left_at[key] = self._clock()

    def remove(self, key: Hashable) -> None:
        """A partition or listing has ended: it doesn't count any more."""
        with self._lock:
            self._watermarks.pop(key, None)
            self._left_at.pop(key, None)
