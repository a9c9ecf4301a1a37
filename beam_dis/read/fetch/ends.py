"""Where partitions end, and which take no more records, as far as this process knows.

Rules:

1. There is no I/O. Answers come from the last listing, or from the last empty page.
2. An unknown end counts as reached, so that no backlog is invented.
3. A listing is ignored if a later request was already answered.
4. A partition that has expired keeps the last end that was seen, because the service no longer names one.
Races between threads only blur the estimates.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from beam_dis.stream_service import ReadPosition, StreamListing

_Key = tuple[str, str]


class Ends:
    """The next number of each partition, by stream id and partition id."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: dict[_Key, int] = {}
        self._closed: set[_Key] = set()
        self._refreshed_at: dict[str, float] = {}
        self._requested_at: dict[str, float] = {}

    def note_listing(self, listing: StreamListing, requested_at: float) -> None:
        """A stream was listed; ``requested_at`` is the clock when the listing was requested."""
        stream_id = listing.stream_id
        if requested_at < self._requested_at.get(stream_id, requested_at):
            return
        self._requested_at[stream_id] = requested_at
        self._refreshed_at[stream_id] = self._clock()
        for partition in listing.partitions:
            key = (stream_id, partition.partition_id)
            if partition.readable or partition.next:
                self._next[key] = partition.next
            if partition.writable:
                self._closed.discard(key)
            else:
                self._closed.add(key)

    def note_end(self, position: ReadPosition) -> None:
        """There was no record at a position."""
        self._next[position.stream_id, position.partition_id] = position.sequence_number

    def end(self, position: ReadPosition) -> int | None:
        """The number after the last record of a position's partition; None if it was never seen."""
        return self._next.get((position.stream_id, position.partition_id))

    def left(self, stream_id: str, partition_id: str, start: int) -> int:
        """How many numbers there are from ``start`` on."""
        return max(0, self._next.get((stream_id, partition_id), 0) - start)

    def closed(self, position: ReadPosition) -> bool:
        """Whether the partition takes no more records unless it is restored: it was scaled away, or has expired."""
        return (position.stream_id, position.partition_id) in self._closed

    def claim_refresh(self, stream_id: str, seconds: float) -> bool:
        """Whether the caller is to list a stream, because nobody did for so long; the next claim succeeds after the same time."""
        now = self._clock()
        if stream_id in self._refreshed_at and now - self._refreshed_at[stream_id] < seconds:
            return False
        self._refreshed_at[stream_id] = now
        return True
