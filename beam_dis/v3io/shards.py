"""Finds numbers in a shard: the first record, the end, and the first record from a number on. V3IO has no functions for that.

Rules:

1. Only numbers of records can be sought, and numbers need not be consecutive. So a number that no record has is found by time,
   between two records, and then by reading.
2. Everything ends while others write: what is looked for is what was there when the search began.
3. Arrival times need not grow with the numbers. If they don't, more is read, and the result is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple, TypeVar

from beam_dis.client.answers import as_of
from beam_dis.errors import CursorRefusedError, ServiceError, ThrottledError
from beam_dis.v3io.client import NANOSECONDS, V3IOClient
from beam_dis.v3io.messages import EARLIEST, LATEST, SEQUENCE, TIME, RecordPage, ShardRecord

MILLISECOND = 1_000_000
_SCANNED_RECORDS = 1000
"""When so few records are left between two times, they are read."""

_ATTEMPTS = 3
"""A location is refused if its record expires right after the seek; then the next one is sought."""

_LONGER = 16

T = TypeVar("T")


class Shard(NamedTuple):
    """A shard of the stream at a path."""

    path: str
    number: int


class FoundAt(NamedTuple):
    """The record at a location, and what follows it.

    ``number`` is None if there is none yet; then the location is the end of the shard. ``arrival`` is in ns. ``behind`` is how many
    records follow, and ``behind_ns`` how much later the last one of them arrived. ``as_of`` is the service's clock (ms).
    """

    location: str
    number: int | None
    arrival: int
    behind: int
    behind_ns: int
    as_of: int

    @property
    def newest(self) -> int:
        """The arrival (ns) of the newest record, to the millisecond."""
        return self.arrival + self.behind_ns


class FoundNumber(NamedTuple):
    """The first record from a number on, None if there is none; and the last record before it that was seen."""

    number: int | None
    before: int


class ShardSearch:
    """Searches in the shards of one container; thread-safe."""

    def __init__(self, client: V3IOClient) -> None:
        self._client = client

    def first(self, shard: Shard, location: str | None = None) -> FoundAt:
        """The first record of a shard; ``location`` is where it was before, if that is known."""
        if location is not None:
            with suppress(CursorRefusedError):  # it has expired
                return self.at(shard, location)
        return self._after_seek(shard, lambda: self._client.seek(*shard, EARLIEST))

    def at_time(self, shard: Shard, nanoseconds: int) -> FoundAt:
        """The first record at or after a time."""
        return self._after_seek(shard, lambda: self._client.seek(*shard, TIME, nanoseconds=max(0, nanoseconds)))

    def sought(self, shard: Shard, number: int) -> str | None:
        """The location of the record with a number; None if the service says that there is none."""
        try:
            return self._client.seek(*shard, SEQUENCE, sequence_number=number)
        except ThrottledError:
            raise
        except ServiceError as error:
            if error.is_of_service and 400 <= error.status < 500 and error.status not in (401, 403):
                return None  # if the reason is another one, such as a missing stream, the next request meets it too
            raise

    def end(self, shard: Shard) -> str:
        """The location of the end of a shard."""
        return self._client.seek(*shard, LATEST)

    def next_number(self, shard: Shard, first: FoundAt) -> int:
        """The number after the newest record, which may be newer than ``first`` knows; 0 if ``first`` is none."""
        if first.number is None:
            return 0
        if first.behind == 0:
            return first.number + 1
        page = self._newest(shard, first)
        last, left = first.number, len(page.records) + page.records_behind_latest
        while page.records:
            last, left = page.records[-1].sequence_number, left - len(page.records)
            if left <= 0:
                break
            page, _ = self._client.page(*shard, page.next_location, limit=_SCANNED_RECORDS, least=last + 1)
        return last + 1

    def from_number(self, shard: Shard, number: int, first: FoundAt) -> FoundNumber:
        """The first record with ``number`` or a higher one, in a shard whose first record has a lower one."""
        low, high = first, first.newest + MILLISECOND
        behind_high = 0
        while high - low.arrival > 1 and low.behind - behind_high > _SCANNED_RECORDS:
            middle = self.at_time(shard, (low.arrival + high) // 2)
            if middle.number == number:
                return FoundNumber(number, low.number or 0)
            if middle.number is None or middle.number > number or middle.arrival <= low.arrival:
                high, behind_high = (low.arrival + high) // 2, middle.behind
            else:
                low = middle
        return self._scanned(shard, number, low)

    def _scanned(self, shard: Shard, number: int, low: FoundAt) -> FoundNumber:
        location, before = low.location, low.number or 0
        while True:
            page, _ = self._client.page(*shard, location, limit=_SCANNED_RECORDS, least=before)
            for record in page.records:
                if record.sequence_number >= number:
                    return FoundNumber(record.sequence_number, before)
                before = record.sequence_number
            if not page.records or page.records_behind_latest == 0:
                return FoundNumber(None, before)
            location = page.next_location

    def _newest(self, shard: Shard, first: FoundAt) -> RecordPage:
        """A page that begins shortly before the newest record; an empty one if all have expired."""
        back = MILLISECOND
        while True:
            time = max(first.arrival, (first.newest - back) // MILLISECOND * MILLISECOND)
            page = _retried(partial(self._page_at, shard, time))
            if page.records or time == first.arrival:
                return page
            back *= _LONGER

    def _page_at(self, shard: Shard, nanoseconds: int) -> RecordPage:
        location = self._client.seek(*shard, TIME, nanoseconds=nanoseconds)
        return self._client.page(*shard, location, limit=_SCANNED_RECORDS)[0]

    def _after_seek(self, shard: Shard, seek: Callable[[], str]) -> FoundAt:
        return _retried(lambda: self.at(shard, seek()))

    def at(self, shard: Shard, location: str) -> FoundAt:
        """The record at a location. Raises CursorRefusedError."""
        page, answer = self._client.page(*shard, location, limit=1)
        record = page.records[0] if page.records else None
        return FoundAt(
            location,
            None if record is None else record.sequence_number,
            0 if record is None else arrival_of(record),
            page.records_behind_latest,
            page.msec_behind_latest * MILLISECOND,
            as_of(answer, self._client.clock()),
        )


def arrival_of(record: ShardRecord) -> int:
    """When a record arrived, in ns since 1970."""
    return record.arrival_time_sec * NANOSECONDS + record.arrival_time_nsec


def _retried(find: Callable[[], T]) -> T:
    for _ in range(_ATTEMPTS - 1):
        with suppress(CursorRefusedError):
            return find()
    return find()
