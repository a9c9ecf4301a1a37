"""The interface between pipelines and a stream service.

Rules:

1. ``read/`` and ``write/`` know these values and the protocol, and nothing of HTTP or error codes.
2. Sequence numbers are ints that grow within a partition and need not be consecutive. A position is any number: the records at it
   are those from that number on.
3. Partitions are named ``shardId-`` and their number in ten digits, whatever the service calls them. Times are milliseconds since
   1970 by the service's clock.
4. Failures are the errors of ``beam_dis.errors``.
5. An implementation is thread-safe, retries what its own rules allow, and keeps nothing that a caller could lose.
6. Values that exist once per record are structs outside garbage collection: tuples cost the sink 2 of its 7 µs per record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import msgspec

from beam_dis.record import DISRecord, PutRecord


class PartitionDescription(NamedTuple):
    """One partition, which holds the numbers ``[earliest, next)``; ``readable`` is False once it has expired.

    ``is_exact`` is False if it has no records and the service doesn't say which number is next: then both numbers are 0.
    """

    partition_id: str
    earliest: int
    next: int
    writable: bool = True
    readable: bool = True
    is_exact: bool = True


class WriteLimits(NamedTuple):
    """What a stream takes; bytes count record data alone.

    ``request_`` is for one request, ``record_`` for one record, ``partition_`` for one partition in a second. ``partitions`` can be
    written to.
    """

    request_records: int
    request_bytes: int
    record_bytes: int
    partition_records: int = 1000
    partition_bytes: int = 1024 * 1024
    partitions: int = 1


class StreamListing(NamedTuple):
    """A stream with all its partitions, by number, at one moment.

    ``as_of`` is the service's clock (ms) when the listing was requested, by its answer; ``checked_as_of`` is the same if the
    reader checks it against other answers. ``data_schema`` is an Avro schema as JSON text, or None. ``delimiter`` is for CSV.
    ``compression`` is the stream's compression_format, or None. ``retention_ms`` is for how long the stream keeps a record, None if
    that isn't known.
    """

    name: str
    stream_id: str
    data_type: str
    data_schema: str | None
    delimiter: str
    partitions: tuple[PartitionDescription, ...]
    limits: WriteLimits
    as_of: int
    checked_as_of: int | None = None
    compression: str | None = None
    retention_ms: int | None = None

    @property
    def time(self) -> int:
        """The service's clock (ms) when the listing was requested, as far as it is to be believed."""
        return self.as_of if self.checked_as_of is None else self.checked_as_of

    def partition(self, partition_id: str) -> PartitionDescription | None:
        """The partition of this id; None if the stream no longer has it."""
        return next((p for p in self.partitions if p.partition_id == partition_id), None)


class PageRecord(msgspec.Struct, gc=False):
    """A record of a page, without the names that the whole page shares.

    A page has tens of thousands of them, so they are no tuples: those would keep the garbage collector busy. Each becomes a
    short-lived DISRecord when it is decoded.
    """

    sequence_number: int
    data: bytes
    timestamp: int
    partition_key: str | None = None
    client_info: bytes | None = None

    def at(self, stream: str, partition_id: str) -> DISRecord:
        """The same record as a pipeline sees it."""
        return DISRecord(
            stream,
            partition_id,
            self.sequence_number,
            self.partition_key,
            self.data,
            self.timestamp,
            self.client_info,
        )


class ReadPosition(NamedTuple):
    """A sequence number in a partition of a stream.

    ``stream`` is the name or id that requests use; ``stream_id`` tells the stream from one that is recreated under its name.
    """

    stream: str
    stream_id: str
    partition_id: str
    sequence_number: int

    @property
    def partition(self) -> tuple[str, str]:
        """Tells apart the partitions of all streams."""
        return self.stream_id, self.partition_id

    def at(self, sequence_number: int) -> ReadPosition:
        """Another position in the same partition."""
        return self._replace(sequence_number=sequence_number)

    def after(self, records: Sequence[PageRecord]) -> ReadPosition:
        """The position after some records; the same one if there are none."""
        return self.at(records[-1].sequence_number + 1) if records else self


PAGE_MEMORY_BYTES = 6 * 1024 * 1024
"""About the most memory that the records of a page take. Records of one byte take 240 times their data."""


class Page(NamedTuple):
    """The records at a position, in sequence order.

    ``as_of`` is the service's clock (ms) when the page was requested, by its answer; ``checked_as_of`` is the same if the
    reader checks it against other answers. ``reopened`` counts how often the service had to look the position up again because it
    no longer accepted what it had issued for it. ``data_bytes`` is the data of all records. ``full``: more records are likely to
    follow.
    """

    records: list[PageRecord]
    as_of: int
    data_bytes: int
    full: bool
    reopened: int = 0
    checked_as_of: int | None = None

    @property
    def time(self) -> int:
        """The service's clock (ms) when the page was requested, as far as it is to be believed."""
        return self.as_of if self.checked_as_of is None else self.checked_as_of

    @property
    def latest_time(self) -> int:
        """The same at the latest: a record of the page isn't from the future if it isn't newer."""
        return max(self.as_of, self.time)


class Written(msgspec.Struct, frozen=True, gc=False):
    """The place of a record that was written."""

    partition_id: str
    sequence_number: int


class NotWritten(msgspec.Struct, frozen=True, gc=False):
    """The reason why a record was not written.

    ``retriable``: sending it again may help. ``throttled``: so does slowing down. ``no_partition``: its partition doesn't exist, or
    takes no records.
    """

    code: str
    message: str
    retriable: bool
    throttled: bool = False
    no_partition: bool = False


class StreamService(Protocol):
    """The operations of a stream service that the source and the sink use."""

    def describe(self, stream: str) -> StreamListing:
        """List the stream of this name or id, with every partition. Raises StreamNotFoundError."""
        ...

    def locate(self, stream: str, partition_id: str, timestamp: int) -> int:
        """Find the first record at or after ``timestamp`` (ms).

        Returns:
            Its sequence number, or the next number to be written if there is no such record yet.
        """
        ...

    def read(self, position: ReadPosition, max_bytes: int) -> Page:
        """Read the records at a position, perhaps none, up to ``max_bytes`` of data; a single larger record still comes.

        The page takes about ``PAGE_MEMORY_BYTES`` of memory at most, however small its records are.

        Raises:
            OutOfRangeError: the partition doesn't hold that number (any more).
            PartitionExpiredError: the partition was scaled away and its retention has passed.
            StreamNotFoundError: there is no such stream, or its id is no longer the position's.
            ThrottledError: too much traffic; nothing is lost by asking again.
        """
        ...

    def write(self, stream: str, records: Sequence[PutRecord]) -> list[Written | NotWritten]:
        """Write records.

        Returns:
            One result per record, in order.

        Raises:
            DISError: the request as a whole was refused, or got no answer.
        """
        ...

    def ensure_app(self, app: str) -> None:
        """Create the app unless it exists."""
        ...

    def committed(self, app: str, stream: str, partition_id: str) -> int | None:
        """Return the next sequence number that the app committed, or None."""
        ...

    def commit(self, app: str, stream: str, partition_id: str, next_sequence_number: int) -> None:
        """Commit the number that the app will read next."""
        ...

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        ...
