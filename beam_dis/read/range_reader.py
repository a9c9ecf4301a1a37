"""The read loop: from a range of sequence numbers to lists of records.

Law: page → trim to the stop → claim the last number → hand out the records. Nothing is handed out unclaimed, nothing
claimed is kept back. A refused claim on a range with an end may be a split that came in between: the new stop is read,
the page trimmed again and what is left claimed. Numbers without a record (expired, or skipped by the service) are
claimed too. Throttling slows the reader down. A page that stays empty although the range says otherwise is an error, after
patience, never a spin.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol

from beam_dis.backoff import full_jitter
from beam_dis.errors import DISError, OutOfRangeError, PartitionExpiredError, ThrottledError
from beam_dis.read.expiry import resume_at
from beam_dis.read.sequence_range import SequenceRange
from beam_dis.stream_service import Page, PageRecord, PartitionDescription, ReadPosition

PATIENCE_SECONDS = 60.0


class Claims(Protocol):
    """What the loop needs of a tracker."""

    def current_restriction(self) -> SequenceRange:
        """The range as it is now."""
        ...

    def try_claim(self, position: int) -> bool:
        """Claim every number up to and including one."""
        ...


class RangeReader:
    """Reads ranges of partitions to their ends.

    ``page(place, stop)`` reads; ``partition(place)`` lists what a partition holds; ``count(name, n)`` counts what is worth
    a metric, records and bytes as ``records_read`` and ``bytes_read``; ``throttled(name, seconds)`` adds up waits.
    """

    def __init__(
        self,
        page: Callable[[ReadPosition, int | None], Page],
        partition: Callable[[ReadPosition], PartitionDescription | None],
        *,
        on_expired: str,
        count: Callable[[str, int], None],
        throttled: Callable[[str, float], None],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._page = page
        self._partition = partition
        self._on_expired = on_expired
        self._count = count
        self._throttled = throttled
        self._clock = clock
        self._sleep = sleep

    def read(self, place: ReadPosition, claims: Claims) -> Iterator[list[PageRecord]]:
        """The records of what is left of the range behind ``place``, page by page, each claimed."""
        while (stop := claims.current_restriction().stop) is not None and place.sequence_number < stop:
            try:
                page = self._nonempty(place, stop)
            except (OutOfRangeError, PartitionExpiredError) as error:
                place = self._skipped(place, stop, error, claims)
                continue
            records = claimed(page.records, claims)
            if not records:
                place = self._behind_gap(place, stop, claims)
                continue
            self._count("records_read", len(records))
            self._count("bytes_read", sum([len(record.data) for record in records]))
            place = place._replace(sequence_number=records[-1].sequence_number + 1)
            yield records

    def _nonempty(self, place: ReadPosition, stop: int) -> Page:
        """A page with records; where it is empty or the service throttles, asked for again until patience ends."""
        give_up = self._clock() + PATIENCE_SECONDS
        for delay in full_jitter():
            try:
                page = self._page(place, stop)
            except ThrottledError:
                self._count("throttled_polls", 1)
                self._throttled("cumulativeThrottlingSeconds", delay)
                if self._clock() > give_up:
                    raise
            else:
                if page.reopened:
                    self._count("reopened_positions", page.reopened)
                if page.records:
                    return page
                self._count("empty_polls", 1)
                if self._clock() > give_up:
                    break
            self._sleep(delay)
        raise DISError(
            f"stream {place.stream!r}, partition {place.partition_id} says it holds records up to {stop - 1}, but has "
            f"returned none at {place.sequence_number} for {PATIENCE_SECONDS:.0f} s"
        )

    def _skipped(
        self, place: ReadPosition, stop: int, error: OutOfRangeError | PartitionExpiredError, claims: Claims
    ) -> ReadPosition:
        """The place behind a gap that expired, claimed and counted."""
        target = resume_at(self._on_expired, place, error, stop=stop, partition=lambda: self._partition(place))
        while target > place.sequence_number and not claims.try_claim(target - 1):
            end = claims.current_restriction().stop
            target = target if end is None else min(target, end)
        self._count("expired_records", target - place.sequence_number)
        return place._replace(sequence_number=target)

    def _behind_gap(self, place: ReadPosition, stop: int, claims: Claims) -> ReadPosition:
        """The page began behind the stop: the numbers before it have no record. Unmoved where a split moved the stop."""
        return place._replace(sequence_number=stop) if claims.try_claim(stop - 1) else place


def claimed(records: list[PageRecord], claims: Claims) -> list[PageRecord]:
    """The records of a page that could be claimed: those before the stop, which a split may move meanwhile."""
    records = trimmed(records, claims.current_restriction().stop)
    while records and not claims.try_claim(records[-1].sequence_number):
        records = trimmed(records, claims.current_restriction().stop)
    return records


def trimmed(records: list[PageRecord], stop: int | None) -> list[PageRecord]:
    """The records before ``stop``; they are in sequence order."""
    if stop is None or not records or records[-1].sequence_number < stop:
        return records
    return [record for record in records if record.sequence_number < stop]
