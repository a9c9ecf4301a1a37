"""The endless step, driven call by call: every law of it, without a runner and without sleeping."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from apache_beam.utils.timestamp import MIN_TIMESTAMP

from beam_dis.connection import DISConnection
from beam_dis.errors import (
    TRANSIENT,
    DecodeError,
    DISError,
    OutOfRangeError,
    StreamNotRunningError,
    ThrottledError,
    TransportError,
)
from beam_dis.read.page_decoder import PageDecoder
from beam_dis.read.poll_partition import PollPartitionFn, PollPartitionForAppFn
from beam_dis.read.run_times import RunTimes
from beam_dis.read.stream_partition import StreamPartition
from beam_dis.read.watermark import MARGIN_MS, WatermarkPolicy
from beam_dis.stream_service import PageRecord, PartitionDescription

ZERO = "shardId-0000000000"
CONNECTION = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
START_OF_TIME = MIN_TIMESTAMP.micros // 1000


def partition(start: int = 0, *, name: str = ZERO, stream_id: str = "id") -> StreamPartition:
    return StreamPartition("flights", stream_id, name, 0, start, None)


@pytest.fixture
def polling(reader_on: Any, calls: Any, now: Any) -> Callable[..., Any]:
    """Polls a partition of a fake service, call by call."""

    def start(service: Any, element: StreamPartition | None = None, **options: Any) -> Any:
        reader = options.pop("reader", None) or reader_on(service)
        times = RunTimes(
            policy=WatermarkPolicy(options.pop("lag_ms", 0)),
            decoder=PageDecoder(options.pop("decode", lambda record: record), options.pop("dead_letters", False)),
            event_micros=options.pop("event_micros", None),
        )
        settings = {
            "read": "r",
            "on_expired": "fail",
            "poll_interval": 1.0,
            "gone_interval": 10.0,
            **options,
        }
        step = PollPartitionFn if options.get("app") is None else PollPartitionForAppFn
        fn = step(CONNECTION, times=times, clock=now, sleep=now.sleep, **settings)
        driven = calls(fn, element or partition())
        driven.reader = reader
        return driven

    return start


def numbers(call: Any) -> list[int]:
    return [record.sequence_number for record, _ in call.elements]


def test_a_call_reads_to_the_empty_page_then_rests_for_the_poll_interval(fake_service: Any, polling: Any) -> None:
    polls = polling(fake_service(next_number=25))
    call = polls.call()
    assert (numbers(call), round(call.delay, 2)) == (list(range(25)), 1.0)


def test_the_next_call_goes_on_at_the_next_number(fake_service: Any, polling: Any, now: Any) -> None:
    service = fake_service(next_number=25)
    polls = polling(service)
    polls.call()
    service.next, now.seconds = 31, now.seconds + 1
    assert numbers(polls.call()) == [25, 26, 27, 28, 29, 30]


def test_a_call_that_is_not_due_polls_nothing_and_naps_20_ms_at_most(fake_service: Any, polling: Any, now: Any) -> None:
    service = fake_service(next_number=0)
    polls = polling(service)
    polls.call()
    reads = len(service.reads)
    delays = [polls.call().delay for _ in range(10)]
    assert (len(service.reads), now.naps) == (reads, [0.02] * 10)
    assert delays[-1] == pytest.approx(0.8, abs=0.01)


def test_at_most_one_empty_poll_per_interval_whatever_the_runner_does(
    fake_service: Any, polling: Any, now: Any
) -> None:
    service = fake_service(next_number=0)
    polls, started = polling(service), now.seconds
    while now.seconds < started + 30:
        polls.call()
    assert len(service.reads) <= 31


def test_two_reads_of_a_partition_in_one_process_keep_a_pace_of_their_own(
    fake_service: Any, polling: Any, reader_on: Any
) -> None:
    """One is caught up and polls once a minute; the other has a backlog to read."""
    service = fake_service(next_number=25)
    reader = reader_on(service)
    polling(service, partition(25), reader=reader, read="caught up", poll_interval=60.0).call()
    assert numbers(polling(service, reader=reader, read="behind").call()) == list(range(25))


def test_a_turn_gives_way_where_the_runner_comes_back_at_once_and_another_partition_is_ready(
    fake_service: Any, polling: Any, now: Any
) -> None:
    service = fake_service(next_number=25)
    for returns, expected in ((True, (10, 0.0)), (False, (25, 1.0))):
        polls = polling(service, gives_way=returns)
        polls.reader.ahead.better_elsewhere = lambda place: True
        call = polls.call()
        assert (len(numbers(call)), round(call.delay, 2)) == expected


def test_a_partition_that_takes_nothing_more_rests_at_the_pace_of_discovery(
    fake_service: Any, polling: Any, now: Any
) -> None:
    service = fake_service(next_number=25)
    describe = service.describe
    service.describe = lambda stream: describe(stream)._replace(partitions=(PartitionDescription(ZERO, 0, 25, False),))
    polls = polling(service)
    first = polls.call()
    now.seconds += 1
    assert (len(numbers(first)), round(polls.call().delay)) == (25, 10)


def test_a_listing_that_a_later_one_overtook_counts_for_nothing(fake_service: Any, polling: Any) -> None:
    service = fake_service(next_number=25)
    polls, listing = polling(service), service.describe("flights")
    closed = (listing.partitions[0]._replace(writable=False),)
    polls.reader.ends.listed(listing, asked=10.0)
    polls.reader.ends.listed(listing._replace(partitions=closed), asked=9.0)
    assert not polls.reader.ends.closed(partition().at(0))


def test_a_worker_that_lists_no_streams_itself_has_its_own_look_at_the_ends_now_and_then(
    fake_service: Any, polling: Any, now: Any
) -> None:
    service = fake_service(next_number=20)
    polls = polling(service)
    looks, describe = [], service.describe
    service.describe = lambda stream: looks.append(now.seconds - 1000) or describe(stream)
    for _ in range(50):
        polls.call()
        now.seconds += 1
    assert looks == [0, 20, 40]


def test_a_bundle_ends_when_its_time_is_through_and_every_call_gets_a_page(
    fake_service: Any, polling: Any, now: Any
) -> None:
    service = fake_service(next_number=100)
    read = service.read
    service.read = lambda *at: now.sleep(2.5) or read(*at)
    polls = polling(service)
    first, second = polls.call(), polls.call()
    assert (numbers(first), round(first.delay, 2)) == (list(range(10)), 0.0)
    assert (numbers(second), round(second.delay, 2)) == (list(range(10, 20)), 0.0)


def test_the_watermark_starts_at_the_beginning_of_time_and_follows_records(fake_service: Any, polling: Any) -> None:
    service = fake_service(next_number=10)
    service.read = _without_the_end(service.read)
    assert polling(service).call().watermark == 1003


def _without_the_end(read: Any) -> Any:
    """Reads pages, and fails where there is nothing, so that no empty page moves the watermark."""

    def reading(*at: Any) -> Any:
        page = read(*at)
        if not page.records:
            raise TransportError("cut")
        return page

    return reading


def test_an_empty_page_moves_the_watermark_to_the_clock_less_a_margin(fake_service: Any, polling: Any) -> None:
    service = fake_service(next_number=0)
    polls = polling(service)
    assert polls.call().watermark == 5000 - MARGIN_MS


def test_the_lag_holds_the_watermark_back(fake_service: Any, polling: Any) -> None:
    assert polling(fake_service(next_number=0), lag_ms=700).call().watermark == 5000 - MARGIN_MS - 700


def test_the_watermark_never_moves_back(fake_service: Any, polling: Any, now: Any) -> None:
    service, marks = fake_service(next_number=0), []
    polls = polling(service)
    for service.now_ms in (5000, 4000, 6000, 1000):
        now.seconds += 1
        marks.append(polls.call().watermark)
    assert marks == sorted(marks)


def test_an_element_is_never_older_than_the_watermark_and_what_was_moved_is_counted(
    fake_service: Any, polling: Any, now: Any
) -> None:
    service = fake_service(next_number=0)
    polls = polling(service)
    mark = polls.call().watermark
    service.record = lambda n: PageRecord(n, b"", -5 if n == 0 else 10**15)
    service.next, now.seconds = 2, now.seconds + 1
    assert [time for _, time in polls.call().elements] == [mark, 5000]


def test_event_time_is_the_users_and_moves_the_watermark(fake_service: Any, polling: Any) -> None:
    service = fake_service(next_number=5)
    service.read = _without_the_end(service.read)
    polls = polling(service, decode=lambda record: int(record.data), event_micros=lambda n: n * 100_000)
    call = polls.call()
    assert (call.elements, call.watermark) == ([(n, n * 100) for n in range(5)], 400)


def test_the_arrival_time_of_a_dead_letter_is_no_event_time(fake_service: Any, polling: Any) -> None:
    """Old events are read again, one of them is broken: those behind it are as punctual as before."""
    service = fake_service(next_number=5)
    service.read = _without_the_end(service.read)
    polls = polling(service, decode=_odd_ones_only, event_micros=lambda n: n * 100_000, dead_letters=True)
    call = polls.call()
    assert ([time for _, time in call.elements], call.watermark) == ([1000, 100, 1000, 300, 1001], 300)


def _odd_ones_only(record: Any) -> int:
    number = int(record.data)
    return number if number % 2 else _raised(DecodeError("even"))


def _called_twice(polls: Any, now: Any) -> None:
    """So that the runner has what the first call handed out."""
    polls.call()
    now.seconds += 60
    polls.call()


def test_what_a_partition_hands_out_lets_others_report_no_more_before_the_runner_has_it(
    fake_service: Any, polling: Any, reader_on: Any, now: Any
) -> None:
    """Another one's bundle may be through first, and its report would make these records late."""
    service = fake_service(next_number=10)
    reader = reader_on(service)
    busy = polling(service, reader=reader)
    idle = polling(service, partition(name="shardId-0000000001", start=10), reader=reader)
    assert busy.call().watermark == 4900
    assert idle.call().watermark == START_OF_TIME
    now.seconds += 1
    busy.call()
    now.seconds += 1
    assert idle.call().watermark == 4900


def test_what_is_reported_is_the_lowest_of_the_partitions_of_the_read(
    fake_service: Any, polling: Any, reader_on: Any, now: Any
) -> None:
    service = fake_service(next_number=10)
    reader, read = reader_on(service), service.read
    service.read = _without_the_end(read)
    backlogged = polling(service, reader=reader)
    _called_twice(backlogged, now)
    service.read, service.next = read, 0
    idle = polling(service, partition(name="shardId-0000000001"), reader=reader)
    assert idle.call().watermark == 1003


def test_what_others_hold_back_in_the_report_of_a_partition_does_not_make_its_elements_late(
    fake_service: Any, polling: Any, reader_on: Any, now: Any
) -> None:
    """An idle partition has come to 4900 and reports 1003 for another's sake, which then reports 4900 for both."""
    service = fake_service(next_number=10)
    reader, read = reader_on(service), service.read
    service.read = _without_the_end(read)
    other = polling(service, reader=reader)
    _called_twice(other, now)
    service.read, service.next = read, 0
    idle = polling(service, partition(name="shardId-0000000001"), reader=reader)
    assert idle.call().watermark == 1003
    service.next, now.seconds = 10, now.seconds + 60
    assert other.call().watermark == 4900
    service.next, service.record = 1, lambda n: PageRecord(n, b"", 2000)
    assert idle.call().elements[0][1] == 4900


def test_a_stream_that_is_idle_holds_no_partition_of_another_one_of_the_read_for_its_own(
    fake_service: Any, polling: Any, reader_on: Any, now: Any
) -> None:
    """Streams read together have partitions of the same names: each counts for itself."""
    service = fake_service(next_number=10)
    reader, read = reader_on(service), service.read
    service.read = _without_the_end(read)
    _called_twice(polling(service, reader=reader), now)
    service.read, service.next, service.stream_id = read, 0, "id 2"
    idle = polling(service, partition(stream_id="id 2"), reader=reader)
    assert idle.call().watermark == 1003


def test_a_position_is_committed_once_finalised_and_again_until_confirmed(
    fake_service: Any, polling: Any, now: Any
) -> None:
    service = fake_service(next_number=7)
    polls = polling(service, app="delays")
    polls.call()
    polls.runner.bundle_finalizer_param.reset()  # a runner that loses a finalizer
    assert service.commits == []
    polls.call()
    polls.finalize()
    assert service.commits == [("delays", "flights", ZERO, 7)]
    polls.call()
    polls.finalize()
    assert len(service.commits) == 1


def test_what_is_confirmed_is_not_registered_again(fake_service: Any, polling: Any, now: Any) -> None:
    """Runners keep a bundle with a finalizer until it is finalised: an idle partition leaves them nothing to keep."""
    service = fake_service(next_number=7)
    polls = polling(service, app="delays")
    polls.call()
    polls.finalize()
    polls.call()
    assert not polls.runner.bundle_finalizer_param.has_callbacks()


def test_commits_go_forward_also_when_bundles_of_several_instances_finalise_out_of_order(
    fake_service: Any, polling: Any, reader_on: Any, now: Any
) -> None:
    """Two instances of the step, the later bundle finalised first."""
    service = fake_service(next_number=5)
    reader = reader_on(service)
    first, second = (polling(service, partition(start), app="delays", reader=reader) for start in (0, 5))
    first.call()
    service.next, now.seconds = 8, now.seconds + 1
    second.call()
    second.finalize()
    first.finalize()
    assert service.commits == [("delays", "flights", ZERO, 8)]


def test_throttling_and_a_dead_service_are_waited_out_with_growing_pauses(
    fake_service: Any, polling: Any, now: Any
) -> None:
    service, errors = fake_service(next_number=5), [TransportError("cut"), ThrottledError("slow", code="DIS.4303")] * 4
    read = service.read

    def failing(*at: Any) -> Any:
        if errors:
            raise errors.pop()
        return read(*at)

    service.read, polls, seen = failing, polling(service), []
    for _ in range(2000):
        seen += numbers(polls.call())
        now.seconds += 0.05
    assert (seen, errors) == (list(range(5)), [])


@pytest.mark.parametrize(("error", "longest"), [(ThrottledError("slow"), 4.0), (TransportError("cut"), 30.0)])
def test_throttling_never_keeps_a_partition_waiting_for_long(
    error: Exception, longest: float, fake_service: Any, polling: Any, now: Any
) -> None:
    service = fake_service(next_number=5)
    service.read, polls, pauses = _raising(error), polling(service), []
    for _ in range(60):
        pauses.append(polls.call().delay)
        now.seconds += pauses[-1]
    assert longest * 0.6 < max(pauses) <= longest


def _raising(error: Exception) -> Callable[..., Any]:
    def read(*_args: Any, **_options: Any) -> Any:
        raise error

    return read


@pytest.mark.parametrize("kind", TRANSIENT)
def test_a_transient_refusal_that_repeats_is_waited_out(
    kind: type[DISError], fake_service: Any, polling: Any, now: Any
) -> None:
    """Servers that disagree for a while end no pipeline."""
    service = fake_service(next_number=5)
    read, refusals = service.read, [kind("refused")] * 6
    service.read = lambda *at: _raised(refusals.pop()) if refusals else read(*at)
    polls, seen = polling(service), []
    for _ in range(2000):
        seen += numbers(polls.call())
        now.seconds += 0.05
    assert (seen, refusals) == (list(range(5)), [])


def _raised(error: Exception) -> Any:
    raise error


def test_a_partition_that_can_not_be_looked_at_when_records_expired_is_waited_out(
    fake_service: Any, polling: Any, now: Any
) -> None:
    service = fake_service(earliest=40)
    polls = polling(service, on_expired="earliest")
    with pytest.MonkeyPatch.context() as trouble:
        trouble.setattr(service, "describe", lambda _: _raised(TransportError("cut")))
        assert polls.call().elements == []
    now.seconds += 60
    assert numbers(polls.call()) == list(range(40, 100))


def test_expired_records_fail_by_default(fake_service: Any, polling: Any) -> None:
    with pytest.raises(OutOfRangeError, match="no longer holds record 0, the earliest is 40"):
        polling(fake_service(earliest=40)).call()


@pytest.mark.parametrize(("policy", "first"), [("earliest", 40), ("latest", 100)])
def test_expired_records_are_skipped_by_policy(fake_service: Any, polling: Any, policy: str, first: int) -> None:
    polls = polling(fake_service(earliest=40), on_expired=policy)
    assert numbers(polls.call()) == list(range(first, 100))


def test_a_partition_that_expired_is_looked_at_now_and_then_and_read_on_when_it_is_restored(
    fake_service: Any, polling: Any, now: Any
) -> None:
    """Also when it is restored between two looks, or two listings: its reader is the one it has."""
    service = fake_service(next_number=5)
    polls = polling(service)
    polls.call()
    service.expired, service.earliest, service.now_ms, now.seconds = True, 5, 90_000, now.seconds + 1
    gone = polls.call()
    assert (gone.elements, round(gone.delay), gone.watermark) == ([], 10, 90_000 - MARGIN_MS)
    service.expired, service.next, now.seconds = False, 8, now.seconds + 10
    assert numbers(polls.call()) == [5, 6, 7]


def test_a_partition_that_expired_unread_fails_or_is_counted(fake_service: Any, polling: Any, now: Any) -> None:
    """The service doesn't name the numbers of a partition that has expired; what was seen before does."""
    service = fake_service(next_number=5)
    failing = polling(service)
    failing.reader.listing("flights")
    service.expired = True
    with pytest.raises(Exception, match="no longer holds record 0"):
        failing.call()
    service.expired = False
    polls = polling(service, on_expired="latest")
    polls.reader.listing("flights")
    service.expired = True
    assert (polls.call().elements, polls.residual[1].start) == ([], 5)
    service.expired, service.next, now.seconds = False, 7, now.seconds + 10
    assert numbers(polls.call()) == [5, 6]


def test_a_partition_that_expired_before_anybody_saw_its_end_is_told_once(
    fake_service: Any, polling: Any, now: Any, caplog: Any
) -> None:
    """A process that is new may read on where another had read all: nothing says so, and nothing says otherwise."""
    service = fake_service(next_number=5)
    service.expired = True
    polls = polling(service)
    for _ in range(3):
        polls.call()
        now.seconds += 10
    assert caplog.text.count("nothing tells whether it held more records") == 1


def test_a_stream_that_is_not_running_for_now_is_waited_out(fake_service: Any, polling: Any, now: Any) -> None:
    service = fake_service(next_number=5)
    polls, read = polling(service), service.read

    def frozen(*_: Any) -> Any:
        raise StreamNotRunningError("is frozen", code="DIS.4205", status=400)

    service.read = frozen
    assert polls.call().elements == []
    service.read, now.seconds = read, now.seconds + 60
    assert numbers(polls.call()) == [0, 1, 2, 3, 4]


def test_a_clock_that_was_wrong_once_does_not_blind_the_ends(fake_service: Any, polling: Any, now: Any) -> None:
    service = fake_service(next_number=5)
    polls = polling(service)
    service.now_ms += 3_600_000
    polls.reader.listing("flights")
    service.now_ms, service.next, now.seconds = 6000, 25, now.seconds + 10
    polls.reader.listing("flights")
    assert polls.reader.ends.left("id", ZERO, 0) == 25


def test_the_backlog_is_bytes_to_the_known_end_and_0_when_caught_up(fake_service: Any, polling: Any) -> None:
    service = fake_service(next_number=30)
    polls = polling(service)
    polls.reader.listing("flights")
    element, restriction, _ = polls.residual
    assert polls.fn.restriction_size(element, restriction) > 0
    polls.call()
    assert polls.size == 0


def test_a_drain_leaves_nothing_to_do(fake_service: Any, polling: Any) -> None:
    polls = polling(fake_service())
    assert polls.fn.truncate(*polls.residual[:2]) is None


def test_a_reader_asleep_for_an_hour_goes_on_at_its_next_number(fake_service: Any, polling: Any, now: Any) -> None:
    service = fake_service(next_number=5)
    polls = polling(service)
    polls.call()
    service.next, now.seconds = 8, now.seconds + 3600
    assert numbers(polls.call()) == [5, 6, 7]


def test_a_partition_that_waits_its_turn_for_an_hour_is_not_forgotten_where_there_is_one_process(
    fake_service: Any, polling: Any, reader_on: Any, now: Any
) -> None:
    service = fake_service(next_number=10)
    reader = reader_on(service)
    waiting = polling(service, partition(start=0), reader=reader, gives_way=True)
    idle = polling(service, partition(name="shardId-0000000001", start=10), reader=reader, gives_way=True)
    waiting.call()
    now.seconds += 3600
    assert idle.call().watermark == START_OF_TIME
