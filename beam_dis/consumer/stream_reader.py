"""Reads a stream: all its records up to now page by page or in order of arrival, and those that arrive from then on.

Rules:

1. ``pages`` is the fastest. It reads up to ``THREADS`` partitions at a time; between partitions there is no order.
2. ``arrivals`` merges the partitions by time of arrival, then by partition.
3. ``follow`` goes on where ``arrivals`` ends; between partitions records come as they are read then.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from queue import SimpleQueue
from typing import NamedTuple

from beam_dis.consumer.bounds import Bounds, LastRecords, ranges_of
from beam_dis.consumer.following import Following
from beam_dis.consumer.partition_pages import Done, PartitionPage, PartitionPages, start_read
from beam_dis.daemon_threads import DaemonThreads
from beam_dis.stream_service import PageRecord, ReadPosition, StreamListing, StreamService

THREADS = 8

_PAGE_BYTES = 2 * 1024 * 1024
_MERGED_BYTES = 32 * 1024 * 1024
"""About as much data as the pages of all partitions have that are merged."""
_LEAST_PAGE_BYTES = 24 * 1024


class Arrival(NamedTuple):
    """A record and its partition."""

    partition_id: str
    record: PageRecord


class StreamReader:
    """Reads one stream once, between bounds.

    Args:
        service: reads the stream.
        stream: its name or id.
        bounds: what is read.
        executor: runs requests; by default threads of its own.
        clock: seconds that never go back.
        sleep: pauses.
        warn: called with a message if records had expired or a request is repeated.

    Raises:
        DISError: the stream can't be described, or a bound can't be found.
    """

    def __init__(
        self,
        service: StreamService,
        stream: str,
        bounds: Bounds,
        *,
        executor: Executor | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._service = service
        self._stream = stream
        self._bounds = bounds
        self._executor = executor or DaemonThreads(THREADS, "StreamReader")
        self._clock = clock
        self._sleep = sleep
        self._warn = warn
        self.listing = service.describe(stream)
        self.ranges = ranges_of(service, stream, self.listing, bounds, each=self._executor.map)
        self._readers = [self._pages(each.partition_id, each.start, each.stop) for each in self.ranges]

    @property
    def total(self) -> int:
        """How many numbers are between the bounds."""
        return sum(each.stop - each.start for each in self.ranges)

    @property
    def expired(self) -> int:
        """How many records between the bounds had expired before they were read."""
        return sum(reader.expired for reader in self._readers)

    def pages(self) -> Iterator[PartitionPage]:
        """The pages between the bounds."""
        waiting = deque(reader for reader in self._readers if not reader.ended)
        done: Done = SimpleQueue()
        active = 0
        while waiting and active < THREADS:
            start_read(self._executor, waiting.popleft(), done)
            active += 1
        while active:
            reader, future = done.get()
            records = future.result()
            if not reader.ended:
                start_read(self._executor, reader, done)
            elif waiting:
                start_read(self._executor, waiting.popleft(), done)
            else:
                active -= 1
            if records:
                yield PartitionPage(reader.partition_id, records)

    def arrivals(self) -> Iterator[Arrival]:
        """The records between the bounds, in order of arrival."""
        start = self._bounds.start
        merged: Iterable[Arrival] = heapq.merge(
            *(self._arrivals_of(reader) for reader in self._readers),
            key=lambda arrival: (arrival.record.timestamp, arrival.partition_id, arrival.record.sequence_number),
        )
        return iter(deque(merged, maxlen=start.count) if isinstance(start, LastRecords) else merged)

    def follow(self, waiting: Callable[[], object] = lambda: None) -> Iterator[Arrival]:
        """The records between the bounds in order of arrival, and then those that arrive.

        It ends only if all partitions that were asked for are closed. While nothing arrives ``waiting`` is called at least once a
        second; what it raises ends the read.
        """
        yield from self.arrivals()
        following = Following(
            self._describe,
            self.listing,
            [self._pages(reader.partition_id, reader.position.sequence_number, None) for reader in self._readers],
            added=lambda partition: self._pages(partition.partition_id, partition.earliest, None),
            others=self._bounds.partitions is None,
            executor=self._executor,
            clock=self._clock,
            sleep=self._sleep,
        )
        for page in following.pages():
            if page is None:
                waiting()
            else:
                yield from (Arrival(page.partition_id, record) for record in page.records)

    def _describe(self) -> StreamListing:
        return self._service.describe(self._stream)

    def _arrivals_of(self, reader: PartitionPages) -> Iterator[Arrival]:
        """The records of a partition, each page requested while those of the page before are taken."""
        ahead = self._executor.submit(reader.read)
        while True:
            records, ended = ahead.result(), reader.ended
            if not ended:
                ahead = self._executor.submit(reader.read)
            for record in records:
                yield Arrival(reader.partition_id, record)
            if ended:
                return

    def _pages(self, partition_id: str, start: int, stop: int | None) -> PartitionPages:
        partitions = max(1, len(self.listing.partitions))
        return PartitionPages(
            self._service,
            ReadPosition(self._stream, self.listing.stream_id, partition_id, start),
            stop,
            page_bytes=max(_LEAST_PAGE_BYTES, min(_PAGE_BYTES, _MERGED_BYTES // partitions)),
            sleep=self._sleep,
            warn=self._warn,
        )
