"""Where partitions end, which take no more records, and how long streams keep them, as far as this process knows.

Rules:

1. There is no I/O. Answers come from the last listing, or from an empty page after its end.
2. An unknown end counts as reached, so that no backlog is invented. But a reader has caught up only if a listing says so: a
   service may return empty pages although there are records.
3. A listing is ignored if a later request was already answered.
4. A partition that has expired keeps the last end that was seen, because the service no longer names one.
5. A partition that takes no more records and was read to its end is requested every ten seconds only: listings say when it is
   restored.
6. Races between threads blur the estimates. The time at which a reader has caught up is too early then, never too late.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from beam_dis.stream_service import ReadPosition, StreamListing

CLOSED_SECONDS = 10.0
_Key = tuple[str, str]


class Ends:
    """The next number of each partition, by stream id and partition id."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: dict[_Key, int] = {}
        self._listed_ms: dict[_Key, int] = {}
        self._confirmed_at: dict[_Key, tuple[int, float]] = {}
        self._closed: set[_Key] = set()
        self._retention_ms: dict[str, int | None] = {}
        self._refreshed_at: dict[str, float] = {}
        self._requested_at: dict[str, float] = {}

    def note_listing(self, listing: StreamListing, requested_at: float) -> None:
        """A stream was listed; ``requested_at`` is the clock when the listing was requested."""
        stream_id = listing.stream_id
        if requested_at < self._requested_at.get(stream_id, requested_at):
            return
        self._requested_at[stream_id] = requested_at
        self._refreshed_at[stream_id] = self._clock()
        self._retention_ms[stream_id] = listing.retention_ms
        for partition in listing.partitions:
            key = (stream_id, partition.partition_id)
            if partition.readable or partition.next:
                self._next[key] = partition.next
            if partition.writable:
                self._closed.discard(key)
            else:
                self._closed.add(key)
            self._listed_ms[key] = listing.time  # last: the end of that moment is known by now

    def note_end(self, position: ReadPosition) -> None:
        """There was no record at a position, and no listing says otherwise."""
        key, number = (position.stream_id, position.partition_id), position.sequence_number
        self._next[key] = max(number, self._next.get(key, number))
        self._confirmed_at[key] = number, self._clock()

    def reached_at(self, position: ReadPosition) -> int | None:
        """The service's clock (ms) at the last listing, if that has no record at or after a position; None if it has, or there is none."""
        key = position.stream_id, position.partition_id
        listed, end = self._listed_ms.get(key), self._next.get(key)
        return listed if end is not None and end <= position.sequence_number else None

    def finished_at(self, position: ReadPosition) -> int | None:
        """The same for a partition that takes no more records, if a recent answer was that it has no more; None otherwise."""
        key = position.stream_id, position.partition_id
        number, confirmed_at = self._confirmed_at.get(key, (-1, 0.0))
        recent = number == position.sequence_number and self._clock() - confirmed_at < CLOSED_SECONDS
        return self.reached_at(position) if recent and key in self._closed else None

    def end(self, position: ReadPosition) -> int | None:
        """The number after the last record of a position's partition; None if it was never seen."""
        return self._next.get((position.stream_id, position.partition_id))

    def left(self, stream_id: str, partition_id: str, start: int) -> int:
        """How many numbers there are from ``start`` on."""
        return max(0, self._next.get((stream_id, partition_id), 0) - start)

    def retention_ms(self, stream_id: str) -> int | None:
        """For how long a stream keeps a record, by its last listing; None if that isn't known."""
        return self._retention_ms.get(stream_id)

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
