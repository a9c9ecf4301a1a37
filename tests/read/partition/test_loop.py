"""The read loop outputs exactly the records that it has claimed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.errors import (
    DISError,
    OutOfRangeError,
    PartitionExpiredError,
    ThrottledError,
    TransportError,
    service_error,
)
from beam_dis.read.fetch.counts import PendingCounts
from beam_dis.read.partition.loop import RangeReader
from beam_dis.read.partition.tracker import SequenceRangeTracker
from beam_dis.read.values import SequenceRange
from beam_dis.stream_service import Page, PageRecord, ReadPosition

ZERO = "shardId-0000000000"


class Reading:
    """A loop over a fake service, with its counters and a clock that sleeping advances. It replaces the connection's state."""

    def __init__(self, service: Any, on_expired: str = "fail", on_missing: str = "fail") -> None:
        self.service = service
        self.counts: dict[str, int] = {}
        self.now = 0.0
        self.pending = PendingCounts()
        self.segments = self
        self.reader = RangeReader(
            self,
            on_expired=on_expired,
            on_missing=on_missing,
            counts=self,
            pending=self.pending,
            clock=lambda: self.now,
            sleep=self.sleep,
        )
        self.before_claim: Callable[[], None] = lambda: None
        self.logged: list[str] = []

    def page(self, position: ReadPosition, _stop: int, _following: Any) -> Page:
        page = self.service.read(position, 2**20)
        self.before_claim()
        return page

    def describe_partition(self, position: ReadPosition) -> Any:
        listing = self.service.describe(position.stream)
        return listing.partitions[0], listing.as_of

    def note_failure(self, stream: str, part: str, error: Exception) -> None:
        self.logged.append("failure")

    def note_success(self, stream: str, part: str) -> None:
        self.logged.append("success")

    def add(self, name: str, n: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + n

    def read(self, records: int, size: int, numbers: int) -> None:
        self.add("records_read", records)
        self.add("bytes_read", size)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def numbers(self, tracker: SequenceRangeTracker) -> list[int]:
        position = ReadPosition("flights", "id", ZERO, tracker.current_restriction().start)
        return [r.sequence_number for page in self.reader.read(position, tracker) for r in page]


def test_a_range_is_read_to_its_stop_and_no_further(fake_service: Any) -> None:
    tracker = SequenceRangeTracker(SequenceRange(5, 37))
    assert Reading(fake_service()).numbers(tracker) == list(range(5, 37))
    assert tracker.check_done()


def test_an_empty_range_makes_no_request(fake_service: Any) -> None:
    service = fake_service()
    assert Reading(service).numbers(SequenceRangeTracker(SequenceRange(5, 5))) == []
    assert service.reads == []


def test_a_split_between_reading_and_claiming_a_page_loses_nothing(fake_service: Any) -> None:
    """[0 .. 30) is split at 5 after its first page was read: 0-4 stay here, 5-29 are the residual."""
    tracker = SequenceRangeTracker(SequenceRange(0, 30))
    reading, residuals = Reading(fake_service()), []
    reading.before_claim = lambda: residuals.append(tracker.try_split(1 / 6)) if not residuals else None
    assert reading.numbers(tracker) == [0, 1, 2, 3, 4]
    assert residuals == [(SequenceRange(0, 5), SequenceRange(5, 30))]
    assert tracker.check_done()


def test_after_a_checkpoint_before_the_claim_the_residual_is_everything(fake_service: Any) -> None:
    tracker, reading = SequenceRangeTracker(SequenceRange(0, 30)), Reading(fake_service())
    reading.before_claim = lambda: tracker.try_split(0) and None
    assert reading.numbers(tracker) == []
    assert tracker.check_done()


@given(splits=st.lists(st.floats(0, 1), max_size=20), stop=st.integers(0, 100), size=st.integers(1, 40))
def test_splits_at_any_time_lose_and_repeat_no_record(
    fake_service: Any, splits: list[float], stop: int, size: int
) -> None:
    service = fake_service(page_records=size)
    script, waiting, read = iter(splits), [SequenceRange(0, stop)], []
    while waiting:
        tracker, reading = SequenceRangeTracker(waiting.pop()), Reading(service)

        def split(tracker: SequenceRangeTracker = tracker) -> None:
            if (fraction := next(script, None)) is not None and (parts := tracker.try_split(fraction)):
                waiting.append(parts[1])

        reading.before_claim = split
        read += reading.numbers(tracker)
        assert tracker.check_done()
    assert sorted(read) == list(range(stop))


def test_expired_records_raise_by_default_with_the_remedy(fake_service: Any) -> None:
    with pytest.raises(OutOfRangeError, match=r"no longer holds record 0, the earliest is 40.*on_expired='earliest'"):
        Reading(fake_service(earliest=40)).numbers(SequenceRangeTracker(SequenceRange(0, 50)))


@pytest.mark.parametrize(("policy", "first"), [("earliest", 40), ("latest", 100)])
def test_skipped_expired_records_are_claimed_and_counted(fake_service: Any, policy: str, first: int) -> None:
    tracker, reading = SequenceRangeTracker(SequenceRange(0, 100)), Reading(fake_service(earliest=40), policy)
    assert reading.numbers(tracker) == list(range(first, 100))
    assert reading.counts["expired_records"] == first
    assert tracker.check_done()


def test_an_expired_partition_is_skipped_to_its_end(fake_service: Any) -> None:
    service, tracker = fake_service(), SequenceRangeTracker(SequenceRange(0, 60))
    service.expired = True
    reading = Reading(service, "earliest")
    assert reading.numbers(tracker) == []
    assert reading.counts == {"expired_records": 60}
    with pytest.raises(PartitionExpiredError, match="no longer holds record 0"):
        Reading(service).numbers(SequenceRangeTracker(SequenceRange(0, 60)))


def test_a_number_that_was_never_written_raises_an_error(fake_service: Any) -> None:
    reading = Reading(fake_service(), "earliest")
    with pytest.raises(
        OutOfRangeError, match="has no record 200 yet, the next one will be 100: was the stream deleted"
    ):
        reading.numbers(SequenceRangeTracker(SequenceRange(200, 300)))
    assert reading.now == pytest.approx(60, abs=1)


def test_a_page_that_stays_empty_raises_after_a_minute(fake_service: Any) -> None:
    reading = Reading(fake_service(next_number=20))
    with pytest.raises(DISError, match="holds records up to 24, but has returned none at 20 for 60 s"):
        reading.numbers(SequenceRangeTracker(SequenceRange(10, 25)))
    assert reading.counts["empty_polls"] < 200


def test_throttled_polls_are_repeated_after_pauses_and_counted(fake_service: Any) -> None:
    service, tracker = fake_service(), SequenceRangeTracker(SequenceRange(0, 100))
    read, calls = service.read, iter(range(1000))

    def throttled(*at: Any) -> Page:
        if next(calls) % 3:
            raise ThrottledError("Exceeded traffic control limit.", code="DIS.4303", status=400)
        return read(*at)

    service.read, reading = throttled, Reading(service)
    assert reading.numbers(tracker) == list(range(100))
    assert reading.counts["throttled_polls"] == 18
    assert reading.now > 0


def failing(service: Any, error: Exception, fails: Callable[[], bool]) -> None:
    """Have reads fail as long as ``fails()``."""
    read = service.read

    def reading(*at: Any) -> Page:
        if fails():
            raise error
        return read(*at)

    service.read = reading


def answered(code: str, status: int = 400) -> DISError:
    return service_error(f"refused: {code}", code=code, status=status)


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (answered("DIS.4303"), 120),
        (answered("DIS.4205"), 120),
        (answered("DIS.5000", 500), 120),
        (TransportError("cut"), 120),
        (TransportError("HTML", not_a_dis=True), 120),
        (answered("DIS.4301"), 60),
        (answered("DIS.4302"), 60),
        (answered("DIS.4319"), 60),
        (answered("DIS.4112", 441), 60),
        (answered("DIS.4200"), 0),
    ],
    ids=repr,
)
def test_a_failure_that_lasts_is_raised_when_its_time_is_over(
    error: Exception, seconds: float, fake_service: Any
) -> None:
    service = fake_service()
    failing(service, error, lambda: True)
    reading = Reading(service)
    with pytest.raises(type(error)):
        reading.numbers(SequenceRangeTracker(SequenceRange(0, 10)))
    assert reading.now == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize(
    "error",
    [
        answered("DIS.4205"),
        answered("DIS.4301"),
        answered("DIS.4302"),
        answered("DIS.4319"),
        answered("DIS.4116", 403),
        answered("", 404),
        TransportError("cut"),
    ],
    ids=repr,
)
def test_a_failure_of_half_a_minute_loses_nothing(error: Exception, fake_service: Any) -> None:
    service = fake_service()
    reading = Reading(service)
    failing(service, error, lambda: len(service.reads) * 10 > 20 and reading.now < 30)
    tracker = SequenceRangeTracker(SequenceRange(0, 100))
    assert reading.numbers(tracker) == list(range(100))
    assert reading.counts["failed_polls"] > 1
    assert (reading.logged[0], "failure" in reading.logged, reading.logged[-1]) == ("success", True, "success")


@pytest.mark.parametrize("code", ["DIS.4301", "DIS.4302", "DIS.4319"])
def test_the_rest_of_a_missing_partition_is_skipped_if_asked_for(code: str, fake_service: Any) -> None:
    service = fake_service()
    failing(service, answered(code), lambda: len(service.reads) == 3)
    tracker, reading = SequenceRangeTracker(SequenceRange(0, 100)), Reading(service, on_missing="skip")
    assert reading.numbers(tracker) == list(range(30))
    assert tracker.check_done()
    assert reading.counts["missing_partitions"] == 1


def test_numbers_before_the_stop_that_have_no_record_are_claimed(fake_service: Any) -> None:
    """The service has no numbers 10 to 49: a range that stops at 30 is done after 9."""
    service, tracker = fake_service(), SequenceRangeTracker(SequenceRange(0, 30))
    service.record = lambda n: PageRecord(n if n < 10 else n + 40, b"", 0)
    assert Reading(service).numbers(tracker) == list(range(10))
    assert tracker.check_done()
