"""Groups records into batches, each small enough for one request.

Rules:
1. A batch is for one stream and one queue, and keeps its records in the order in which they were added.
2. A batch never exceeds the service's limits for one request. Bytes count record data alone.
3. All open batches together hold at most ``open_bytes``; beyond that, the largest one is sent.
4. ``batch_records`` and ``batch_bytes`` may make batches smaller than the service allows. A larger record is a batch of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from beam_dis.errors import EncodeError
from beam_dis.names import checked_int
from beam_dis.record import PutRecord
from beam_dis.stream_service import WriteLimits
from beam_dis.wire.limits import MAX_REQUEST_BYTES, MAX_REQUEST_RECORDS

OPEN_BYTES = 64 * 1024 * 1024
MOST_IN_FLIGHT = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestOptions:
    """How many requests are sent at a time, and how large they are at most.

    Attributes:
        in_flight: requests at a time, 1 to 64. As many batches wait.
        batch_records: records of a request; None for as many as the service takes, 1000.
        batch_bytes: bytes of data of a request; None for as many as the stream takes: 1 MiB, or 5 MiB if it is ADVANCED.

    Raises:
        ConfigurationError: a number is out of its range.
    """

    in_flight: int = 8
    batch_records: int | None = None
    batch_bytes: int | None = None

    def __post_init__(self) -> None:
        most = {
            "in_flight": MOST_IN_FLIGHT,
            "batch_records": MAX_REQUEST_RECORDS,
            "batch_bytes": max(MAX_REQUEST_BYTES.values()),
        }
        for name, highest in most.items():
            given = getattr(self, name)
            if given is not None or name == "in_flight":
                object.__setattr__(self, name, checked_int(name, given, 1, highest))


DEFAULT_OPTIONS = RequestOptions()


class Load(NamedTuple):
    """What a record asks of its partition; ``cost`` is its share of the partition's documented throughput of a second."""

    partition: int
    cost: float


class Batch:
    """The records of one request; ``origins`` holds, for each record, the element that it was made from.

    ``loads`` holds what each of them asks of its partition, once the batch is complete and the pace needs it.
    """

    __slots__ = ("bytes", "limits", "loads", "most_bytes", "most_records", "origins", "queue", "records", "stream")

    def __init__(self, stream: str, queue: int, limits: WriteLimits, options: RequestOptions = DEFAULT_OPTIONS) -> None:
        self.stream = stream
        self.queue = queue
        self.limits = limits
        self.most_records = min(limits.request_records, options.batch_records or limits.request_records)
        self.most_bytes = min(limits.request_bytes, options.batch_bytes or limits.request_bytes)
        self.records: list[PutRecord] = []
        self.origins: list[Any] = []
        self.loads: list[Load] | None = None
        self.bytes = 0


class Batcher:
    """The open batches, one per stream and queue.

    ``limits_of`` returns the limits of a request to a stream; it is called whenever a batch is started. ``options`` may make
    requests smaller.
    """

    def __init__(
        self,
        limits_of: Callable[[str], WriteLimits],
        *,
        options: RequestOptions = DEFAULT_OPTIONS,
        open_bytes: int = OPEN_BYTES,
    ) -> None:
        self._limits_of = limits_of
        self._options = options
        self._open_bytes = open_bytes
        self._bytes = 0
        self._open: dict[tuple[str, int], Batch] = {}

    def add(self, stream: str, queue: int, record: PutRecord, origin: Any) -> Sequence[Batch]:
        """Add a record to its batch.

        Returns:
            The batches that are full now. They are closed: the next record starts a new one.

        Raises:
            EncodeError: the record is empty or too large for any request.
            DISError: the limits of the stream aren't known.
        """
        size = len(record.data)
        batch = self._open.get((stream, queue)) or self._start(stream, queue)
        limits = batch.limits
        if not 0 < size <= limits.record_bytes or size > limits.request_bytes:
            raise EncodeError(_wrong_size(stream, size, limits))
        full: Sequence[Batch] = ()
        if batch.records and batch.bytes + size > batch.most_bytes:
            full = (self._close(batch),)
            batch = self._start(stream, queue)
        batch.records.append(record)
        batch.origins.append(origin)
        batch.bytes += size
        self._bytes += size
        if len(batch.records) >= batch.most_records:
            return (*full, self._close(batch))
        if self._bytes > self._open_bytes:
            return (*full, self._close(max(self._open.values(), key=_bytes_of)))
        return full

    def close_all(self) -> list[Batch]:
        """Close all open batches, at the end of the bundle, and return those that have records."""
        batches = [batch for batch in self._open.values() if batch.records]
        self._open.clear()
        self._bytes = 0
        return batches

    def open_batches(self) -> list[Batch]:
        """The open batches that have records."""
        return [batch for batch in self._open.values() if batch.records]

    def close_some(self, batches: Iterable[Batch]) -> list[Batch]:
        """Close those of some batches that are still open, and return them."""
        return [self._close(batch) for batch in batches if self._open.get((batch.stream, batch.queue)) is batch]

    def _start(self, stream: str, queue: int) -> Batch:
        batch = self._open[stream, queue] = Batch(stream, queue, self._limits_of(stream), self._options)
        return batch

    def _close(self, batch: Batch) -> Batch:
        del self._open[batch.stream, batch.queue]
        self._bytes -= batch.bytes
        return batch


def _bytes_of(batch: Batch) -> int:
    return batch.bytes


def _wrong_size(stream: str, size: int, limits: WriteLimits) -> str:
    if size == 0:
        return f"the record for stream {stream!r} is empty: the service takes records of at least one byte"
    most = min(limits.record_bytes, limits.request_bytes)
    return f"the record has {size:,} bytes; stream {stream!r} takes {most:,} at most"
