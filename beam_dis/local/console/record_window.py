"""Finds the records of a page: where it begins, which records it has, and where the pages before and after it begin.

Rules:

1. A page reads at most :data:`MOST_RECORDS` records and about :data:`MOST_BYTES` of data, whatever it looks for.
2. What it has looked at is a range of consecutive numbers, so that the next page goes on exactly after it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from beam_dis.local.console.parts import ConsoleError
from beam_dis.local.store import Partition, Store, Stream
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import MIB

MOST_RECORDS = 2_000
MOST_BYTES = 2 * MIB
_STEP = 200
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)


class FoundRecord(NamedTuple):
    """One record of a partition."""

    number: int
    timestamp_ms: int
    key: str | None
    data: bytes


class Window(NamedTuple):
    """The records of a page, oldest first, that are among ``[start, end)``, the numbers that were looked at."""

    records: list[FoundRecord]
    start: int
    end: int


Wanted = Callable[[FoundRecord], bool]


def time_ms(text: str) -> int:
    """A time such as ``2026-01-01 12:00``, in UTC unless it says otherwise, as milliseconds; ConsoleError 400 for anything else."""
    try:
        time = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        # the first whole millisecond that isn't before the time, without the rounding of floats
        return -((_EPOCH - (time if time.tzinfo else time.replace(tzinfo=timezone.utc))) // _MILLISECOND)
    except (ValueError, OverflowError):
        raise ConsoleError(400, f"The time {text[:60]!r} is not one such as 2026-01-31 12:00.") from None


def number_at(store: Store, stream: Stream, partition: Partition, milliseconds: int) -> int:
    """The number of the first record at or after a time; the oldest one's if earlier ones have expired."""
    try:
        return store.locate(stream, partition.number, milliseconds)
    except Refusal as refusal:
        if refusal.code != "DIS.4300":
            raise
        return partition.earliest


def window_after(store: Store, stream: Stream, partition: Partition, start: int, count: int, wanted: Wanted) -> Window:
    """The first ``count`` wanted records from ``start`` on."""
    found: list[FoundRecord] = []
    position = first = min(max(start, partition.earliest), partition.next)
    read = size = 0
    while position < partition.next and len(found) < count and read < MOST_RECORDS and size < MOST_BYTES:
        page = read_records(store, stream, partition, position, min(_STEP, MOST_RECORDS - read), MOST_BYTES - size)
        for record in page:
            position = record.number + 1
            read, size = read + 1, size + len(record.data)
            if wanted(record):
                found.append(record)
            if len(found) == count:
                break
        if not page:
            break
    return Window(found, first, position)


def window_before(store: Store, stream: Stream, partition: Partition, end: int, count: int, wanted: Wanted) -> Window:
    """The last ``count`` wanted records before ``end``."""
    found: list[FoundRecord] = []
    end = position = min(max(end, partition.earliest), partition.next)
    read = size = 0
    while position > partition.earliest and len(found) < count and read < MOST_RECORDS and size < MOST_BYTES:
        start = _step_back(store, stream, partition, position, min(max(_STEP // 2, count), MOST_RECORDS - read))
        page = read_records(store, stream, partition, start, position - start, 2 * MOST_BYTES)
        page = [record for record in page if record.number < position]
        if not page or page[-1].number != position - 1:
            break  # records have expired meanwhile
        for record in reversed(page):
            position = record.number
            read, size = read + 1, size + len(record.data)
            if wanted(record):
                found.insert(0, record)
            if len(found) == count:
                break
    return Window(found, position, end)


def read_records(
    store: Store, stream: Stream, partition: Partition, start: int, most: int, max_bytes: int
) -> list[FoundRecord]:
    """At most ``most`` records from ``start`` on; at least one if there is one, although it may be larger than ``max_bytes``."""
    runs = store.read(stream, partition.number, start, max_bytes, most) or store.read(
        stream, partition.number, start, MOST_BYTES, 1
    )
    return [
        FoundRecord(run.first + index, run.timestamp_ms, key, data)
        for run in runs
        for index, (key, data) in enumerate(zip(run.keys, run.datas, strict=True))
    ]


def _step_back(store: Store, stream: Stream, partition: Partition, end: int, most: int) -> int:
    """The start of at most ``most`` records before ``end`` that have at most about a quarter of a page's data, or are one record."""
    start = max(partition.earliest, end - most)
    while end - start > 1 and store.stored_bytes(stream, partition.number, start, end) > MOST_BYTES // 4:
        start = end - (end - start) // 2
    return start
