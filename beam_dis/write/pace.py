"""Slowing down when the service says so.

Law: no Beam; thread-safe; time and sleep are parameters. One pace is shared by all requests in flight: when one is
throttled, none is sent until it is over. Seconds are counted once, however many senders wait.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from time import sleep as _sleep


class Pace:
    """When the next request may be sent."""

    def __init__(self, *, clock: Callable[[], float] = monotonic, sleep: Callable[[float], None] = _sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._until = clock()
        self._throttled = 0.0

    def slow_down(self, seconds: float) -> None:
        """Send nothing for so many seconds from now."""
        with self._lock:
            now = self._clock()
            until = max(self._until, now + seconds)
            self._throttled += until - max(self._until, now)
            self._until = until

    def wait(self) -> None:
        """Sleep until sending is allowed."""
        while (left := self._until - self._clock()) > 0:
            self._sleep(left)

    def take_throttled_seconds(self) -> int:
        """Whole seconds of slowing down that were not taken yet; the fraction stays for the next time."""
        with self._lock:
            whole = int(self._throttled)
            self._throttled -= whole
            return whole
