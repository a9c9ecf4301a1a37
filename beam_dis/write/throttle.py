"""Pauses all requests when the service throttles one of them.

Rules:
1. All requests of a sender share one throttle: after one is throttled, none is sent until the pause is over.
2. The seconds of a pause are counted once, however many threads wait.
3. Thread-safe. Time and sleep are parameters.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from time import sleep as _sleep


class Throttle:
    """Knows when the next request may be sent."""

    def __init__(self, *, clock: Callable[[], float] = monotonic, sleep: Callable[[float], None] = _sleep) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._until = clock()
        self._throttled = 0.0

    def pause(self, seconds: float) -> None:
        """Let no request be sent for so many seconds from now."""
        with self._lock:
            now = self._clock()
            until = max(self._until, now + seconds)
            self._throttled += until - max(self._until, now)
            self._until = until

    def wait(self) -> None:
        """Sleep until the next request may be sent."""
        while (remaining := self._until - self._clock()) > 0:
            self._sleep(remaining)

    def take_throttled_seconds(self) -> int:
        """The whole seconds of pauses since the last call; a fraction counts in the next call."""
        with self._lock:
            whole = int(self._throttled)
            self._throttled -= whole
            return whole
