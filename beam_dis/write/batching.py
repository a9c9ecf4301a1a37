"""Groups records into batches, each small enough for one request.

Rules:
1. A batch is for one stream and one queue, and keeps its records in the order in which they were added.
2. A batch never exceeds the service's limits for one request. Bytes count record data alone.
3. All open batches together hold at most ``open_bytes``; beyond that, the largest one is sent.
4. A stream is described once. A stream that doesn't exist is asked for once a bundle, since it may be created later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from beam_dis.errors import EncodeError, StreamNotFoundError
from beam_dis.record import PutRecord
from beam_dis.stream_service import StreamListing, WriteLimits

OPEN_BYTES = 64 * 1024 * 1024


class Batch:
    """The records of one request; ``origins`` holds, for each record, the element that it was made from."""

    __slots__ = ("bytes", "limits", "origins", "queue", "records", "stream")

    def __init__(self, stream: str, queue: int, limits: WriteLimits) -> None:
        self.stream = stream
        self.queue = queue
        self.limits = limits
        self.records: list[PutRecord] = []
        self.origins: list[Any] = []
        self.bytes = 0


class Batcher:
    """The open batches, one per stream and queue.

    ``limits_of`` returns the limits of a request to a stream; it is called whenever a batch is started.
    """

    def __init__(self, limits_of: Callable[[str], WriteLimits], *, open_bytes: int = OPEN_BYTES) -> None:
        self._limits_of = limits_of
        self._open_bytes = open_bytes
        self._bytes = 0
        self._open: dict[tuple[str, int], Batch] = {}

    def add(self, stream: str, queue: int, record: PutRecord, origin: Any) -> Sequence[Batch]:
        """Add a record to its batch.

        Returns:
            The batches that are full now. They are closed: the next record starts a new one.

        Raises:
            EncodeError: the record is empty or too large for any request.
            StreamNotFoundError: there is no such stream.
        """
        size = len(record.data)
        batch = self._open.get((stream, queue)) or self._start(stream, queue)
        limits = batch.limits
        if not 0 < size <= limits.record_bytes or size > limits.request_bytes:
            raise EncodeError(_wrong_size(stream, size, limits))
        full: Sequence[Batch] = ()
        if batch.bytes + size > limits.request_bytes:
            full = (self._close(batch),)
            batch = self._start(stream, queue)
        batch.records.append(record)
        batch.origins.append(origin)
        batch.bytes += size
        self._bytes += size
        if len(batch.records) >= limits.request_records:
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

    def _start(self, stream: str, queue: int) -> Batch:
        batch = self._open[stream, queue] = Batch(stream, queue, self._limits_of(stream))
        return batch

    def _close(self, batch: Batch) -> Batch:
        del self._open[batch.stream, batch.queue]
        self._bytes -= batch.bytes
        return batch


class StreamLimits:
    """The limits of a request to each stream, from its description; used by one thread."""

    def __init__(self, describe: Callable[[str], StreamListing]) -> None:
        self._describe = describe
        self._known: dict[str, WriteLimits] = {}
        self._missing: dict[str, StreamNotFoundError] = {}

    def __call__(self, stream: str) -> WriteLimits:
        """The limits of a stream, by its name or id. Raises StreamNotFoundError."""
        limits = self._known.get(stream)
        if limits is not None:
            return limits
        if stream in self._missing:
            raise self._missing[stream]
        try:
            limits = self._known[stream] = self._describe(stream).limits
        except StreamNotFoundError as error:
            self._missing[stream] = error
            raise
        return limits

    def forget_missing(self) -> None:
        """Ask again for the streams that didn't exist: a new bundle begins."""
        self._missing.clear()


def _bytes_of(batch: Batch) -> int:
    return batch.bytes


def _wrong_size(stream: str, size: int, limits: WriteLimits) -> str:
    if size == 0:
        return f"the record for stream {stream!r} is empty: the service takes records of at least one byte"
    most = min(limits.record_bytes, limits.request_bytes)
    return f"the record has {size:,} bytes; stream {stream!r} takes {most:,} at most"
