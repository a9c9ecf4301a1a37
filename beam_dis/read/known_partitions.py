"""The restriction of an endless discovery: which partitions have been handed out already.

Law: a value, always truthy. A partition is handed out once, when it is first seen readable, and never forgotten, so that a
restart of the job starts none twice. One that expires keeps its reader, which goes on when it is restored: a second reader
would read it twice, and none would if it were restored between two listings.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from beam_dis.stream_service import PartitionDescription


@dataclass(frozen=True, slots=True)
class KnownPartitions:
    """What has been handed out of the stream of this id ("" before it was listed); ``over`` where another call goes on."""

    stream_id: str = ""
    partitions: tuple[str, ...] = ()
    over: bool = False

    def __bool__(self) -> bool:
        return True

    def new(self, listed: tuple[PartitionDescription, ...]) -> frozenset[str]:
        """The partitions of a listing that are to be handed out."""
        return frozenset(p.partition_id for p in listed if p.readable) - frozenset(self.partitions)

    def after(self, stream_id: str, new: frozenset[str]) -> KnownPartitions:
        """What is known once some have been handed out."""
        return replace(self, stream_id=stream_id, partitions=tuple(sorted({*self.partitions, *new})))
