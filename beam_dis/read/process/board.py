"""The watermarks of the partitions that one process serves for one read, for runners that don't hold them themselves.

Rules:

1. The watermark reported for a partition is the lowest on the board, because Prism takes a stage's watermark from its last
   bundle instead of the minimum over all partitions. Listings that may find more partitions are on the board too, because
   Prism doesn't let the watermark of one step hold back a later one. Flink and Dataflow do both, so nothing is on the board there.
2. A partition counts for the others with the watermark that it had when its call began, unless the call outputs nothing: the
   runner gets the output only when the bundle ends, and another partition's bundle may end first.
3. A partition counts while a call reads it, and for a while after: a minute, or the time given to ``remember_for``. If the runner
   isn't known, a partition that moved to another worker therefore doesn't hold back the rest forever.
4. The work of a call grows with the logarithm of the number of partitions: the entries are in a heap, and the ones to forget are
   looked for once in a while.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable, Hashable

from beam_dis.forks import ForkSafeLock
from beam_dis.read.values import START_OF_TIME_MS

FORGET_SECONDS = 60.0
_LOOK_SECONDS = 1.0
_FORMER = 64
"""How many entries of former calls the heap may have besides as many as there are partitions."""


class WatermarkBoard:
    """Watermarks (ms) by partition or listing; thread-safe."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._forget_after = FORGET_SECONDS
        self._clock = clock
        self._lock = ForkSafeLock()
        self._watermarks: dict[Hashable, int] = {}
        self._left_at: dict[Hashable, float] = {}
        self._look_at = 0.0
        self._order = itertools.count()
        self._heap: list[tuple[int, int, Hashable]] = []  # has each watermark; others are of former calls

    def remember_for(self, seconds: float) -> None:
        """Keep each entry for at least so long after its call; more than the pause between two calls."""
        self._forget_after = max(self._forget_after, seconds)

    def expect(self, key: Hashable) -> None:
        """A partition was found and its first call will come; until then nothing may be reported."""
        with self._lock:
            if key not in self._watermarks:
                self._put(key, START_OF_TIME_MS)
                self._left_at[key] = self._clock()

    def enter(self, key: Hashable, watermark: int) -> None:
        """A call begins; the runner has everything that was output before this watermark."""
        with self._lock:
            self._put(key, watermark)
            self._left_at.pop(key, None)

    def lowest(self, key: Hashable, watermark: int) -> int:
        """The lowest of a partition's present watermark and those of the others."""
        with self._lock:
            now = self._clock()
            if now >= self._look_at:
                self._forget(now)
            return min(watermark, self._lowest_of_others(key, watermark))

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

    def _put(self, key: Hashable, watermark: int) -> None:
        if self._watermarks.get(key) == watermark:
            return
        self._watermarks[key] = watermark
        heapq.heappush(self._heap, (watermark, next(self._order), key))
        if len(self._heap) > 2 * len(self._watermarks) + _FORMER:
            self._heap = [(known, next(self._order), each) for each, known in self._watermarks.items()]
            heapq.heapify(self._heap)

    def _lowest_of_others(self, key: Hashable, default: int) -> int:
        heap, own = self._heap, None
        while heap:
            watermark, _, other = heap[0]
            if self._watermarks.get(other) == watermark and other != key:
                break
            first = heapq.heappop(heap)
            if other == key and self._watermarks.get(key) == watermark:
                own = first
        found = heap[0][0] if heap else default
        if own is not None:
            heapq.heappush(heap, own)
        return found

    def _forget(self, now: float) -> None:
        """Forget the entries whose time is over, and note when to look again: when the next one is due, but a while later at least."""
        left_at = list(self._left_at.items())
        for key, left in left_at:
            if now - left > self._forget_after:
                del self._left_at[key]
                self._watermarks.pop(key, None)
        oldest = min([left for _, left in left_at if now - left <= self._forget_after], default=now)
        self._look_at = max(oldest + self._forget_after, now + _LOOK_SECONDS)
