"""The read loops: from a range of sequence numbers to lists of records.

Rule 1: a page is trimmed to the stop, its last number is claimed, and then its records are output. Nothing is output
unclaimed, and nothing claimed is kept back.
Rule 2: a refused claim on a range with an end may mean that the range was split in between: the new stop is read, the page
trimmed again, and the rest claimed.
Rule 3: numbers without a record are claimed too, whether they expired or were skipped by the service.
Rule 4: a bounded read waits for failures that may pass, see ``beam_dis.outages``. A page that stays empty although the range
says otherwise is an error after a minute, not an endless loop.
Rule 5: a poll of an endless read gets at least one page. A failed request ends the poll; the step decides whether it passes.
Rule 6: a partition that takes no more records and was read to its end, or has expired, is requested every ten seconds, indefinitely:
it may be restored between two listings, and then nothing else would read it. In between the listings move its watermark.
Rule 7: an empty page shows that a partition has no more records only if a listing agrees, because services of this kind may
return empty pages in front of records for seconds. The partition has caught up at the earlier of the two requests.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from beam_dis.backoff import full_jitter
from beam_dis.errors import DISError, OutOfRangeError, PartitionExpiredError, ThrottledError
from beam_dis.outages import FailureSeries, is_missing
from beam_dis.read.fetch.counts import PendingCounts, numbers_of
from beam_dis.read.fetch.upcoming import Following, nothing_follows
from beam_dis.read.partition.expiry import ExpiredError, resume_at, unconfirmed
from beam_dis.read.process.per_connection import PerConnection
from beam_dis.read.values import SequenceRange
from beam_dis.stream_service import Page, PageRecord, ReadPosition

EMPTY_SECONDS = 60.0
LONGEST_PAUSE = 5.0
BUNDLE_BYTES = 64 * 1024 * 1024
_log = logging.getLogger(__name__)


class Claims(Protocol):
    """The part of a tracker that the loops use."""

    def current_restriction(self) -> SequenceRange:
        """The range as it is now."""
        ...

    def try_claim(self, position: int) -> bool:
        """Claim every number up to and including one."""
        ...


class Counts(Protocol):
    """Where the loops count; ``ReadMetrics`` in pipelines."""

    def add(self, name: str, n: int) -> None:
        """Add to a counter."""
        ...

    def read(self, records: int, size: int, numbers: int) -> None:
        """Count records that were read and their bytes, and note of how many numbers they are."""
        ...


def claim_page(records: list[PageRecord], claims: Claims) -> list[PageRecord]:
    """Claim the records of a page before the stop, which a split may move meanwhile, and return them."""
    records = _trim(records, claims.current_restriction().stop)
    while records and not claims.try_claim(records[-1].sequence_number):
        records = _trim(records, claims.current_restriction().stop)
    return records


def _data_bytes(page: Page, records: list[PageRecord]) -> int:
    """The data of some records of a page, in bytes."""
    whole = len(records) == len(page.records)
    return page.data_bytes if whole else sum([len(record.data) for record in records])


def _trim(records: list[PageRecord], stop: int | None) -> list[PageRecord]:
    if stop is None or not records or records[-1].sequence_number < stop:
        return records
    return [record for record in records if record.sequence_number < stop]


class RangeReader:
    """Reads ranges of partitions to their ends.

    Args:
        shared: the pages and listings of the connection.
        on_expired: one of the policies of ``expiry``.
        on_missing: "fail", or "skip" to end the range if its stream or partition isn't there any more.
        counts: where to count.
        pending: where to count what isn't in whole numbers.
        clock, sleep: seconds.
    """

    def __init__(
        self,
        shared: PerConnection,
        *,
        on_expired: str,
        on_missing: str = "fail",
        counts: Counts,
        pending: PendingCounts,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._shared = shared
        self._on_expired = on_expired
        self._on_missing = on_missing
        self._counts = counts
        self._pending = pending
        self._clock = clock
        self._sleep = sleep
        self._failures = FailureSeries(endless=False, longest_pause=LONGEST_PAUSE, clock=clock)

    def read(
        self, position: ReadPosition, claims: Claims, following: Following = nothing_follows
    ) -> Iterator[list[PageRecord]]:
        """The records of the range from ``position`` on, page by page, each claimed; ``following`` ranges are read after it."""
        while (stop := claims.current_restriction().stop) is not None and position.sequence_number < stop:
            try:
                page = self._page_with_records(position, stop, following)
            except (OutOfRangeError, PartitionExpiredError) as error:
                position = self._after_refusal(position, stop, error, claims)
                continue
            except DISError as error:
                if not self._waits(position, error):
                    position = self._skip_missing(position, stop, error, claims)
                continue
            records = claim_page(page.records, claims)
            if records:
                self._counts.read(len(records), _data_bytes(page, records), numbers_of(records))
                position = position.after(records)
                yield records
            elif claims.try_claim(stop - 1):  # the page begins after the stop: the numbers before it have no record
                position = position.at(stop)

    def _page_with_records(self, position: ReadPosition, stop: int, following: Following) -> Page:
        """A page that isn't empty, requested again after empty pages for a minute."""
        give_up = self._clock() + EMPTY_SECONDS
        for delay in full_jitter(ceiling=LONGEST_PAUSE):
            page = self._shared.segments.page(position, stop, following)
            self._failures.note_success()
            self._shared.note_success(position.stream, position.partition_id)
            if page.reopened:
                self._counts.add("reopened_positions", page.reopened)
            if page.records:
                return page
            self._counts.add("empty_polls", 1)
            if self._clock() > give_up:
                break
            self._sleep(delay)
        raise DISError(
            f"stream {position.stream!r}, partition {position.partition_id} says it holds records up to {stop - 1}, but has "
            f"returned none at {position.sequence_number} for {EMPTY_SECONDS:.0f} s"
        )

    def _waits(self, position: ReadPosition, error: DISError) -> bool:
        """Pause after a failure, and return True; False if it doesn't pass, or lasts too long."""
        throttled = isinstance(error, ThrottledError)
        self._counts.add("throttled_polls" if throttled else "failed_polls", 1)
        self._shared.note_failure(position.stream, position.partition_id, error)
        pause = self._failures.pause_after(error, worked=True)
        if pause is None:
            return False
        if throttled:
            self._pending.add("cumulativeThrottlingSeconds", pause)
        self._sleep(pause)
        return True

    def _after_refusal(self, position: ReadPosition, stop: int, error: ExpiredError, claims: Claims) -> ReadPosition:
        """The position after what expired, which is claimed and counted; the same one to ask again."""
        failure: DISError | None
        try:
            partition, _ = self._shared.describe_partition(position)
        except DISError as listing_error:
            partition, failure = None, listing_error
        else:
            failure = unconfirmed(position, error, partition)
        if failure is not None:
            return position if self._waits(position, failure) else self._skip_missing(position, stop, failure, claims)
        target = resume_at(self._on_expired, position, error, stop=stop, partition=partition)
        target = self._claim_up_to(target, position, claims)
        self._counts.add("expired_records", target - position.sequence_number)
        return position.at(target)

    def _skip_missing(self, position: ReadPosition, stop: int, error: DISError, claims: Claims) -> ReadPosition:
        """Claim the rest of a range that isn't there any more, if that is to be skipped; otherwise raise the error."""
        if self._on_missing == "fail" or not is_missing(error):
            raise error
        self._counts.add("missing_partitions", 1)
        _log.warning("%s is skipped: %s", position, error)
        return position.at(self._claim_up_to(stop, position, claims))

    @staticmethod
    def _claim_up_to(target: int, position: ReadPosition, claims: Claims) -> int:
        """Claim the numbers before ``target``, or before the end that a split has moved; return where the claim ends."""
        while target > position.sequence_number and not claims.try_claim(target - 1):
            end = claims.current_restriction().stop
            target = target if end is None else min(target, end)
        return target


class PartitionPoll:
    """One poll of an endless partition: pages until one is empty, or until the poll is over.

    Args:
        shared: the pages, listings and ends of the connection.
        position: where the poll begins.
        claims: the tracker.
        counts: where to count.
        on_expired: one of the policies of ``expiry``.
        poll_interval: seconds to pause after an empty page, or if a partition that takes no more records has none left.
        is_over: whether the poll ends before its next page, by the position of that page.

    Attributes:
        position: where the next poll begins.
        pause: seconds until the next poll.
        caught_up_at_ms: the service's clock when the partition had no more records; None if it may have more.
        failure: the failed request that ended the poll; None if none did.
    """

    def __init__(
        self,
        shared: PerConnection,
        position: ReadPosition,
        claims: Claims,
        *,
        counts: Counts,
        on_expired: str,
        poll_interval: float,
        is_over: Callable[[ReadPosition], bool],
    ) -> None:
        self._shared = shared
        self._claims = claims
        self._counts = counts
        self._on_expired = on_expired
        self._poll_interval = poll_interval
        self._is_over = is_over
        self._bytes = 0
        self.position = position
        self.pause = 0.0
        self.caught_up_at_ms: int | None = None
        self.failure: DISError | None = None

    def pages(self) -> Iterator[Page]:
        """The pages, trimmed to the records that are claimed."""
        while (page := self._next_page()) is not None and page.records:
            records = claim_page(page.records, self._claims)
            if not records:
                return  # a checkpoint came in between: the residual reads them
            size = _data_bytes(page, records)
            self._bytes += size
            self._counts.read(len(records), size, numbers_of(records))
            self.position = self.position.after(records)
            yield page._replace(records=records)
            if self._bytes >= BUNDLE_BYTES or self._is_over(self.position):
                return

    def _next_page(self) -> Page | None:
        """The next page, or None; ``pause``, ``caught_up_at_ms`` and ``failure`` say why there is none."""
        ends = self._shared.ends
        if (finished_at := ends.finished_at(self.position)) is not None:
            self.pause, self.caught_up_at_ms = self._poll_interval, finished_at
            return None
        try:
            page = self._shared.prefetch.page(self.position, None, fresh=self._poll_interval)
        except (OutOfRangeError, PartitionExpiredError) as error:
            return self._page_after_refusal(error)
        except DISError as error:
            self._fail(error)
            return None
        if page.reopened:
            self._counts.add("reopened_positions", page.reopened)
        if not page.records:
            self._counts.add("empty_polls", 1)
            self.pause = self._poll_interval
            if (reached_at := ends.reached_at(self.position)) is not None:
                self.caught_up_at_ms = min(page.time, reached_at)
                ends.note_end(self.position)
        return page

    def _page_after_refusal(self, error: ExpiredError) -> Page | None:
        """The page after what expired, if the listing of the partition confirms that it did."""
        try:
            partition, as_of = self._shared.describe_partition(self.position)
        except DISError as listing_error:
            self._fail(listing_error)
            return None
        if (contradiction := unconfirmed(self.position, error, partition)) is not None:
            self._fail(contradiction)
            return None
        if partition is None or not partition.readable:
            self._partition_expired(as_of, error)
            return None
        target = resume_at(self._on_expired, self.position, error, stop=None, partition=partition)
        return self._next_page() if self._skip_to(target) else None

    def _fail(self, error: DISError) -> None:
        """A request failed, which ends the poll."""
        self._counts.add("throttled_polls" if isinstance(error, ThrottledError) else "failed_polls", 1)
        self.failure = error

    def _partition_expired(self, as_of: int, error: ExpiredError) -> None:
        """The partition has expired: its records after the position are lost, and it is checked now and then."""
        end = self._shared.ends.end(self.position)
        if end is None:
            _log.warning("%s: the partition has expired, and nothing shows whether it held more records", self.position)
        elif end > self.position.sequence_number:
            if self._on_expired == "fail":
                resume_at("fail", self.position, error, stop=None, partition=None)
            self._skip_to(end)
        self._shared.ends.note_end(self.position)
        self.pause, self.caught_up_at_ms = self._poll_interval, as_of

    def _skip_to(self, number: int) -> bool:
        """Claim and count what expired before a number; False if a checkpoint came in between."""
        if not self._claims.try_claim(number - 1):
            return False
        lost = number - self.position.sequence_number
        self._counts.add("expired_records", lost)
        _log.warning("%s: %d records expired unread", self.position, lost)
        self.position = self.position.at(number)
        return True
