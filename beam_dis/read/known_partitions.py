"""The restriction of an endless discovery: which partitions have been handed out already.

Law: a value, always truthy. A partition is handed out once per incarnation; one that has expired and is listed again is a
new incarnation. Partitions are never forgotten, so that a restart of the job starts none twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

from beam_dis.service import PartitionDescription


class Known(NamedTuple):
    """A partition that was handed out; ``expired`` once the service has said so."""

    partition_id: str
    incarnation: int
    expired: bool


@dataclass(frozen=True, slots=True)
class KnownPartitions:
    """What has been handed out of the stream of this id ("" before it was listed); ``over`` where another call goes on."""

    stream_id: str = ""
    partitions: tuple[Known, ...] = ()
    over: bool = False

    def __bool__(self) -> bool:
        return True

    def incarnation(self, partition_id: str) -> int | None:
        """Which incarnation was handed out last; None where none was, or it has expired since."""
        known = next((k for k in self.partitions if k.partition_id == partition_id), None)
        return None if known is None or known.expired else known.incarnation

    def next_incarnation(self, partition_id: str) -> int:
        """The incarnation that a partition has if it is handed out now."""
        return next((k.incarnation + 1 for k in self.partitions if k.partition_id == partition_id), 0)

    def new(self, listed: tuple[PartitionDescription, ...]) -> list[PartitionDescription]:
        """The readable partitions of a listing that are to be handed out."""
        return [p for p in listed if p.readable and self.incarnation(p.partition_id) is None]

    def after(self, stream_id: str, listed: tuple[PartitionDescription, ...]) -> KnownPartitions:
        """What is known once a listing's new partitions have been handed out."""
        known = {k.partition_id: k for k in self.partitions}
        for p in listed:
            if not p.readable:
                known[p.partition_id] = Known(p.partition_id, max(0, self.next_incarnation(p.partition_id) - 1), True)
            elif self.incarnation(p.partition_id) is None:
                known[p.partition_id] = Known(p.partition_id, self.next_incarnation(p.partition_id), False)
        return replace(self, stream_id=stream_id, partitions=tuple(sorted(known.values())))
