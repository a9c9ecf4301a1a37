"""The fake of ``beam_dis.stream_service.StreamService``, for tests of the source and the sink.

Rules:

1. It keeps every promise of the protocol. ``test_contract.py`` runs the same tests on it and on DIS.
2. A partition holds the numbers ``[earliest, next)``. Its records are those that were written; a number that nobody wrote has
   a record too, which is made when it is read.
3. A test may set any public attribute and replace any method.
"""

from __future__ import annotations

import itertools
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple
from weakref import WeakValueDictionary

from beam_dis.errors import DISError, StreamNotFoundError, TransportError, service_error
from beam_dis.record import PutRecord
from beam_dis.stream_service import (
    NotWritten,
    Page,
    PageRecord,
    PartitionDescription,
    ReadPosition,
    StreamListing,
    WriteLimits,
    Written,
)
from beam_dis.wire.ranges import hash_of, hash_ranges, partition_id, partition_number

THROTTLED = NotWritten("DIS.4303", "Exceeded traffic control limit.", retriable=True, throttled=True)
BROKEN = NotWritten("DIS.5250", "Record could not be stored.", retriable=True)
REJECTED = NotWritten("DIS.4200", "Invalid request.", retriable=False)
NO_PARTITION = NotWritten("DIS.4302", "Partition does not exist.", retriable=False, no_partition=True)
EMPTY = NotWritten("DIS.4200", "The record is empty.", retriable=False)


class Partly(NamedTuple):
    """A write that succeeds in part: record n isn't written if bit n of ``mask`` is set."""

    mask: int
    refusal: NotWritten = THROTTLED


class Lost(NamedTuple):
    """A write that is carried out, but its answer is lost."""


Fault = Partly | Lost | Exception | None


class FakePartition:
    """One partition, which holds the numbers ``[earliest, next)``."""

    def __init__(self, number: int, earliest: int = 0, next_number: int = 0) -> None:
        self.partition_id = partition_id(number)
        self.earliest, self.next = earliest, next_number
        self.writable, self.expired = True, False
        self._written: dict[int, PageRecord] = {}

    def record(self, number: int) -> PageRecord:
        """The record of a number. One that nobody wrote has the number as its data and arrived at 1000 + number // 3 ms."""
        return self._written.get(number) or PageRecord(number, b"%d" % number, 1000 + number // 3)

    def append(self, record: PutRecord, timestamp: int) -> Written:
        """Write a record."""
        number, self.next = self.next, self.next + 1
        self._written[number] = PageRecord(number, record.data, timestamp, record.partition_key)
        return Written(self.partition_id, number)

    def description(self) -> PartitionDescription:
        """The partition in a listing. One that expired has no numbers there."""
        if self.expired:
            return PartitionDescription(self.partition_id, 0, 0, writable=False, readable=False)
        return PartitionDescription(self.partition_id, self.earliest, self.next, self.writable)


class FakeStream:
    """A stream; ``written`` are the records that were put to it, oldest first."""

    def __init__(self, stream_id: str, partitions: list[FakePartition]) -> None:
        self.stream_id = stream_id
        self.partitions = partitions
        self.written: list[PutRecord] = []

    def partition_for(self, record: PutRecord) -> FakePartition | None:
        """The partition to which a record goes; None if it names one that can't be written to."""
        writable = [partition for partition in self.partitions if partition.writable and not partition.expired]
        if record.partition_id is not None:
            wanted = partition_id(partition_number(str(record.partition_id)))
            return next((partition for partition in writable if partition.partition_id == wanted), None)
        if record.explicit_hash_key is None and record.partition_key is None:
            return writable[0]
        key = record.explicit_hash_key
        hashed = hash_of(str(record.partition_key)) if key is None else int(key)
        return writable[bisect_right([held.start for held in hash_ranges(len(writable))], hashed) - 1]


def _of_partitions(name: str) -> Any:
    """An attribute of the first stream's partitions: read from the first of them, set on all."""

    def get(service: FakeService) -> Any:
        return getattr(service.first.partitions[0], name)

    def change(service: FakeService, value: Any) -> None:
        for partition in service.first.partitions:
            setattr(partition, name, value)

    return property(get, change)


class FakeService:
    """Streams in memory; by default one, ``flights``, with one partition that holds the numbers 0 to 99.

    Args:
        earliest: the first number of each partition.
        next_number: the number after its last one.
        page_records: the most records of a page.
        streams: the names of the streams.
        partitions: how many each of them has.
        faults: what happens to the first writes, one each: None, Partly, Lost or an exception. Later writes succeed.
        limits: the limits that listings report.
        reject: the records for which it returns True are refused for good.

    ``earliest``, ``next``, ``record`` and ``expired`` are those of the first stream's partitions: setting one sets it on all of
    them. ``stream_id`` is the first stream's id and ``now_ms`` the service's clock.

    Calls are noted down: ``described`` has the names of streams, ``reads`` the numbers at
    which pages were read, ``requests`` a ``(stream, records)`` for each write, and ``commits`` the arguments of each commit.
    ``checkpoints`` are the numbers committed last, by app, stream and partition.
    """

    earliest = _of_partitions("earliest")
    next = _of_partitions("next")
    record = _of_partitions("record")
    expired = _of_partitions("expired")

    def __init__(
        self,
        earliest: int = 0,
        next_number: int = 100,
        *,
        page_records: int = 10,
        streams: Iterable[str] = ("flights",),
        partitions: int = 1,
        faults: Iterable[Fault] = (),
        limits: WriteLimits | None = None,
        reject: Callable[[PutRecord], bool] = lambda _: False,
    ) -> None:
        self.page_records = page_records
        self.faults = iter(faults)
        self.limits = limits or WriteLimits(1000, 2**20, 2**20)
        self.reject = reject
        self.now_ms = 5000
        self.retention_ms: int | None = 86_400_000
        self.closed = False
        self.streams: dict[str, FakeStream] = {}
        self.apps: set[str] = set()
        self.checkpoints: dict[tuple[str, str, str], int] = {}
        self.described: list[str] = []
        self.reads: list[int] = []
        self.requests: list[tuple[str, list[PutRecord]]] = []
        self.commits: list[tuple[str, str, str, int]] = []
        self._stream_ids = (f"id {number}" if number else "id" for number in itertools.count())
        self._lock = threading.Lock()
        for stream in streams:
            self.create(stream, partitions, earliest, next_number)

    @classmethod
    def empty(cls, faults: Iterable[Fault] = (), *, streams: Iterable[str] = ("s",), **settings: Any) -> FakeService:
        """A service without records, to write to; its one stream is ``s``."""
        return cls(0, 0, faults=faults, streams=streams, **settings)

    @property
    def first(self) -> FakeStream:
        """The stream that was created first."""
        return next(iter(self.streams.values()))

    @property
    def stream_id(self) -> str:
        """The id of the first stream."""
        return self.first.stream_id

    @stream_id.setter
    def stream_id(self, value: str) -> None:
        self.first.stream_id = value

    def create(self, stream: str, partitions: int = 1, earliest: int = 0, next_number: int = 0) -> FakeStream:
        """Create a stream, or create it again: it has a new id and other records then."""
        made = [FakePartition(number, earliest, next_number) for number in range(partitions)]
        self.streams[stream] = FakeStream(next(self._stream_ids), made)
        return self.streams[stream]

    def written(self, stream: str = "s") -> list[PutRecord]:
        """The records that were put to a stream, oldest first."""
        return self.streams[stream].written

    def describe(self, stream: str) -> StreamListing:
        self._check_open()
        self.described.append(stream)
        name, found = self._find(stream)
        partitions = tuple(partition.description() for partition in found.partitions)
        return StreamListing(
            name,
            found.stream_id,
            "BLOB",
            None,
            ",",
            partitions,
            self.limits,
            self.now_ms,
            retention_ms=self.retention_ms,
        )

    def locate(self, stream: str, partition_id: str, timestamp: int) -> int:
        self._check_open()
        partition = self._partition(stream, partition_id)
        numbers = range(partition.earliest, partition.next)
        return partition.earliest + bisect_left(
            numbers, timestamp, key=lambda number: partition.record(number).timestamp
        )

    def read(self, position: ReadPosition, max_bytes: int) -> Page:
        self._check_open()
        _, stream = self._find(position.stream)
        if position.stream_id != stream.stream_id:
            raise StreamNotFoundError("the stream was deleted and recreated", code="DIS.4301", status=400)
        partition = self._partition(position.stream, position.partition_id)
        start = position.sequence_number
        if partition.expired:
            raise service_error("Partition is expired.", code="DIS.4319", status=400)
        if not partition.earliest <= start <= partition.next:
            held = {"earliest": partition.earliest, "next_number": partition.next}
            raise service_error("Sequence_number out of range.", code="DIS.4224", status=400, **held)
        self.reads.append(start)
        records: list[PageRecord] = []
        size = 0
        for number in range(start, min(start + self.page_records, partition.next)):
            record = partition.record(number)
            if size + len(record.data) > max_bytes and records:
                break
            records.append(record)
            size += len(record.data)
        return Page(records, self.now_ms, data_bytes=size, full=size > max_bytes // 2)

    def write(self, stream: str, records: Sequence[PutRecord]) -> list[Written | NotWritten]:
        self._check_open()
        with self._lock:
            self.requests.append((stream, list(records)))
            fault = next(self.faults, None)
            if isinstance(fault, Exception):
                raise fault
            _, found = self._find(stream)
            mask, refusal = fault if isinstance(fault, Partly) else (0, THROTTLED)
            results = [
                refusal if mask >> index & 1 else self._append(found, record) for index, record in enumerate(records)
            ]
            if isinstance(fault, Lost):
                raise TransportError("the connection was cut")
            return results

    def ensure_app(self, app: str) -> None:
        self._check_open()
        self.apps.add(app)

    def committed(self, app: str, stream: str, partition_id: str) -> int | None:
        self._check_open()
        return self.checkpoints.get((app, stream, partition_id))

    def commit(self, app: str, stream: str, partition_id: str, next_sequence_number: int) -> None:
        self._check_open()
        self.commits.append((app, stream, partition_id, next_sequence_number))
        self.checkpoints[app, stream, partition_id] = next_sequence_number

    def close(self) -> None:
        self.closed = True

    def _append(self, stream: FakeStream, record: PutRecord) -> Written | NotWritten:
        if not record.data:
            return EMPTY
        if self.reject(record):
            return REJECTED
        partition = stream.partition_for(record)
        if partition is None:
            return NO_PARTITION
        stream.written.append(record)
        return partition.append(record, self.now_ms)

    def _find(self, stream: str) -> tuple[str, FakeStream]:
        for name, found in self.streams.items():
            if stream in (name, found.stream_id):
                return name, found
        raise StreamNotFoundError(f"no stream {stream!r}", code="DIS.4301", status=400)

    def _partition(self, stream: str, wanted: str) -> FakePartition:
        _, found = self._find(stream)
        for partition in found.partitions:
            if partition.partition_id == wanted:
                return partition
        raise service_error(f"stream {stream!r} has no partition {wanted}", code="DIS.4302", status=400)

    def _check_open(self) -> None:
        if self.closed:
            raise DISError("the service is closed")


NUMBERS = itertools.count()
SERVICES: WeakValueDictionary[int, FakeService] = WeakValueDictionary()


class ServiceOf:
    """Returns one service for every connection. It pickles as a number, because a pipeline must not copy a fake."""

    def __init__(self, service: FakeService) -> None:
        self.number = next(NUMBERS)
        self.service = SERVICES[self.number] = service

    def __reduce__(self) -> tuple[Callable[[int], ServiceOf], tuple[int]]:
        return service_of, (self.number,)

    def __call__(self, connection: object) -> FakeService:
        return self.service


def service_of(number: int) -> ServiceOf:
    """The ServiceOf of a service of this process, by its number."""
    return ServiceOf(SERVICES[number])
