"""Notices two reads that commit to the same app and stream at the same time, as far as one process sees them.

Rules:

1. Each of them would read every record, and the app would continue at whichever committed last.
2. Both are running if one was seen again after the other one was first seen. A read that ended before isn't warned about.
3. There is one warning for each read and stream.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from beam_dis.forks import ForkSafeLock


class _Seen(NamedTuple):
    """When a read was seen first and last, in seconds, and whether it was warned about."""

    first: float
    last: float
    warned: bool


class AppReaders:
    """The reads of a connection that commit to apps; thread-safe. ``clock`` in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = ForkSafeLock()
        self._seen: dict[tuple[str, str], dict[str, _Seen]] = {}

    def claim_warning(self, app: str, stream_id: str, read_id: str) -> bool:
        """Note that a read polls a stream for an app. True once if another read does too."""
        with self._lock:
            now, reads = self._clock(), self._seen.setdefault((app, stream_id), {})
            own = reads.get(read_id, _Seen(now, now, warned=False))
            shared = any(other.last > own.first for other_id, other in reads.items() if other_id != read_id)
            reads[read_id] = _Seen(own.first, now, warned=own.warned or shared)
            return shared and not own.warned
