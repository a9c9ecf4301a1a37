"""The endless step: timestamps of elements, and the watermark that a partition and its read report."""

from __future__ import annotations

import functools
import time
from collections import Counter
from typing import Any

import pytest
from apache_beam.utils.timestamp import MIN_TIMESTAMP

from beam_dis.errors import DecodeError, TransportError
from beam_dis.read.partition.metrics import ReadMetrics
from beam_dis.read.values import WatermarkState
from beam_dis.read.watermark.policy import MARGIN_MS
from beam_dis.stream_service import PageRecord

ONE = "shardId-0000000001"
START_OF_TIME = MIN_TIMESTAMP.micros // 1000


def test_the_watermark_starts_at_the_beginning_of_time_and_follows_records(two_partitions: Any, polling: Any) -> None:
    service = two_partitions(next_number=10)
    service.read = _failing_at_the_end(service.read)
    assert polling(service).call().watermark == 1003


def _failing_at_the_end(read: Any) -> Any:
    """A read that fails instead of returning an empty page, so that no empty page moves the watermark."""

    def reading(*at: Any) -> Any:
        page = read(*at)
        if not page.records:
            raise TransportError("cut")
        return page

    return reading


def test_an_empty_page_moves_the_watermark_to_the_clock_less_a_margin(two_partitions: Any, polling: Any) -> None:
    service = two_partitions(next_number=0)
    polls = polling(service)
    assert polls.call().watermark == 5000 - MARGIN_MS


def test_the_lag_holds_the_watermark_back(two_partitions: Any, polling: Any) -> None:
    assert polling(two_partitions(next_number=0), lag_ms=700).call().watermark == 5000 - MARGIN_MS - 700


def test_the_watermark_never_moves_back(two_partitions: Any, polling: Any, now: Any) -> None:
    service, marks = two_partitions(next_number=0), []
    polls = polling(service)
    for service.now_ms in (5000, 4000, 6000, 1000):
        now.seconds += 1
        marks.append(polls.call().watermark)
    assert marks == sorted(marks)


def test_an_element_is_never_older_than_the_watermark(two_partitions: Any, polling: Any, now: Any) -> None:
    service = two_partitions(next_number=0)
    polls = polling(service)
    mark = polls.call().watermark
    service.record = lambda n: PageRecord(n, b"", -5 if n == 0 else 10**15)
    service.next, now.seconds = 2, now.seconds + 1
    assert [time for _, time in polls.call().elements] == [mark, 5000]


def test_event_time_is_the_users_and_moves_the_watermark(two_partitions: Any, polling: Any) -> None:
    service = two_partitions(next_number=5)
    service.read = _failing_at_the_end(service.read)
    polls = polling(service, decode=lambda record: int(record.data), event_micros=lambda n: n * 100_000)
    call = polls.call()
    assert (call.elements, call.watermark) == ([(n, n * 100) for n in range(5)], 400)


def test_the_arrival_time_of_a_dead_letter_is_no_event_time(two_partitions: Any, polling: Any) -> None:
    """Old events are read again, and some don't decode: the events after those are not late."""
    service = two_partitions(next_number=5)
    service.read = _failing_at_the_end(service.read)
    polls = polling(service, decode=_odd_numbers_only, event_micros=lambda n: n * 100_000, dead_letters=True)
    call = polls.call()
    assert ([time for _, time in call.elements], call.watermark) == ([1000, 100, 1000, 300, 1001], 300)


def _odd_numbers_only(record: Any) -> int:
    number = int(record.data)
    return number if number % 2 else _raised(DecodeError("even"))


def _call_twice(polls: Any, now: Any) -> None:
    """Call it twice: at the second call the runner has the output of the first one."""
    polls.call()
    now.seconds += 60
    polls.call()


def test_output_holds_back_other_partitions_until_the_runner_has_it(
    two_partitions: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    """The bundle of another partition may end first, and its watermark would make these records late."""
    service = two_partitions(next_number=10)
    registry = registry_on(service)
    busy = polling(service, registry=registry)
    idle = polling(service, name=ONE, start=10, registry=registry)
    assert busy.call().watermark == 4900
    assert idle.call().watermark == START_OF_TIME
    now.seconds += 1
    busy.call()
    now.seconds += 1
    assert idle.call().watermark == 4900


def test_the_reported_watermark_is_the_lowest_of_the_reads_partitions(
    two_partitions: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    service = two_partitions(next_number=10)
    registry, read = registry_on(service), service.read
    service.read = _failing_at_the_end(read)
    backlogged = polling(service, registry=registry)
    _call_twice(backlogged, now)
    service.read, service.next, now.seconds = read, 0, now.seconds + 1
    idle = polling(service, name=ONE, registry=registry)
    assert idle.call().watermark == 1003


def test_a_reported_watermark_held_back_by_others_makes_no_element_late(
    two_partitions: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    """An idle partition is at 4900 but reports 1003 because of another one, which then reports 4900 for both."""
    service = two_partitions(next_number=10)
    registry, read = registry_on(service), service.read
    service.read = _failing_at_the_end(read)
    other = polling(service, registry=registry)
    _call_twice(other, now)
    service.read, service.next, now.seconds = read, 0, now.seconds + 1
    idle = polling(service, name=ONE, registry=registry)
    assert idle.call().watermark == 1003
    service.next, now.seconds = 10, now.seconds + 60
    assert other.call().watermark == 4900
    service.next, service.record = 1, lambda n: PageRecord(n, b"", 2000)
    assert idle.call().elements[0][1] == 4900


def test_partitions_of_one_name_in_two_streams_count_separately(
    two_partitions: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    """Streams that are read together have partitions of the same names."""
    service = two_partitions(next_number=10)
    registry, read = registry_on(service), service.read
    service.read = _failing_at_the_end(read)
    _call_twice(polling(service, registry=registry), now)
    service.read, service.next, service.stream_id = read, 0, "id 2"
    idle = polling(service, stream_id="id 2", registry=registry)
    assert idle.call().watermark == 1003


def test_on_flink_a_partition_that_moved_holds_nothing_back(
    two_partitions: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    """Flink holds the watermark of each partition, and reads one on another worker after it was restarted."""
    service = two_partitions(next_number=10)
    registry = registry_on(service)
    moved = polling(service, start=0, registry=registry, holds_watermarks=True)
    idle = polling(service, name=ONE, start=10, registry=registry, holds_watermarks=True)
    moved.call()
    assert idle.call().watermark == 4900
    now.seconds += 1
    service.now_ms += 1000
    assert idle.call().watermark == 5900


def test_on_prism_a_partition_without_calls_for_an_hour_still_counts(
    two_partitions: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    service = two_partitions(next_number=10)
    registry = registry_on(service)
    waiting = polling(service, start=0, registry=registry, holds_watermarks=False)
    idle = polling(service, name=ONE, start=10, registry=registry, holds_watermarks=False)
    waiting.call()
    now.seconds += 3600
    assert idle.call().watermark == START_OF_TIME


def real_time(service: Any) -> int:
    """Have the service's clock agree with this machine's, and return it (ms)."""
    service.now_ms = int(time.time() * 1000)
    return int(service.now_ms)


@pytest.mark.parametrize("days", [1, -1])
@pytest.mark.parametrize("event_micros", [None, lambda record: record * 100_000], ids=["arrival", "events"])
def test_one_wrong_clock_of_an_idle_partition_moves_no_watermark(
    days: int, event_micros: Any, two_partitions: Any, polling: Any, now: Any
) -> None:
    service = two_partitions(next_number=0)
    start, polls = real_time(service), polling(service, event_micros=event_micros)
    for second in range(10):
        service.now_ms = start + 1000 * second + (days * 86_400_000 if second == 5 else 0)
        assert polls.call().watermark == pytest.approx(start + 1000 * second - MARGIN_MS, abs=2)
        now.seconds += 1


def test_a_wrong_clock_moves_no_timestamp_of_a_record(two_partitions: Any, polling: Any, now: Any) -> None:
    service = two_partitions(next_number=0)
    start, polls = real_time(service), polling(service)
    polls.call()
    now.seconds += 1
    service.record = lambda n: PageRecord(n, b"", start + 1000)
    service.now_ms, service.next = start - 86_400_000, 3
    assert [time for _, time in polls.call().elements] == [start + 1000] * 3


def test_a_service_whose_clock_was_set_ahead_keeps_the_times_of_its_records(
    two_partitions: Any, polling: Any, now: Any
) -> None:
    """As a local DIS whose clock is advanced: records that arrive next have its new time."""
    service = two_partitions(next_number=0)
    start, polls = real_time(service), polling(service)
    polls.call()
    ahead = start + 7_200_000
    service.record = lambda n: PageRecord(n, b"", ahead + 1000 * n)
    for number in range(8):
        now.seconds += 1
        service.now_ms, service.next = ahead + 1000 * number, number + 1
        call = polls.call()
        assert [time for _, time in call.elements] == [ahead + 1000 * number]
    assert call.watermark == ahead + 7000


def test_a_stored_watermark_ahead_of_the_clock_is_logged_once(
    two_partitions: Any, polling: Any, now: Any, caplog: pytest.LogCaptureFixture
) -> None:
    service = two_partitions(next_number=0)
    start, polls = real_time(service), polling(service)
    element, restriction, _ = polls.residual
    polls.residual = (element, restriction, WatermarkState(start + 86_400_000, start + 86_400_000))
    for _ in range(3):
        polls.call()
        now.seconds += 1
    assert caplog.text.count("its stored watermark is 86400 s ahead of the service's clock") == 1


def test_an_empty_page_in_front_of_records_moves_no_watermark(
    two_partitions: Any, polling: Any, now: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """After a minute it is logged, once, and again if it happens again."""
    service = two_partitions(next_number=0)
    read, polls = service.read, polling(service)
    assert polls.call().watermark == 4900
    for _ in range(2):
        service.read = lambda *at: read(*at)._replace(records=[])
        written, service.next = service.next, service.next + 5
        for second in range(70):
            now.seconds, service.now_ms = now.seconds + 1, service.now_ms + 1000
            before = polls.call().watermark
            assert (
                caplog.text.count("but the stream's listings have 5 more records there")
                == (second >= 60) + written // 5
            )
        service.read, now.seconds, service.now_ms = read, now.seconds + 1, service.now_ms + 1000
        service.record = functools.partial(_record_at, before + 1)
        call = polls.call()
        assert [time for _, time in call.elements] == [before + 1] * 5
        assert call.watermark == service.now_ms - MARGIN_MS


def _record_at(timestamp: int, number: int) -> PageRecord:
    return PageRecord(number, b"", timestamp)


def test_an_empty_page_without_a_listing_moves_no_watermark(two_partitions: Any, polling: Any) -> None:
    service = two_partitions(next_number=0)
    service.describe = lambda _: _raised(TransportError("cut"))
    assert polling(service).call().watermark == START_OF_TIME


def test_a_partition_that_the_last_listing_lacks_has_not_caught_up(two_partitions: Any, polling: Any) -> None:
    """Another worker found it by a later listing."""
    service = two_partitions(next_number=0)
    describe = service.describe
    service.describe = lambda stream: describe(stream)._replace(partitions=describe(stream).partitions[:1])
    assert polling(service, name=ONE).call().watermark == START_OF_TIME


def test_caught_up_is_the_earlier_of_page_and_listing(two_partitions: Any, polling: Any, now: Any) -> None:
    service = two_partitions(next_number=0)
    polls = polling(service, listing_interval=10.0)
    assert polls.call().watermark == 4900
    for _ in range(3):
        now.seconds, service.now_ms = now.seconds + 1, service.now_ms + 1000
        assert polls.call().watermark == 4900
    polls.shared.describe("flights")
    now.seconds, service.now_ms = now.seconds + 1, service.now_ms + 1000
    assert polls.call().watermark == 7900


@pytest.mark.parametrize("restarts", [1, 3])
def test_a_wrong_clock_of_the_first_answers_after_a_restart_moves_no_watermark(
    restarts: int, two_partitions: Any, polling: Any, now: Any
) -> None:
    """The watermark is in the state that the runner keeps, and the new process has no earlier answers to compare with."""
    service = two_partitions(next_number=0)
    start, polls = real_time(service), polling(service)
    polls.call()
    for _ in range(restarts):
        later, service.now_ms = polling(service), start + 86_400_000
        later.residual, polls = polls.residual, later
        assert polls.call().watermark == pytest.approx(start - MARGIN_MS, abs=1000)
        service.now_ms = start
    now.seconds, service.now_ms = now.seconds + 1, start + 1000
    assert polls.call().watermark == pytest.approx(start + 1000 - MARGIN_MS, abs=1000)


def _raised(error: Exception) -> Any:
    raise error


def test_records_older_than_the_reported_watermark_are_counted_as_late(
    two_partitions: Any, polling: Any, now: Any, monkeypatch: Any
) -> None:
    """Event times are the user's and stay as they are; the first page has moved the watermark past the later ones."""
    counts: Counter[str] = Counter()
    monkeypatch.setattr(ReadMetrics, "add", lambda _, name, n: counts.update({name: n}))
    service = two_partitions(next_number=3)
    polls = polling(service, event_micros=lambda record: (4000 if record.sequence_number < 3 else 7) * 1000)
    polls.call()
    assert counts["late_records"] == 0
    service.next, now.seconds = 8, now.seconds + 1
    polls.call()
    assert counts["late_records"] == 5
