"""Finds the partitions that are polled next, so that their requests are under way at the same time.

Runners call a step for one partition after the other. If each call waited for its own request, a thread would poll 33 partitions in a
second at a distance of 30 ms.

Rules:

1. A poll that begins has up to seven others requested, which are due too: new ones, and those that had no more records. They are
   the ones that wait the longest. Partitions with a backlog have pages ahead anyway.
2. Each is requested ahead once for each of its polls. If it isn't polled within ten seconds, another worker may have it: then
   this process requests nothing more for it.
3. Nothing is requested ahead while answers come at once, because a background thread would only cost time.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from beam_dis.forks import ForkSafeLock
from beam_dis.stream_service import ReadPosition

MOST_AHEAD = 7
NEAR_SECONDS = 0.005
_MOVED_SECONDS = 10.0


class DuePolls:
    """The partitions of one read in one process that wait for their next poll; thread-safe. ``clock`` in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = ForkSafeLock()
        self._waiting: OrderedDict[Hashable, tuple[ReadPosition, float]] = OrderedDict()
        self._ahead: OrderedDict[Hashable, float] = OrderedDict()

    def wait(self, key: Hashable, position: ReadPosition, seconds: float) -> None:
        """A partition was polled: its next poll is due in so many seconds, at a position."""
        with self._lock:
            self._waiting[key] = position, self._clock() + seconds
            self._waiting.move_to_end(key)

    def begin(self, key: Hashable, answer_seconds: float) -> list[ReadPosition]:
        """A poll begins. Returns the positions to request too; none if an answer takes only a moment."""
        with self._lock:
            self._waiting.pop(key, None)
            self._ahead.pop(key, None)
            now = self._clock()
            while self._ahead and next(iter(self._ahead.values())) < now - _MOVED_SECONDS:
                self._ahead.popitem(last=False)
            return [] if answer_seconds < NEAR_SECONDS else self._take(now)

    def _take(self, now: float) -> list[ReadPosition]:
        taken = []
        while self._waiting and len(self._ahead) < MOST_AHEAD:
            key, (position, due_at) = next(iter(self._waiting.items()))
            if due_at > now:
                break
            del self._waiting[key]
            self._ahead[key] = now
            taken.append(position)
        return taken
