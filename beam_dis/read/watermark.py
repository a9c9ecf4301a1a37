"""How far a partition's time has come, and what is reported of it.

Law: a watermark never moves back. After records it is the newest timestamp seen, less the lag, and never ahead of the
service's clock; an empty page moves it to the clock when the page was asked for, less a margin and the lag, never to now.
What is reported is the minimum over the partitions that this process serves for one read, since Prism takes a stage's
watermark from its last bundle instead of the minimum; and over the listings that may find more of them, since Prism doesn't
let what is before a step hold it back. Plain Python; times are epoch milliseconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import NamedTuple

MARGIN_MS = 100
"""An empty page may miss a record that was being stored when it was asked for."""

START_OF_TIME_MS = -(2**53)
FORGOTTEN_SECONDS = 60.0


class WatermarkState(NamedTuple):
    """How far a partition itself has come, and what was reported of it."""

    own: int
    reported: int


@dataclass(frozen=True, slots=True)
class WatermarkPolicy:
    """``lag_ms`` is by how much a record may be older than one before it."""

    lag_ms: int = 0

    def after_records(self, current: int, newest: int, as_of: int) -> int:
        """The watermark once records up to ``newest`` were handed out."""
        return max(current, min(newest - self.lag_ms, as_of))

    def after_nothing(self, current: int, as_of: int) -> int:
        """The watermark once a page was empty."""
        return max(current, as_of - MARGIN_MS - self.lag_ms)


class WatermarkBoard:
    """The watermarks of the partitions that one process serves for one read, and of the listings; thread-safe.

    A partition counts for the others with what it had when its call began, unless it hands nothing out: what it hands out
    isn't the runner's before the bundle is through, and another one's may be through first. It counts while a call works on
    it and for a while after, so that one that moved to another worker doesn't hold the rest back for ever: a minute, or
    ``remember_for``, which must be more than the pause between two calls.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._forgotten_after = FORGOTTEN_SECONDS
        self._clock = clock
        self._lock = threading.Lock()
        self._values: dict[Hashable, int] = {}
        self._left: dict[Hashable, float] = {}

    def remember_for(self, seconds: float) -> None:
        """Forget nothing that was left for less than so long."""
        self._forgotten_after = max(self._forgotten_after, seconds)

    def expect(self, partition: Hashable) -> None:
        """A partition was found, and its first call will come; until then nothing may be reported."""
        with self._lock:
            if partition not in self._values:
                self._values[partition] = START_OF_TIME_MS
                self._left[partition] = self._clock()

    def enter(self, partition: Hashable, value: int) -> None:
        """A call works on a partition, and the runner has what was handed out of it before this watermark."""
        with self._lock:
            self._values[partition] = value
            self._left.pop(partition, None)

    def lowest(self, partition: Hashable, value: int) -> int:
        """The lowest of a partition's watermark, as it is now, and those of the others."""
        with self._lock:
            now = self._clock()
            for gone in [p for p, left in list(self._left.items()) if now - left > self._forgotten_after]:
                del self._left[gone]
                self._values.pop(gone, None)
            return min([value, *(known for other, known in self._values.items() if other != partition)])

    def leave(self, partition: Hashable) -> None:
        """The call is over. Without a lock: one left behind ends where garbage is collected, in a thread that may hold any."""
        self._left[partition] = self._clock()
