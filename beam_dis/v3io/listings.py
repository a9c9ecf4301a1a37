"""The ends of the shards of a stream, and what is kept of them so that an idle shard costs one request per listing.

Rules:

1. The location of a shard's first record is kept. As long as the same record is there, with as many after it, the end is the same.
2. Several shards are asked at a time, on a few threads, and their requests are counted for the caller.
"""

from __future__ import annotations

from concurrent.futures import Future
from contextvars import copy_context
from typing import NamedTuple

from beam_dis.daemon_threads import DaemonThreads
from beam_dis.forks import ForkSafeLock
from beam_dis.stream_service import PartitionDescription
from beam_dis.v3io.shards import FoundAt, Shard, ShardSearch
from beam_dis.wire.ranges import partition_id

_MOST_KEPT = 100_000
_THREADS = 8


class _KnownEnds(NamedTuple):
    """A shard's first record, and the number after its last one."""

    first: FoundAt
    next: int


class ShardListings:
    """The ends of shards; thread-safe."""

    def __init__(self, search: ShardSearch) -> None:
        self._search = search
        self._known: dict[Shard, _KnownEnds] = {}
        self._lock = ForkSafeLock()
        self._threads = DaemonThreads(_THREADS, "beam_dis v3io listing")

    def partitions(self, path: str, count: int) -> tuple[PartitionDescription, ...]:
        """The shards of a stream, as partitions."""
        shards = [Shard(path, number) for number in range(count)]
        if count == 1:
            return (self.partition(shards[0]),)
        futures = [self._threads.submit(copy_context().run, self.partition, shard) for shard in shards]
        return _results(futures)

    def partition(self, shard: Shard) -> PartitionDescription:
        """One shard. An empty one has the numbers ``[0, 0)``, which aren't exact."""
        known = self._known.get(shard)
        first = self._search.first(shard, known.first.location if known else None)
        if known and (first.location, first.number, first.behind) == (
            known.first.location,
            known.first.number,
            known.first.behind,
        ):
            next_number = known.next
        else:
            next_number = self._search.next_number(shard, first)
        with self._lock:
            self._known.pop(shard, None)
            self._known[shard] = _KnownEnds(first, next_number)
            while len(self._known) > _MOST_KEPT:
                self._known.pop(next(iter(self._known)))
        return PartitionDescription(
            partition_id(shard.number), first.number or 0, next_number, is_exact=first.number is not None
        )


def _results(futures: list[Future[PartitionDescription]]) -> tuple[PartitionDescription, ...]:
    """The results; if one has failed, those that haven't begun are given up."""
    try:
        return tuple(future.result() for future in futures)
    finally:
        for future in futures:
            future.cancel()
