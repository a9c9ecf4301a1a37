"""Where partitions end, and which take no more, as far as this process knows.

Law: no I/O; what is asked is answered from what was seen last: a listing, or a page that was empty. An end that is not
known counts as reached, so that a backlog is never invented; a listing that was asked for before another one counts for
nothing behind it. A partition that has expired keeps the end that it was last seen with, since the service names none.
Races between threads only blur it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from beam_dis.stream_service import ReadPosition, StreamListing

_Key = tuple[str, str]


class Ends:
    """The next number of each partition of each stream (by id), as of the last look."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._next: dict[_Key, int] = {}
        self._closed: set[_Key] = set()
        self._looked_at: dict[str, float] = {}
        self._asked: dict[str, float] = {}

    def listed(self, listing: StreamListing, asked: float) -> None:
        """A stream was listed, which was asked for at that moment of the clock."""
        if asked < self._asked.get(listing.stream_id, asked):
            return
        self._asked[listing.stream_id] = asked
        self._looked_at[listing.stream_id] = self._clock()
        self._next.update(
            {(listing.stream_id, p.partition_id): p.next for p in listing.partitions if p.readable or p.next}
        )
        for partition in listing.partitions:
            (self._closed.discard if partition.writable else self._closed.add)(
                (listing.stream_id, partition.partition_id)
            )

    def reached(self, place: ReadPosition) -> None:
        """There was nothing at a place."""
        self._next[place.stream_id, place.partition_id] = place.sequence_number

    def end(self, place: ReadPosition) -> int | None:
        """The number behind the last record of a place's partition; None where nobody has seen it."""
        return self._next.get((place.stream_id, place.partition_id))

    def left(self, stream_id: str, partition_id: str, start: int) -> int:
        """How many numbers there are from ``start`` on."""
        return max(0, self._next.get((stream_id, partition_id), 0) - start)

    def closed(self, place: ReadPosition) -> bool:
        """Whether the partition takes nothing more, unless it is restored: scaling down left it, or it has expired."""
        return (place.stream_id, place.partition_id) in self._closed

    def overdue(self, stream_id: str, seconds: float) -> bool:
        """Whether nobody has looked at a stream for so long; whoever is told so looks, and the next is told after as long."""
        now = self._clock()
        if stream_id in self._looked_at and now - self._looked_at[stream_id] < seconds:
            return False
        self._looked_at[stream_id] = now
        return True
