"""Cutting records into requests.

Law: pure, one pass, no Beam. A batch is for one stream and one lane, and never holds more records or bytes than one
request may; bytes count record data alone. What all open batches hold together is bounded: beyond it the fullest goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from beam_dis.errors import EncodeError
from beam_dis.service import OutgoingRecord, WriteLimits

OPEN_BYTES = 64 * 1024 * 1024


class Batch:
    """Records of one request, in the order they came; ``origins`` are the elements they were made of, one each."""

    __slots__ = ("bytes", "lane", "origins", "records", "stream")

    def __init__(self, stream: str, lane: int = 0) -> None:
        self.stream = stream
        self.lane = lane
        self.records: list[OutgoingRecord] = []
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
        self._open: dict[tuple[str, int], tuple[Batch, WriteLimits]] = {}

    def add(self, stream: str, lane: int, record: OutgoingRecord, origin: Any) -> Sequence[Batch]:
        """Take a record; the batches that are full because of it. EncodeError for one no request may hold."""
        size = len(record.data)
        batch, limits = self._open.get((stream, lane)) or (None, self._limits_of(stream))
        if not 0 < size <= min(limits.record_bytes, limits.request_bytes):
            raise EncodeError(_wrong_size(stream, size, limits))
        full: list[Batch] = []
        if batch is not None and batch.bytes + size > limits.request_bytes:
            full.append(self._close(batch))
            batch = None
        if batch is None:
            batch = Batch(stream, lane)
            self._open[stream, lane] = batch, limits
        batch.records.append(record)
        batch.origins.append(origin)
        batch.bytes += size
        self._bytes += size
        if len(batch.records) >= limits.request_records:
            full.append(self._close(batch))
        if self._bytes > self._open_bytes:
            full.append(self._close(max((open_ for open_, _ in self._open.values()), key=_size)))
        return full

    def rest(self) -> list[Batch]:
        """What is left, at the end of the bundle."""
        rest = [batch for batch, _ in self._open.values()]
        self._open.clear()
        self._bytes = 0
        return rest

    def _close(self, batch: Batch) -> Batch:
        del self._open[batch.stream, batch.lane]
        self._bytes -= batch.bytes
        return batch


def _size(batch: Batch) -> int:
    return batch.bytes


def _wrong_size(stream: str, size: int, limits: WriteLimits) -> str:
    if size == 0:
        return f"the record for stream {stream!r} is empty: the service takes records of at least one byte"
    return f"the record has {size:,} bytes; stream {stream!r} takes {limits.record_bytes:,} at most"
