"""The clock of a local DIS: the system's time plus an offset that only grows.

Rules:

1. Only the clock reads the system's time; all other code calls the clock.
2. Advancing the clock moves time forward for everything at once, never back, so that retention, cursors and signatures can
   age in a test without waiting.
3. A new offset is stored with the data before it is used, so the same data are never opened at an earlier time.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from beam_dis.local.store import Store

LAST_SECOND = 32_503_680_000
"""The year 3000. A clock isn't advanced further, because clients can't parse years of five digits."""


class Clock:
    """A callable that gives the time in seconds since 1970; thread-safe. ``source`` gives the time without the offset."""

    __slots__ = ("_lock", "_offset", "_source")

    def __init__(self, source: Callable[[], float] = time.time) -> None:
        self._source = source
        self._offset = 0.0
        self._lock = threading.Lock()

    def __call__(self) -> float:
        """The time in seconds since 1970."""
        return self._source() + self._offset

    def advance(self, seconds: float) -> None:
        """Move time forward.

        Raises:
            ValueError: As by :meth:`check`.
        """
        self.check(seconds)
        with self._lock:
            self._offset += seconds

    def check(self, seconds: float) -> None:
        """Check that time can be moved forward by ``seconds``.

        Raises:
            ValueError: If ``seconds`` is negative or not a number, or leads past the year 3000.
        """
        if not seconds >= 0:
            raise ValueError(f"a clock can't be advanced by {seconds!r} seconds: give 0 or more")
        if self() + seconds > LAST_SECOND:
            raise ValueError(f"a clock can't be advanced by {seconds!r} seconds: that is after the year 3000")

    def raise_offset(self, offset: float) -> None:
        """Set the offset from the source, in seconds, unless it is larger already."""
        with self._lock:
            self._offset = max(self._offset, offset)


def resume(store: Store, clock: Clock) -> None:
    """Set the clock to the offset that is stored with the data. Blocking."""
    clock.raise_offset(store.clock_advance())


async def advance(store: Store, clock: Clock, seconds: float, before: Callable[[float], None]) -> float:
    """Move time forward, store the new offset with the data, and carry out everything that is due by then.

    ``before`` is called first, in a thread, with the new time: for what would have happened before anything expires.

    Returns:
        The new time, in seconds since 1970.

    Raises:
        ValueError: As by :meth:`Clock.check`.
        StoreUnavailable: If the new offset can't be stored.
    """
    clock.check(seconds)
    await asyncio.to_thread(before, clock() + seconds)
    clock.raise_offset(await asyncio.wrap_future(store.advance_clock(seconds)))
    await asyncio.to_thread(store.housekeep)
    return clock()
