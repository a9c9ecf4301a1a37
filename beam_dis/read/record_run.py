"""Records of one partition and one arrival time, taken together: what ReadPartition hands to DecodePage.

Law: order is kept and nothing is lost; neighbours of equal time make one run. Records of one put share their arrival
time, so a page is a few runs, and a timestamp is attached to each run instead of to each record. The records in it become
DISRecords one at a time, when they are handed on: a page of tuples would keep the garbage collector busy.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, repeat
from operator import attrgetter

import msgspec

from beam_dis.record import DISRecord
from beam_dis.stream_service import PageRecord

_timestamp = attrgetter("timestamp")


class RecordRun(msgspec.Struct, frozen=True):
    """Consecutive records of a partition."""

    stream: str
    partition_id: str
    records: list[PageRecord]

    def __iter__(self) -> Iterator[DISRecord]:
        return map(PageRecord.at, self.records, repeat(self.stream), repeat(self.partition_id))


def runs_of_equal_time(run: RecordRun) -> Iterator[tuple[int, RecordRun]]:
    """``(milliseconds, run)`` for each arrival time, in order."""
    for time, records in groupby(run.records, key=_timestamp):
        yield time, RecordRun(run.stream, run.partition_id, list(records))
