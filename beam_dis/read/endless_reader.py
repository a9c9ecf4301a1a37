"""The read loop of a partition without an end: one call's turn at it.

Law: page → claim the last number → hand out the records, until the page is empty or the turn is spent; every turn gets at
least one page. Then the caller defers for ``pause`` seconds. Throttling, a service that doesn't answer, a stream that isn't
running for now are waited out with growing pauses, counted and
logged, never fatal: the records are still there. Records that expired follow the policy, are claimed and counted. A partition
that has expired is looked at now and then, for ever: it may be restored between two listings, and then nobody else would
read it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from beam_dis.errors import TRANSIENT, OutOfRangeError, PartitionExpiredError, ThrottledError
from beam_dis.read.expiry import resume_at
from beam_dis.read.range_reader import Claims, claimed
from beam_dis.stream_service import Page, PageRecord, PartitionDescription, ReadPosition

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndlessSource:
    """Where turns read from.

    ``page(place)`` reads; ``held(place)`` lists what a partition holds, with the service's clock in ms, and ``end(place)`` is
    the number behind its last record as it was seen last, None where it never was; ``reached(place)`` notes that there is
    nothing at a place; ``count(name, n)`` counts; ``spent(bytes, place)`` says whether a turn that handed out so many bytes,
    and would go on at a place, is through; ``rest(place)`` is how many seconds a partition without more records rests,
    ``gone_interval`` how many one that has expired.
    """

    page: Callable[[ReadPosition], Page]
    held: Callable[[ReadPosition], tuple[PartitionDescription | None, int]]
    end: Callable[[ReadPosition], int | None]
    reached: Callable[[ReadPosition], None]
    count: Callable[[str, int], None]
    spent: Callable[[int, ReadPosition], bool]
    on_expired: str
    rest: Callable[[ReadPosition], float]
    gone_interval: float


class Turn:
    """One call: ``place`` is where the next turn goes on, ``idle_at`` the service's clock (ms) when it had nothing more."""

    def __init__(self, source: EndlessSource, place: ReadPosition, claims: Claims) -> None:
        self._source = source
        self._claims = claims
        self._bytes = 0
        self.place = place
        self.pause = 0.0
        self.idle_at: int | None = None
        self.failed: Exception | None = None

    def pages(self) -> Iterator[tuple[list[PageRecord], int]]:
        """``(records, the service's clock when they were asked for in ms)``, each claimed."""
        while True:
            page = self._page()
            if page is None or not page.records:
                return
            records = claimed(page.records, self._claims)
            if not records:
                return  # a checkpoint came in between: the residual reads them
            yield self._handed_out(records), page.as_of
            if self._source.spent(self._bytes, self.place):
                return

    def _page(self) -> Page | None:
        """The next page; None where there is none now, which ``pause`` and ``idle_at`` tell more about."""
        source = self._source
        try:
            page = self._answered()
        except TRANSIENT as error:
            source.count("throttled_polls" if isinstance(error, ThrottledError) else "failed_polls", 1)
            self.failed = error
            return None
        if page is not None and page.reopened:
            source.count("reopened_positions", page.reopened)
        if page is not None and not page.records:
            source.count("empty_polls", 1)
            self.pause, self.idle_at = source.rest(self.place), page.as_of
        return page

    def _answered(self) -> Page | None:
        """The page at our place, or where what expired ends; asking what expired may fail as any call may."""
        try:
            return self._source.page(self.place)
        except (OutOfRangeError, PartitionExpiredError) as error:
            return self._expired(error)

    def _handed_out(self, records: list[PageRecord]) -> list[PageRecord]:
        size = sum([len(record.data) for record in records])
        self._bytes += size
        self._source.count("records_read", len(records))
        self._source.count("bytes_read", size)
        self.place = self.place._replace(sequence_number=records[-1].sequence_number + 1)
        return records

    def _expired(self, error: OutOfRangeError | PartitionExpiredError) -> Page | None:
        held, as_of = self._source.held(self.place)
        if held is None or not held.readable:
            self._gone(as_of, error)
            return None
        target = resume_at(self._source.on_expired, self.place, error, stop=None, partition=lambda: held)
        return self._answered() if self._skipped_to(target) else None

    def _gone(self, as_of: int, error: OutOfRangeError | PartitionExpiredError) -> None:
        """The partition has expired: what it held beyond our place is lost, and it is looked at now and then."""
        end = self._source.end(self.place)
        if end is None:
            _log.warning("%s: the partition has expired, and nothing tells whether it held more records", self.place)
            self._source.reached(self.place)
        elif end > self.place.sequence_number:
            if self._source.on_expired == "fail":
                resume_at("fail", self.place, error, stop=None, partition=lambda: None)
            self._skipped_to(end)
        self.pause, self.idle_at = self._source.gone_interval, as_of

    def _skipped_to(self, number: int) -> bool:
        """Claim what expired before a number; False where a checkpoint came in between."""
        if not self._claims.try_claim(number - 1):
            return False
        lost = number - self.place.sequence_number
        self._source.count("expired_records", lost)
        _log.warning("%s: %d records expired unread", self.place, lost)
        self.place = self.place._replace(sequence_number=number)
        return True
