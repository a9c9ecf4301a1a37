"""The endless step, driven call by call: every law of it, without a runner and without sleeping."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from fake_service import FakeService

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
from beam_dis.read.decode import PageDecoder
from beam_dis.read.partition.endless import PollPartitionFn, PollPartitionForAppFn
from beam_dis.read.values import StreamPartition
from beam_dis.read.watermark.event_time import RunTimes
from beam_dis.read.watermark.policy import MARGIN_MS, WatermarkPolicy
from beam_dis.stream_service import PageRecord, PartitionDescription

ZERO = "shardId-0000000000"
CONNECTION = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
START_OF_TIME = MIN_TIMESTAMP.micros // 1000


def partition(start: int = 0, *, name: str = ZERO, stream_id: str = "id") -> StreamPartition:
    return StreamPartition("flights", stream_id, name, start, None)


@pytest.fixture
def fake_service() -> Callable[..., FakeService]:
    """Makes a service with a stream of two partitions that hold the same numbers."""
    return functools.partial(FakeService, partitions=2)


@pytest.fixture
def polling(registry_on: Any, calls: Any, now: Any) -> Callable[..., Any]:
    """Polls a partition of a fake service, call by call."""

    def start(service: Any, element: StreamPartition | None = None, **options: Any) -> Any:
        registry = options.pop("registry", None) or registry_on(service)
        times = RunTimes(
            policy=WatermarkPolicy(options.pop("lag_ms", 0)),
            decoder=PageDecoder(options.pop("decode", lambda record: record), options.pop("dead_letters", False)),
            event_micros=options.pop("event_micros", None),
        )
        settings = {
            "read_id": "r",
            "on_expired": "fail",
            "poll_interval": 1.0,
            "expired_poll_interval": 10.0,
            **options,
        }
        step = PollPartitionFn if options.get("app") is None else PollPartitionForAppFn
        fn = step(CONNECTION, times=times, registry=lambda: registry, clock=now, sleep=now.sleep, **settings)
        driven = calls(fn, element or partition())
        driven.fn = fn
        driven.shared = registry.enter_connection(CONNECTION, driven)
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
    fake_service: Any, polling: Any, registry_on: Any
) -> None:
    """One is caught up and polls once a minute; the other has a backlog to read."""
    service = fake_service(next_number=25)
    registry = registry_on(service)
    polling(service, partition(25), registry=registry, read_id="caught up", poll_interval=60.0).call()
    assert numbers(polling(service, registry=registry, read_id="backlogged").call()) == list(range(25))


class Stuck(Executor):
    """Runs a task at once, except that pages of the first partition never arrive."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if args[0].partition_id != ZERO:
            future.set_result(fn(*args, **kwargs))
        return future


def test_a_poll_ends_if_another_partition_is_ready_and_the_runner_resumes_at_once(
    fake_service: Any, polling: Any, registry_on: Any
) -> None:
    service = fake_service(next_number=25)
    polls = polling(service, registry=registry_on(service, Stuck()), resumes_at_once=True)
    polls.shared.prefetch.expect(partition(name="shardId-0000000001").at(0))
    call = polls.call()
    assert (len(numbers(call)), round(call.delay, 2)) == (10, 0.0)


def test_a_poll_waits_for_its_next_page_if_the_runner_resumes_later(
    fake_service: Any, polling: Any, registry_on: Any
) -> None:
    service = fake_service(next_number=25)
    polls = polling(service, resumes_at_once=False)
    polls.shared.prefetch.expect(partition(name="shardId-0000000001").at(0))
    call = polls.call()
    assert (len(numbers(call)), round(call.delay, 2)) == (25, 1.0)


def test_a_closed_partition_is_polled_at_the_pace_of_discovery(fake_service: Any, polling: Any, now: Any) -> None:
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
    polls.shared.ends.note_listing(listing, requested_at=10.0)
    polls.shared.ends.note_listing(listing._replace(partitions=closed), requested_at=9.0)
    assert not polls.shared.ends.closed(partition().at(0))


def test_a_worker_without_discovery_lists_the_ends_every_20_seconds(fake_service: Any, polling: Any, now: Any) -> None:
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


def test_output_holds_back_other_partitions_until_the_runner_has_it(
    fake_service: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    """Another one's bundle may be through first, and its report would make these records late."""
    service = fake_service(next_number=10)
    registry = registry_on(service)
    busy = polling(service, registry=registry)
    idle = polling(service, partition(name="shardId-0000000001", start=10), registry=registry)
    assert busy.call().watermark == 4900
    assert idle.call().watermark == START_OF_TIME
    now.seconds += 1
    busy.call()
    now.seconds += 1
    assert idle.call().watermark == 4900


def test_what_is_reported_is_the_lowest_of_the_partitions_of_the_read(
    fake_service: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    service = fake_service(next_number=10)
    registry, read = registry_on(service), service.read
    service.read = _without_the_end(read)
    backlogged = polling(service, registry=registry)
    _called_twice(backlogged, now)
    service.read, service.next = read, 0
    idle = polling(service, partition(name="shardId-0000000001"), registry=registry)
    assert idle.call().watermark == 1003


def test_a_reported_watermark_held_back_by_others_makes_no_element_late(
    fake_service: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    """An idle partition has come to 4900 and reports 1003 for another's sake, which then reports 4900 for both."""
    service = fake_service(next_number=10)
    registry, read = registry_on(service), service.read
    service.read = _without_the_end(read)
    other = polling(service, registry=registry)
    _called_twice(other, now)
    service.read, service.next = read, 0
    idle = polling(service, partition(name="shardId-0000000001"), registry=registry)
    assert idle.call().watermark == 1003
    service.next, now.seconds = 10, now.seconds + 60
    assert other.call().watermark == 4900
    service.next, service.record = 1, lambda n: PageRecord(n, b"", 2000)
    assert idle.call().elements[0][1] == 4900


def test_partitions_of_one_name_in_two_streams_count_separately(
    fake_service: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    """Streams read together have partitions of the same names: each counts for itself."""
    service = fake_service(next_number=10)
    registry, read = registry_on(service), service.read
    service.read = _without_the_end(read)
    _called_twice(polling(service, registry=registry), now)
    service.read, service.next, service.stream_id = read, 0, "id 2"
    idle = polling(service, partition(stream_id="id 2"), registry=registry)
    assert idle.call().watermark == 1003


def test_a_position_is_committed_once_finalised_and_again_until_confirmed(
    fake_service: Any, polling: Any, now: Any
) -> None:
    service = fake_service(next_number=7)
    polls = polling(service, app="delays")
    polls.call()
    polls.lose_finalizers()  # a runner that loses a finalizer
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
    assert not polls.has_finalizers


def test_commits_go_forward_if_instances_finalise_out_of_order(
    fake_service: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    """Two instances of the step, the later bundle finalised first."""
    service = fake_service(next_number=5)
    registry = registry_on(service)
    first, second = (polling(service, partition(start), app="delays", registry=registry) for start in (0, 5))
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


def test_an_expired_partition_is_polled_slowly_and_read_when_restored(
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
    failing.shared.describe("flights")
    service.expired = True
    with pytest.raises(Exception, match="no longer holds record 0"):
        failing.call()
    service.expired = False
    polls = polling(service, on_expired="latest")
    polls.shared.describe("flights")
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
    assert caplog.text.count("nothing shows whether it held more records") == 1


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
    polls.shared.describe("flights")
    service.now_ms, service.next, now.seconds = 6000, 25, now.seconds + 10
    polls.shared.describe("flights")
    assert polls.shared.ends.left("id", ZERO, 0) == 25


def test_the_backlog_is_bytes_to_the_known_end_and_0_when_caught_up(fake_service: Any, polling: Any) -> None:
    service = fake_service(next_number=30)
    polls = polling(service)
    polls.shared.describe("flights")
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


def test_a_partition_that_waits_an_hour_still_counts_on_one_process(
    fake_service: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    service = fake_service(next_number=10)
    registry = registry_on(service)
    waiting = polling(service, partition(start=0), registry=registry, resumes_at_once=True)
    idle = polling(service, partition(name="shardId-0000000001", start=10), registry=registry, resumes_at_once=True)
    waiting.call()
    now.seconds += 3600
    assert idle.call().watermark == START_OF_TIME
