"""The endless step: when a call polls, how much it reads, and how long it defers.

Delays are compared in whole seconds, because Beam subtracts the real time since the step asked for one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest

from beam_dis.stream_service import PartitionDescription, ReadPosition

ZERO, ONE = "shardId-0000000000", "shardId-0000000001"


def numbers(call: Any) -> list[int]:
    """The sequence numbers that a call output."""
    return [record.sequence_number for record, _ in call.elements]


def test_a_call_reads_to_the_empty_page_and_defers_by_the_poll_interval(two_partitions: Any, polling: Any) -> None:
    polls = polling(two_partitions(next_number=25), holds_watermarks=True)
    call = polls.call()
    assert (numbers(call), round(call.delay)) == (list(range(25)), 1)


def test_on_prism_a_call_soon_shows_that_the_runner_has_the_records(
    two_partitions: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    """It polls nothing, and the watermark of the other partitions needn't wait for the next poll."""
    service = two_partitions(next_number=25)
    registry = registry_on(service)
    polls = polling(service, registry=registry, holds_watermarks=False)
    idle = polling(service, name=ONE, start=25, registry=registry, holds_watermarks=False)
    first = polls.call()
    held_back = idle.call().watermark
    reads, now.seconds = len(service.reads), now.seconds + first.delay
    soon = polls.call()
    assert (round(first.delay, 1), round(soon.delay), len(service.reads)) == (0.1, 1, reads)
    assert (held_back < 0, soon.watermark, idle.call().watermark) == (True, 4900, 4900)


def test_the_next_call_continues_at_the_next_number(two_partitions: Any, polling: Any, now: Any) -> None:
    service = two_partitions(next_number=25)
    polls = polling(service)
    polls.call()
    service.next, now.seconds = 31, now.seconds + 1
    assert numbers(polls.call()) == [25, 26, 27, 28, 29, 30]


def test_a_call_that_is_not_due_polls_nothing_and_sleeps_at_most_20_ms(
    two_partitions: Any, polling: Any, now: Any
) -> None:
    service = two_partitions(next_number=0)
    polls = polling(service)
    polls.call()
    reads = len(service.reads)
    delays = [polls.call().delay for _ in range(10)]
    assert (len(service.reads), now.naps) == (reads, [0.02] * 10)
    assert delays[-1] == pytest.approx(0.8, abs=0.1)


def test_a_call_that_shows_the_watermark_does_not_sleep(two_partitions: Any, polling: Any, now: Any) -> None:
    """The runner kept the delay. Its thread has other partitions to read, perhaps a thousand."""
    polls = polling(two_partitions(next_number=25), holds_watermarks=False)
    now.seconds += polls.call().delay
    assert (round(polls.call().delay), now.naps) == (1, [])


def test_a_runner_that_calls_before_half_of_the_delay_is_slowed_down(
    two_partitions: Any, polling: Any, now: Any
) -> None:
    polls = polling(two_partitions(next_number=0))
    now.seconds += polls.call().delay * 0.4
    early = polls.call()
    now.seconds += early.delay * 0.6
    polls.call()
    assert now.naps == [0.02]


def test_one_empty_poll_per_interval_even_if_the_runner_ignores_delays(
    two_partitions: Any, polling: Any, now: Any
) -> None:
    service = two_partitions(next_number=0)
    polls, started = polling(service), now.seconds
    while now.seconds < started + 30:
        polls.call()
    assert len(service.reads) <= 31


def test_two_reads_of_a_partition_in_one_process_keep_their_own_pace(
    two_partitions: Any, polling: Any, registry_on: Any
) -> None:
    """One is caught up and polls once a minute; the other one has a backlog."""
    service = two_partitions(next_number=25)
    registry = registry_on(service)
    polling(service, start=25, registry=registry, read_id="caught up", poll_interval=60.0).call()
    assert numbers(polling(service, registry=registry, read_id="backlogged").call()) == list(range(25))


class FirstPartitionHangs(Executor):
    """Runs each task at once, except that pages of the first partition never arrive."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if not isinstance(args[0], ReadPosition) or args[0].partition_id != ZERO:
            future.set_result(fn(*args, **kwargs))
        return future


class HangingListings(Executor):
    """Runs each task at once, except that listings never end."""

    def __init__(self) -> None:
        self.listings = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if isinstance(args[0], ReadPosition):
            future.set_result(fn(*args, **kwargs))
        else:
            self.listings += 1
        return future


def test_if_the_runner_resumes_at_once_a_poll_ends_for_another_ready_page(
    two_partitions: Any, polling: Any, registry_on: Any
) -> None:
    service = two_partitions(next_number=25)
    polls = polling(service, registry=registry_on(service, FirstPartitionHangs()), resumes_at_once=True)
    polls.shared.prefetch.expect(ReadPosition("flights", "id", ONE, 0))
    call = polls.call()
    assert (len(numbers(call)), round(call.delay)) == (10, 0)


def test_if_the_runner_resumes_later_a_poll_waits_for_its_next_page(
    two_partitions: Any, polling: Any, registry_on: Any
) -> None:
    service = two_partitions(next_number=25)
    polls = polling(service, resumes_at_once=False, holds_watermarks=True)
    polls.shared.prefetch.expect(ReadPosition("flights", "id", ONE, 0))
    call = polls.call()
    assert (len(numbers(call)), round(call.delay)) == (25, 1)


def test_a_finished_partition_is_requested_every_10_seconds_and_holds_nothing_back(
    two_partitions: Any, polling: Any, now: Any
) -> None:
    """It was scaled away and read to its end. Listings move its watermark, as often as others are polled."""
    service = two_partitions(next_number=25)
    describe = service.describe
    service.describe = lambda stream: describe(stream)._replace(partitions=(PartitionDescription(ZERO, 0, 25, False),))
    polls = polling(service)
    assert len(numbers(polls.call())) == 25
    before, marks = len(service.reads), []
    for _ in range(100):
        now.seconds, service.now_ms = now.seconds + 1, service.now_ms + 1000
        marks.append(polls.call().watermark)
    assert len(service.reads) - before <= 10
    assert marks == [4900 + 1000 * second for second in range(1, 101)]


def test_a_finished_partition_that_is_restored_is_read_at_once(two_partitions: Any, polling: Any, now: Any) -> None:
    service = two_partitions(next_number=25)
    describe = service.describe
    polls = polling(service)
    with pytest.MonkeyPatch.context() as scaled:
        closed = (PartitionDescription(ZERO, 0, 25, False),)
        scaled.setattr(service, "describe", lambda stream: describe(stream)._replace(partitions=closed))
        for _ in range(3):
            polls.call()
            now.seconds += 1
    service.next = 27
    assert numbers(polls.call()) == [25, 26]


def test_a_listing_older_than_the_last_one_is_ignored(two_partitions: Any, polling: Any) -> None:
    service = two_partitions(next_number=25)
    polls, listing = polling(service), service.describe("flights")
    closed = (listing.partitions[0]._replace(writable=False),)
    polls.shared.ends.note_listing(listing, requested_at=10.0)
    polls.shared.ends.note_listing(listing._replace(partitions=closed), requested_at=9.0)
    assert not polls.shared.ends.closed(ReadPosition("flights", "id", ZERO, 0))


def test_a_worker_without_discovery_lists_the_stream_itself(two_partitions: Any, polling: Any, now: Any) -> None:
    """It waits for one and a half intervals, because a discovery in its process would have listed the stream by then."""
    service = two_partitions(next_number=20)
    polls = polling(service, listing_interval=10.0)
    listings, describe = [], service.describe
    service.describe = lambda stream: listings.append(now.seconds - 1000) or describe(stream)
    for _ in range(50):
        polls.call()
        now.seconds += 1
    assert listings == [0, 15, 30, 45]


def test_only_one_listing_of_a_stream_is_under_way_in_the_background(
    two_partitions: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    """The service doesn't answer: listings must not pile up."""
    service = two_partitions(next_number=20)
    hanging = HangingListings()
    polls = polling(service, registry=registry_on(service, hanging))
    for _ in range(50):
        polls.call()
        now.seconds += 1
    assert hanging.listings == 1


def test_a_bundle_ends_after_its_time_and_each_call_reads_a_page(two_partitions: Any, polling: Any, now: Any) -> None:
    service = two_partitions(next_number=100)
    read = service.read
    service.read = lambda *at: now.sleep(2.5) or read(*at)
    polls = polling(service)
    first, second = polls.call(), polls.call()
    assert (numbers(first), round(first.delay)) == (list(range(10)), 0)
    assert (numbers(second), round(second.delay)) == (list(range(10, 20)), 0)


def test_a_call_after_an_hour_continues_at_the_next_number(two_partitions: Any, polling: Any, now: Any) -> None:
    service = two_partitions(next_number=5)
    polls = polling(service)
    polls.call()
    service.next, now.seconds = 8, now.seconds + 3600
    assert numbers(polls.call()) == [5, 6, 7]


def test_the_size_is_the_bytes_to_the_known_end_and_0_when_caught_up(two_partitions: Any, polling: Any) -> None:
    service = two_partitions(next_number=30)
    polls = polling(service)
    polls.shared.describe("flights")
    element, restriction, _ = polls.residual
    assert polls.fn.restriction_size(element, restriction) > 0
    polls.call()
    assert polls.size == 0


def test_after_a_wrong_clock_later_listings_still_update_the_ends(two_partitions: Any, polling: Any, now: Any) -> None:
    service = two_partitions(next_number=5)
    polls = polling(service)
    service.now_ms += 3_600_000
    polls.shared.describe("flights")
    service.now_ms, service.next, now.seconds = 6000, 25, now.seconds + 10
    polls.shared.describe("flights")
    assert polls.shared.ends.left("id", ZERO, 0) == 25


def test_a_drain_truncates_the_range_to_nothing(two_partitions: Any, polling: Any) -> None:
    polls = polling(two_partitions())
    assert polls.fn.truncate(*polls.residual[:2]) is None


def test_a_stream_that_is_in_the_input_twice_is_polled_twice(
    two_partitions: Any, polling: Any, registry_on: Any
) -> None:
    """The partition's polls for one element of the input don't delay those for the other."""
    service = two_partitions(next_number=20)
    registry = registry_on(service)
    polls = [polling(service, registry=registry, input_id=input_id) for input_id in ("1", "2")]
    assert [len(poll.call().elements) for poll in polls] == [20, 20]


def make_distant(service: Any, now: Any) -> list[str]:
    """Let each page take half a second; returns the partitions that are requested from now on."""
    requested: list[str] = []
    read = service.read
    service.read = lambda at, most: now.sleep(0.5) or requested.append(at.partition_id) or read(at, most)
    return requested


def test_at_a_distance_a_poll_has_other_due_partitions_requested(
    two_partitions: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    """Each partition is still polled once: the other one's call takes the page that is there."""
    service = two_partitions(next_number=25)
    requested = make_distant(service, now)
    registry = registry_on(service)
    polls = [polling(service, name=name, start=25, registry=registry) for name in (ZERO, ONE)]
    for each in polls:
        each.call()
    now.seconds, requested[:] = now.seconds + 2, []
    polls[0].call()
    assert sorted(requested) == [ZERO, ONE]
    polls[1].call()
    assert sorted(requested) == [ZERO, ONE]


def test_a_finished_partition_is_not_requested_with_others(
    two_partitions: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    service = two_partitions(next_number=25)
    requested = make_distant(service, now)
    registry = registry_on(service)
    polls = [polling(service, name=name, start=25, registry=registry) for name in (ZERO, ONE)]
    service.first.partitions[1].writable = False
    for each in polls:
        each.call()
    now.seconds, requested[:] = now.seconds + 2, []
    polls[0].call()
    assert requested == [ZERO]
