"""A stream service in memory, for the source's plain parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from beam_dis.errors import CursorRefusedError, OutOfRangeError, PartitionExpiredError, ServiceError
from beam_dis.service import (
    OutgoingRecord,
    Page,
    PageRecord,
    PartitionDescription,
    Refused,
    StreamDescription,
    WriteLimits,
    Written,
)

ZERO = "shardId-0000000000"


class FakeService:
    """One stream ``flights``; partition 0 holds ``[earliest, next)``, pages have ``page_records`` records.

    The arrival time of record n is ``1000 + n // 3`` ms. A cursor serves once per opening after ``forget_cursors()``.
    """

    def __init__(self, earliest: int = 0, next_number: int = 100, *, page_records: int = 10) -> None:
        self.earliest, self.next, self.page_records = earliest, next_number, page_records
        self.expired = False
        self.opened: list[int] = []
        self.reads: list[int] = []
        self.commits: list[tuple[str, str, str, int]] = []
        self.checkpoints: dict[str, int] = {}
        self.generation = 0
        self.stream_id = "id"
        self.refusal: type[ServiceError] = CursorRefusedError

    def record(self, number: int) -> PageRecord:
        return PageRecord(number, b"%d" % number, 1000 + number // 3)

    def forget_cursors(self) -> None:
        self.generation += 1

    def make_anew(self, refusal: type[ServiceError]) -> None:
        self.forget_cursors()
        self.refusal = refusal
        self.stream_id = "another id"

    def describe(self, stream: str) -> StreamDescription:
        partition = PartitionDescription(ZERO, self.earliest, self.next, readable=not self.expired)
        limits = WriteLimits(1000, 2**20, 2**20)
        return StreamDescription(stream, self.stream_id, "BLOB", None, ",", (partition,), limits, 5000)

    def locate(self, stream: str, partition_id: str, timestamp: int) -> int:
        return max(self.earliest, min(self.next, (timestamp - 1000) * 3))

    def open(self, stream: str, partition_id: str, sequence_number: int) -> Any:
        self.opened.append(sequence_number)
        if self.expired:
            raise PartitionExpiredError("Partition is expired.", code="DIS.4319", status=400)
        if not self.earliest <= sequence_number <= self.next:
            raise OutOfRangeError("Sequence_number out of range.", code="DIS.4224", status=400)
        return (self.generation, sequence_number)

    def read(self, cursor: Any, *, max_bytes: int | None = None) -> Page:
        generation, start = cursor
        if generation != self.generation or start < self.earliest:
            raise self.refusal("Expired partition cursor.", code="DIS.4225", status=400)
        self.reads.append(start)
        stop = min(start + self.page_records, self.next)
        return Page([self.record(n) for n in range(start, stop)], (generation, stop), 5000)

    def write(self, stream: str, records: Sequence[OutgoingRecord]) -> list[Written | Refused]:
        raise NotImplementedError

    def ensure_app(self, app: str) -> None:
        self.checkpoints.setdefault(app, -1)

    def committed(self, app: str, stream: str, partition_id: str) -> int | None:
        number = self.checkpoints.get(app, -1)
        return None if number < 0 else number

    def commit(self, app: str, stream: str, partition_id: str, next_sequence_number: int) -> None:
        self.commits.append((app, stream, partition_id, next_sequence_number))

    def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def fake_service() -> Callable[..., FakeService]:
    return FakeService
