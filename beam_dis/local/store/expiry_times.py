"""When the next records of each stream may expire, so that housekeeping needn't look at the others.

Rule 1: a stream is looked at unless it is known that nothing of it can have expired: after a start, after any change but a put, and
again after a round that failed.
Rule 2: a put makes nothing expire earlier, because its records are newer than those that are there. If the clock has gone back that
may be wrong, so then every stream is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from beam_dis.local.store.values import Stream
from beam_dis.wire.streams import DELETED


class OldestTimes(dict[str, int]):
    """The oldest time of each stream that is looked at, by its id: that of a record, or when a partition was deleted."""

    def begin(self, stream: Stream, now_ms: int) -> None:
        """Begin with a stream, whose empty partitions may get records from now on."""
        closed = [partition.since_ms for partition in stream.partitions if partition.status == DELETED]
        self[stream.stream_id] = min([now_ms, *closed])

    def note(self, stream_id: str, time_ms: int) -> None:
        """Note the time of the oldest record of a partition."""
        self[stream_id] = min(self[stream_id], time_ms)


class _Known(NamedTuple):
    generation: int
    oldest_ms: int


class ExpiryTimes:
    """What is known about streams; for one thread."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._now_ms = 0

    def due(self, streams: Sequence[Stream], now_ms: int) -> list[Stream]:
        """Those of all streams of which something may have expired."""
        if now_ms < self._now_ms:
            self._known.clear()
        self._now_ms = now_ms
        found = [stream for stream in streams if self._may_have_expired(stream, now_ms)]
        if len(self._known) > len(streams):
            ids = {stream.stream_id for stream in streams}
            self._known = {stream_id: known for stream_id, known in self._known.items() if stream_id in ids}
        return found

    def settle(self, stream: Stream, oldest_ms: int) -> None:
        """Of a stream as it was looked at, everything that has expired is deleted; nothing of it is older than a time."""
        self._known[stream.stream_id] = _Known(stream.generation, oldest_ms)

    def _may_have_expired(self, stream: Stream, now_ms: int) -> bool:
        known = self._known.get(stream.stream_id)
        return known is None or known.generation != stream.generation or known.oldest_ms + stream.retention_ms <= now_ms
