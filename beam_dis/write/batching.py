"""Cutting records into requests.

Law: pure, one pass, no Beam. A batch is for one stream and one lane, and never holds more records or bytes than one
request may; bytes count record data alone. What all open batches hold together is bounded: beyond it the fullest goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from beam_dis.errors import EncodeError
from beam_dis.record import PutRecord
from beam_dis.stream_service import WriteLimits

OPEN_BYTES = 64 * 1024 * 1024


class Batch:
    """Records of one request, in the order they came; ``origins`` say for each what it was made of."""

    __slots__ = ("bytes", "lane", "limits", "origins", "records", "stream")

    def __init__(self, stream: str, lane: int, limits: WriteLimits) -> None:
        self.stream = stream
        self.lane = lane
        self.limits = limits
        self.records: list[PutRecord] = []
        self.origins: list[Any] = []
        self.bytes = 0


class Batcher:
    """Open batches, one for each stream and lane.

    ``limits_of`` says what a request to a stream may hold; it is asked whenever a batch is begun.
    """

    def __init__(self, limits_of: Callable[[str], WriteLimits], *, open_bytes: int = OPEN_BYTES) -> None:
        self._limits_of = limits_of
        self._open_bytes = open_bytes
        self._bytes = 0
        self._open: dict[tuple[str, int], Batch] = {}

    def add(self, stream: str, lane: int, record: PutRecord, origin: Any) -> Sequence[Batch]:
        """Take a record; the batches that are full because of it. EncodeError for one no request may hold."""
        size = len(record.data)
        batch = self._open.get((stream, lane)) or self._begin(stream, lane)
        limits = batch.limits
        if not 0 < size <= limits.record_bytes or size > limits.request_bytes:
            raise EncodeError(_wrong_size(stream, size, limits))
        full: Sequence[Batch] = ()
        if batch.bytes + size > limits.request_bytes:
            full = (self._close(batch),)
            batch = self._begin(stream, lane)
        batch.records.append(record)
        batch.origins.append(origin)
        batch.bytes += size
        self._bytes += size
        if len(batch.records) >= limits.request_records:
            return (*full, self._close(batch))
        if self._bytes > self._open_bytes:
            return (*full, self._close(max(self._open.values(), key=_size)))
        return full

    def rest(self) -> list[Batch]:
        """What is left, at the end of the bundle."""
        rest = [batch for batch in self._open.values() if batch.records]
        self._open.clear()
        self._bytes = 0
        return rest

    def _begin(self, stream: str, lane: int) -> Batch:
        batch = self._open[stream, lane] = Batch(stream, lane, self._limits_of(stream))
        return batch

    def _close(self, batch: Batch) -> Batch:
        del self._open[batch.stream, batch.lane]
        self._bytes -= batch.bytes
        return batch


def _size(batch: Batch) -> int:
    return batch.bytes


def _wrong_size(stream: str, size: int, limits: WriteLimits) -> str:
    if size == 0:
        return f"the record for stream {stream!r} is empty: the service takes records of at least one byte"
    most = min(limits.record_bytes, limits.request_bytes)
    return f"the record has {size:,} bytes; stream {stream!r} takes {most:,} at most"
