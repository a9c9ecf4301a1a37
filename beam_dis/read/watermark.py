"""How far a partition's time has come, and what is reported of it.

Law: a watermark never moves back. After records it is the newest timestamp seen, less the lag, and never ahead of the
service's clock; an empty page moves it to the clock when the page was asked for, less a margin and the lag, never to now.
What is reported is the minimum over the partitions that this process serves for one read, since Prism takes a stage's
watermark from its last bundle instead of the minimum. Plain Python; times are epoch milliseconds.
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
    """The watermarks of the partitions that one process serves for one read; thread-safe.

    A partition counts while a call works on it and for a while after, so that one that moved to another worker doesn't
    hold the rest back for ever: ``forgotten_after`` seconds, which must be more than the pause between two calls.
    """

    def __init__(
        self, *, forgotten_after: float = FORGOTTEN_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._forgotten_after = forgotten_after
        self._clock = clock
        self._lock = threading.RLock()  # a turn that is left behind ends where garbage is collected, here perhaps
        self._values: dict[Hashable, int] = {}
        self._left: dict[Hashable, float] = {}

    def enter(self, partition: Hashable, value: int) -> None:
        """A call begins to work on a partition."""
        with self._lock:
            self._values[partition] = value
            self._left.pop(partition, None)

    def lowest(self, partition: Hashable, value: int) -> int:
        """Note a partition's watermark; the lowest of all."""
        with self._lock:
            self._values[partition] = value
            now = self._clock()
            for gone in [p for p, left in list(self._left.items()) if now - left > self._forgotten_after]:
                del self._left[gone], self._values[gone]
            return min(self._values.values())

    def leave(self, partition: Hashable) -> None:
        """The call is over."""
        with self._lock:
            self._left[partition] = self._clock()
