"""The clock of a local DIS: the system's time plus an offset that only grows.

Law: whoever needs the time calls a clock; nobody else reads the system's. Advancing moves time forward for all at once,
never back, so that retention, cursors and signatures can age in a test without anyone waiting.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


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
        """Move time forward; ValueError where ``seconds`` is negative or not a number."""
        if not seconds >= 0:
            raise ValueError(f"a clock can't be advanced by {seconds!r} seconds: give 0 or more")
        with self._lock:
            self._offset += seconds
