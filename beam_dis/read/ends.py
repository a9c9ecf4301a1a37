"""Where partitions end, as far as this process knows.

Law: no I/O; what is asked is answered from what was seen last: a listing, or a page that was empty. An end that is not
known counts as reached, so that a backlog is never invented. Thread-safe by single dict operations.
"""

from __future__ import annotations

from beam_dis.read.poller import Place
from beam_dis.service import StreamDescription

_Key = tuple[str, str]


class Ends:
    """The next number of each partition of each stream (by id), as of the last look."""

    def __init__(self) -> None:
        self._next: dict[_Key, int] = {}

    def listed(self, listing: StreamDescription) -> None:
        """A stream was listed."""
        self._next.update({(listing.stream_id, p.partition_id): p.next for p in listing.partitions})

    def reached(self, place: Place) -> None:
        """There was nothing at a place."""
        self._next[place.stream_id, place.partition_id] = place.sequence_number

    def left(self, stream_id: str, partition_id: str, start: int) -> int:
        """How many numbers there are from ``start`` on."""
        return max(0, self._next.get((stream_id, partition_id), 0) - start)
