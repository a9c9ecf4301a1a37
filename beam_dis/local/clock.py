"""The clock of a local DIS: the system's time plus an offset that only grows.

Law: whoever needs the time calls a clock; nobody else reads the system's. Advancing moves time forward for all at once,
never back, so that retention, cursors and signatures can age in a test without anyone waiting. The offset is kept with the
data before anybody sees it: data that were opened once are never opened in an earlier time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from beam_dis.local.store import Store

LAST_SECOND = 32_503_680_000
"""The year 3000, as far as a clock is advanced: dates of five digits would break whoever reads one."""


class Clock:
    """Seconds since 1970, as a callable; thread-safe."""

    __slots__ = ("_lock", "_offset", "_source")

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._offset = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """Now, in seconds."""
        return self._source() + self._offset

    def advance(self, seconds: float) -> None:
        """Move time forward; ValueError where ``seconds`` is negative, not a number, or leads beyond the year 3000."""
        self.check(seconds)
        with self._lock:
            self._offset += seconds

    def check(self, seconds: float) -> None:
        """Whether time can be moved forward so far; ValueError where it can't."""
        if not seconds >= 0:
            raise ValueError(f"a clock can't be advanced by {seconds!r} seconds: give 0 or more")
        if self() + seconds > LAST_SECOND:
            raise ValueError(f"a clock can't be advanced by {seconds!r} seconds: that is beyond the year 3000")

    def follow(self, offset: float) -> None:
        """Be ``offset`` seconds ahead of the source, or where it is if that is later."""
        with self._lock:
            self._offset = max(self._offset, offset)


def resume(store: Store, clock: Clock) -> None:
    """Go on in the time that the data were left in. Blocking."""
    clock.follow(store.clock_advance())


async def advance(store: Store, clock: Clock, seconds: float) -> float:
    """The time after moving it forward, in seconds since 1970: kept with the data, and all that was due by then is done.

    ValueError as by :meth:`Clock.advance`; StoreUnavailable where it can't be kept.
    """
    clock.check(seconds)
    clock.follow(await asyncio.wrap_future(store.advance_clock(seconds)))
    await asyncio.to_thread(store.housekeep)
    return clock()
