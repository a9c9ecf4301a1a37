"""A partition to copy and one to copy into, in memory, whose puts fail as a test says."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from beam_dis.client import PageRecord
from beam_dis.client.pages import PutRecordResult, PutResult
from beam_dis.copying.partition_copy import CopyControl, PartitionCopy
from beam_dis.copying.steady_rate import SteadyRate
from beam_dis.copying.target import CopyPosition
from beam_dis.errors import OutOfRangeError, TransportError
from beam_dis.wire.limits import THROUGHPUT

PAGE = 7


class Killed(BaseException):
    """The process ends here."""


class FakePartition:
    """The records of a partition, from ``earliest`` on."""

    def __init__(self, *datas: bytes) -> None:
        self.records: list[PageRecord] = []
        self.earliest = 0
        self.add(*datas)

    def add(self, *datas: bytes, keys: list[str | None] | None = None) -> None:
        for index, data in enumerate(datas):
            number = len(self.records)
            self.records.append(PageRecord(number, data, 1000 + number, keys[index] if keys else None))

    def read(self, number: int) -> list[PageRecord]:
        if number < self.earliest:
            raise OutOfRangeError("expired", earliest=self.earliest, next_number=len(self.records))
        assert number < len(self.records), f"nobody reads at the end: {number}"
        return self.records[number : number + PAGE]

    def read_range(self, start: int, end: int) -> list[PageRecord]:
        found: list[PageRecord] = []
        while start < end:
            found += [record for record in self.read(start) if record.sequence_number < end]
            start = found[-1].sequence_number + 1
        return found


@dataclass
class Put:
    """How a put ends: which records are refused, whether it is stored at all, and what is raised afterwards.

    ``late``: it is stored when the next put comes.
    """

    refused: dict[int, str] = field(default_factory=dict)
    stored: bool = True
    late: bool = False
    error: BaseException | None = None


LOST_BEFORE = Put(stored=False, error=TransportError("cut"))
LOST_AFTER = Put(error=TransportError("cut"))
STORED_LATE = Put(stored=False, late=True, error=TransportError("cut"))


class FakeTarget:
    """A target with one partition. ``puts`` are the ends of the next puts; later ones succeed."""

    stream = "t"
    stream_type = "COMMON"

    def __init__(self) -> None:
        self.partition = FakePartition()
        self.puts: list[Put] = []
        self.checkpoint: CopyPosition | None = None
        self.commits: list[CopyPosition] = []
        self.sent: list[list[bytes]] = []
        self._late: list[PageRecord] = []

    def position(self, _partition_id: str) -> CopyPosition | None:
        return self.checkpoint

    def commit(self, _partition_id: str, position: CopyPosition) -> None:
        self.checkpoint = position
        self.commits.append(position)

    def numbers(self, _partition_id: str) -> tuple[int, int]:
        return self.partition.earliest, len(self.partition.records)

    def reader(self, _partition_id: str) -> FakePartition:
        return self.partition

    def put(self, _partition_id: str, records: list[PageRecord]) -> PutResult:
        self.sent.append([record.data for record in records])
        for record in self._late:
            self.partition.add(record.data, keys=[record.partition_key])
        end = self.puts.pop(0) if self.puts else Put()
        self._late = records if end.late else []
        results = []
        for index, record in enumerate(records if end.stored else []):
            if index in end.refused:
                results.append(PutRecordResult(error_code=end.refused[index], error_message="no"))
            else:
                results.append(PutRecordResult(partition_id="p", sequence_number=len(self.partition.records)))
                self.partition.add(record.data, keys=[record.partition_key])
        if end.error is not None:
            raise end.error
        return PutResult(results)

    @property
    def datas(self) -> list[bytes]:
        return [record.data for record in self.partition.records]


class CopyRig:
    """Makes copies of the same partition, one after the other, as after a restart."""

    def __init__(self) -> None:
        self.source = FakePartition()
        self.target = FakeTarget()
        self.slept: list[float] = []
        self.moved: list[int] = []

    def start(self) -> PartitionCopy:
        rate = SteadyRate(THROUGHPUT["COMMON"], limited=False, clock=lambda: sum(self.slept), sleep=self.slept.append)
        control = CopyControl(stopped=threading.Event(), moved=self.moved.append, sleep=self.slept.append)
        copy = PartitionCopy("shardId-0000000000", self.source, self.target, rate, control)
        copy.start(self.source.earliest, len(self.source.records))
        return copy

    def copy(self, before_ms: int | None = None) -> PartitionCopy:
        """Start a copy and copy everything."""
        copy = self.start()
        copy.copy(len(self.source.records), before_ms)
        return copy


def numbered(count: int) -> list[bytes]:
    """``count`` different records."""
    return [b"%d" % number for number in range(count)]
