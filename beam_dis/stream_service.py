"""The seam between the pipeline's side and a stream service.

Law: ``read/`` and ``write/`` know this protocol and nothing of HTTP, codes or cursors. Cursors are opaque, belong to the
service that opened them, and are never stored in a restriction. Sequence numbers are ints, partitions are named as the
service names them, times are epoch milliseconds of the service's clock. Failures are the tree of ``beam_dis.errors``.
An implementation is thread-safe, retries what its own rules allow, and holds no state that a caller could lose.
What passes once a record is a struct that the garbage collector needn't visit: tuples cost the sink 2 of 7 µs a record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from beam_dis.record import DISRecord, PutRecord


class PartitionDescription(NamedTuple):
    """One partition: what it holds is ``[earliest, next)``. ``readable`` is False once it has expired."""

    partition_id: str
    earliest: int
    next: int
    writable: bool = True
    readable: bool = True


class WriteLimits(NamedTuple):
    """What one request may hold; bytes count record data alone."""

    request_records: int
    request_bytes: int
    record_bytes: int


class StreamListing(NamedTuple):
    """A stream and all its partitions, by number, as of one listing.

    ``as_of`` is the service's clock in ms when the listing was asked for; ``data_schema`` is Avro JSON text or None;
    ``delimiter`` belongs to CSV.
    """

    name: str
    stream_id: str
    data_type: str
    data_schema: str | None
    delimiter: str
    partitions: tuple[PartitionDescription, ...]
    limits: WriteLimits
    as_of: int


class PageRecord(msgspec.Struct, gc=False):
    """A record within a page, which knows where the page is from.

    Not a tuple, so that the ten thousands of a page cost the garbage collector nothing; a DISRecord is made of each only
    when it is handed on, and dies young.
    """

    sequence_number: int
    data: bytes
    timestamp: int
    partition_key: str | None = None

    def at(self, stream: str, partition_id: str) -> DISRecord:
        """The same record as a pipeline sees it."""
        return DISRecord(stream, partition_id, self.sequence_number, self.partition_key, self.data, self.timestamp)


class Page(NamedTuple):
    """What one read returned, in sequence order; ``cursor`` is where the next read goes on.

    ``as_of`` is the service's clock in ms when the page was asked for.
    """

    records: list[PageRecord]
    cursor: Any
    as_of: int


class Written(msgspec.Struct, frozen=True, gc=False):
    """Where a record is now."""

    partition_id: str
    sequence_number: int


class NotWritten(msgspec.Struct, frozen=True, gc=False):
    """Why a record was not written. ``retriable``: sending it again may help; ``throttled``: after slowing down."""

    code: str
    message: str
    retriable: bool
    throttled: bool = False


class StreamService(Protocol):
    """What the source and the sink ask of a stream service."""

    def describe(self, stream: str) -> StreamListing:
        """The stream of this name or id, with every partition. Raises StreamNotFoundError."""
        ...

    def locate(self, stream: str, partition_id: str, timestamp: int) -> int:
        """The number of the first record at or after ``timestamp`` (ms); what is written next where there is none yet."""
        ...

    def open(self, stream: str, partition_id: str, sequence_number: int) -> Any:
        """A cursor at ``sequence_number``. Raises OutOfRangeError, PartitionExpiredError."""
        ...

    def read(self, cursor: Any, *, max_bytes: int | None = None) -> Page:
        """The next records at a cursor, perhaps none. Raises CursorRefusedError, PartitionExpiredError, ThrottledError."""
        ...

    def write(self, stream: str, records: Sequence[PutRecord]) -> list[Written | NotWritten]:
        """Write records; what became of each, in order. Raises where the request as a whole was refused or lost."""
        ...

    def ensure_app(self, app: str) -> None:
        """Make the app if it is missing."""
        ...

    def committed(self, app: str, stream: str, partition_id: str) -> int | None:
        """The next sequence number the app committed, None if none."""
        ...

    def commit(self, app: str, stream: str, partition_id: str, next_sequence_number: int) -> None:
        """Commit the number that the app will read next."""
        ...

    def close(self) -> None:
        """Let go of connections; using the service afterwards is an error."""
        ...
