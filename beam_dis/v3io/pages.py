"""Reads pages at sequence numbers; finds, keeps and renews the locations for it.

Rules:

1. The location after a page is kept for the position after it, without an age limit [D]. If the service refuses it, the position is
   looked up again.
2. A position is any number. It is looked up as the number of a record, then as the number after a record, and then by
   ``ShardSearch``: the records at it are those with that number or higher ones. 0 is the first record.
3. Records at a position below the first record may have expired: that is OutOfRangeError. Nothing was lost if this process has seen
   that no record was there, so shortly ago that none can have expired since.
4. A page is bounded by a number of records, from the sizes of those before. What exceeds the bytes or the memory of a page is cut
   off, and the number of the first record that was cut off is kept, to be sought.
5. A page is empty only if no record follows.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from beam_dis.client.answers import GoodAnswer, as_of
from beam_dis.client.transport import MAX_ANSWER_BYTES
from beam_dis.errors import AnswerTooLargeError, CursorRefusedError, OutOfRangeError
from beam_dis.forks import ForkSafeLock
from beam_dis.stream_service import PAGE_MEMORY_BYTES, Page, PageRecord, ReadPosition
from beam_dis.v3io.client import V3IOClient
from beam_dis.v3io.messages import EARLIEST, RecordPage, ShardRecord
from beam_dis.v3io.shards import MILLISECOND, FoundAt, Shard, ShardSearch
from beam_dis.wire.ranges import partition_number

_log = logging.getLogger(__name__)

_MOST_KEPT = 10_000
_FIRST_RECORDS = 100
"""How many records are requested before their size is known."""

_MOST_RECORDS = 10_000
_MEMORY_BESIDES_DATA = 240
_ANSWER_BYTES = 12 * 1024 * 1024
"""An answer may have so many bytes, more than an expected page has. A single record may have as many as any answer."""

_FEW_RECORDS = 8
"""An answer has room for so many of the largest records."""

_CLOCK_MS = 2000
"""Times of answers are up to so much too early, because a Date header has whole seconds."""

_HOUR_MS = 3_600_000


class _Place(NamedTuple):
    """A location, and the lowest number that its records may have; ``in_empty_shard``: they may have any."""

    location: str
    least: int
    in_empty_shard: bool = False


class _Kept(NamedTuple):
    """What is known of a position.

    Its place, or the number of the record to seek for it; and the service's clock (ms) when no record was there.
    """

    place: _Place | None = None
    number: int | None = None
    empty_at: int | None = None


class _Cut(NamedTuple):
    """The records of a page, and the first one that was cut off."""

    records: list[PageRecord]
    data_bytes: int
    rest: int | None


class ShardPages:
    """The pages of one client; thread-safe."""

    def __init__(self, client: V3IOClient, search: ShardSearch) -> None:
        self._client = client
        self._search = search
        self._kept: OrderedDict[ReadPosition, _Kept] = OrderedDict()
        self._record_bytes: dict[Shard, int] = {}
        self._lock = ForkSafeLock()

    def read(self, position: ReadPosition, max_bytes: int) -> Page:
        """Return the page at a position, as ``StreamService.read`` specifies."""
        kept = self._kept.get(position, _Kept())
        if kept.place is None:
            return self._page(position, self._place(position, kept), max_bytes, reopened=0)
        try:
            return self._page(position, kept.place, max_bytes, reopened=0)
        except CursorRefusedError:
            kept = kept._replace(place=None)
            self._keep(position, kept)
            return self._page(position, self._place(position, kept), max_bytes, reopened=1)

    def _page(self, position: ReadPosition, place: _Place, max_bytes: int, *, reopened: int) -> Page:
        shard, number = shard_of(position), position.sequence_number
        found, answer = self._bounded(shard, place, self._limit(shard, max_bytes))
        if place.in_empty_shard and found.records and found.records[0].sequence_number < number:
            raise CursorRefusedError(
                "lower numbers than before have arrived in an empty shard: look the position up again",
                code="V3IO.IllegalLocationException",
            )
        while found.records and found.records_behind_latest and found.records[-1].sequence_number < number:
            found, answer = self._bounded(
                shard, _Place(found.next_location, place.least), self._limit(shard, max_bytes)
            )
        moment = as_of(answer, self._client.clock())
        self._note_size(shard, found.records)
        cut = _cut([record for record in found.records if record.sequence_number >= number], max_bytes)
        behind = found.records_behind_latest > 0
        following = position.after(cut.records)
        if cut.rest is None:
            still_empty = place.in_empty_shard and not found.records
            after = _Place(found.next_location, following.sequence_number, still_empty)
            self._keep(following, _Kept(after, None, None if behind else moment))
        else:
            self._keep(following, _Kept(number=cut.rest))
        return Page(
            cut.records,
            moment,
            data_bytes=cut.data_bytes,
            full=behind or cut.rest is not None,
            reopened=reopened,
        )

    def _bounded(self, shard: Shard, place: _Place, limit: int) -> tuple[RecordPage, GoodAnswer]:
        """Request a page, with fewer records if the answer is too large."""
        try:
            return self._client.page(
                *shard,
                place.location,
                limit=limit,
                least=0 if place.in_empty_shard else place.least,
                retry_throttling=False,
                max_answer=_ANSWER_BYTES if limit > 1 else MAX_ANSWER_BYTES,
            )
        except AnswerTooLargeError:
            if limit == 1:
                raise
        return self._bounded(shard, place, _FEW_RECORDS if limit > _FEW_RECORDS else 1)

    def _place(self, position: ReadPosition, kept: _Kept) -> _Place:
        """Look a position up, by rule 2."""
        shard, number = shard_of(position), position.sequence_number
        if number == 0:
            return _Place(self._client.seek(*shard, EARLIEST), 0)
        for record in (kept.number, number):
            location = None if record is None else self._search.sought(shard, record)
            if location is not None:
                return _Place(location, number)
        location = self._search.sought(shard, number - 1)
        if location is not None and self._search.at(shard, location).number == number - 1:
            return _Place(location, number - 1)
        first = self._search.first(shard)
        if first.number is None:
            if kept.empty_at is None:
                _log.warning(
                    "stream %r, partition %s has no records: nothing shows whether records from number %d on have expired unread",
                    position.stream,
                    position.partition_id,
                    number,
                )
            return _Place(first.location, number, in_empty_shard=True)
        if number > first.number:
            return self._place_between(position, first)
        if number < first.number and not self._was_empty(shard, kept, first):
            raise self._out_of_range(position, first)
        return _Place(first.location, number)

    def _place_between(self, position: ReadPosition, first: FoundAt) -> _Place:
        shard, number = shard_of(position), position.sequence_number
        found = self._search.from_number(shard, number, first)
        if found.number is not None:
            location = self._search.sought(shard, found.number)
            return _Place(first.location, first.number or 0) if location is None else _Place(location, number)
        if number > found.before + 1:
            raise self._out_of_range(position, first)
        return _Place(self._search.end(shard), number)

    def _was_empty(self, shard: Shard, kept: _Kept, first: FoundAt) -> bool:
        """Whether the records before the first one can't have expired since the position was seen without records."""
        if kept.empty_at is None or first.arrival < kept.empty_at * MILLISECOND:
            return False
        described = self._client.describe_stream(shard.path)
        return first.as_of + _CLOCK_MS - kept.empty_at < described.retention_period_hours * _HOUR_MS

    def _out_of_range(self, position: ReadPosition, first: FoundAt) -> OutOfRangeError:
        earliest, end = first.number or 0, self._search.next_number(shard_of(position), first)
        number = position.sequence_number
        reason = "its records may have expired" if number < earliest else "the stream was deleted and created again"
        return OutOfRangeError(
            f"stream {position.stream!r}, partition {position.partition_id}: sequence number {number} is not within"
            f" {earliest} to {end}: {reason}; use a number that the partition has",
            code="V3IO.SequenceNumberOutOfRange",
            service_message=f"{number} is not within {earliest} to {end}",
            earliest=earliest,
            next_number=end,
        )

    def _limit(self, shard: Shard, max_bytes: int) -> int:
        size = self._record_bytes.get(shard)
        if size is None:
            return _FIRST_RECORDS
        room = min(max_bytes // max(1, size), PAGE_MEMORY_BYTES // (size + _MEMORY_BESIDES_DATA))
        return max(1, min(room, _MOST_RECORDS))

    def _note_size(self, shard: Shard, records: Sequence[ShardRecord]) -> None:
        if records:
            self._record_bytes[shard] = sum([len(record.data) for record in records]) // len(records)

    def _keep(self, position: ReadPosition, kept: _Kept) -> None:
        with self._lock:
            self._kept[position] = kept
            self._kept.move_to_end(position)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)


def shard_of(position: ReadPosition) -> Shard:
    """The shard of a position."""
    return Shard(position.stream, partition_number(position.partition_id))


def _cut(records: Sequence[ShardRecord], max_bytes: int) -> _Cut:
    """The first records, up to so many bytes of data and the memory of a page; at least one."""
    sizes = [len(record.data) for record in records]
    data_bytes = sum(sizes)
    keys = sum([len(record.partition_key) for record in records if record.partition_key is not None])
    count = len(records)
    while count > 1 and (
        data_bytes > max_bytes or data_bytes + keys + count * _MEMORY_BESIDES_DATA > PAGE_MEMORY_BYTES
    ):
        count -= 1
        data_bytes -= sizes[count]
        keys -= len(records[count].partition_key or "")
    kept = [
        PageRecord(
            record.sequence_number,
            record.data,
            record.arrival_time_sec * 1000 + record.arrival_time_nsec // MILLISECOND,
            record.partition_key,
            record.client_info,
        )
        for record in records[:count]
    ]
    return _Cut(kept, data_bytes, records[count].sequence_number if count < len(records) else None)
