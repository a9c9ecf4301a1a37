"""Pages are fetched ahead within a budget; each is taken once, and dropping one loses nothing."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from background_pages import PAGE_WEIGHT, START, Background, at

from beam_dis.errors import ThrottledError, TransportError
from beam_dis.read.fetch.prefetch import Prefetch
from beam_dis.read.process.registry import BackgroundThreads
from beam_dis.request_counts import RequestCounts, note_request
from beam_dis.stream_service import Page, ReadPosition


def test_four_pages_are_fetched_ahead_one_after_the_other() -> None:
    background = Background()
    ahead = background.ahead()
    page = ahead.page(START, None)
    assert background.fetched == [0, 10, 20, 30, 40]
    assert ahead.page(START.after(page.records), None).records[0].sequence_number == 10
    assert background.fetched == [0, 10, 20, 30, 40, 50]


def test_nothing_is_fetched_after_a_page_that_is_not_full() -> None:
    background = Background()
    background.end = 23
    ahead = background.ahead()
    ahead.page(START, None)
    assert background.fetched == [0, 10, 20]
    ahead.page(at(20), None)
    assert background.fetched == [0, 10, 20, 23]


def test_nothing_after_the_stop_is_fetched() -> None:
    background = Background()
    background.ahead().page(START, 30)
    assert background.fetched == [0, 10, 20]


def test_a_prefetched_page_is_taken_once() -> None:
    background = Background()
    ahead = background.ahead()
    ahead.page(START, 20)
    for _ in range(2):
        ahead.page(at(10), 20)
    assert background.fetched == [0, 10, 10]


def test_a_caller_that_takes_a_page_under_way_fetches_nothing_twice() -> None:
    background = Background()
    ahead = background.ahead()
    background.under_way = []
    ahead.page(START, None)
    waiting = threading.Thread(target=ahead.page, args=(at(10), 20))
    background.waited_for.clear()
    waiting.start()
    assert background.waited_for.wait(10)
    background.answer()
    waiting.join(10)
    assert (background.fetched, background.under_way) == ([0, 10], [])


def test_after_an_error_in_the_background_the_page_is_fetched_again() -> None:
    background = Background()
    ahead = background.ahead()
    background.fails = {10: TransportError("cut")}
    ahead.page(START, None)
    assert ahead.page(at(10), 20).records[0].sequence_number == 10
    background.fails = {50: TransportError("cut")}
    with pytest.raises(TransportError):
        ahead.page(at(50), None)


@pytest.mark.parametrize(("seconds", "raises"), [(0.5, True), (1.5, False)])
def test_recent_throttling_in_the_background_is_raised_without_a_request(seconds: float, raises: bool) -> None:
    background = Background()
    ahead = background.ahead()
    background.fails = {10: ThrottledError("slower", code="DIS.4303", status=400)}
    ahead.page(START, None)
    background.now += seconds
    raised = False
    try:
        ahead.page(at(10), 20)
    except ThrottledError:
        raised = True
    assert (raised, background.fetched.count(10)) == (raises, 1 if raises else 2)


def test_an_empty_page_fetched_ahead_is_returned_once_and_then_fetched_again() -> None:
    background = Background()
    background.end = 10
    ahead = background.ahead()
    ahead.page(START, None)
    background.end = 15
    assert ahead.page(at(10), None).records == []
    assert len(ahead.page(at(10), None).records) == 5


@pytest.mark.parametrize(("seconds", "fetches"), [(0.5, 1), (1.5, 2)])
def test_a_page_that_was_empty_too_long_ago_is_fetched_again(seconds: float, fetches: int) -> None:
    background = Background()
    background.end = 10
    ahead = background.ahead()
    ahead.page(START, None)
    background.now += seconds
    ahead.page(at(10), None, fresh=1.0)
    assert background.fetched.count(10) == fetches


def test_at_most_eight_pages_are_under_way() -> None:
    background = Background()
    background.under_way = []
    ahead = background.ahead(budget=10**9)
    ahead.page(at(0), None)
    background.answer()
    for n in range(20):
        ahead.expect(at(0, str(n)))
    assert len(background.under_way) == 8


def test_two_pages_are_under_way_until_the_memory_of_one_is_known() -> None:
    background = Background()
    background.under_way = []
    ahead = background.ahead(budget=10**9)
    for n in range(20):
        ahead.expect(at(0, str(n)))
    assert len(background.under_way) == 2


def test_pages_of_partitions_without_records_are_not_taken_for_large_ones() -> None:
    background = Background()
    background.under_way = []
    ahead = background.ahead(budget=10**9)
    for n in range(20):
        ahead.expect(at(0, str(n)), few_records=True)
    assert len(background.under_way) == 8


def test_the_memory_of_full_pages_is_estimated_from_the_first_page() -> None:
    """The first page has 3 bytes and counts as 3 + 4 * ``RECORD_BYTES``; a page of ten bytes in proportion."""
    background = Background()
    background.end = 3
    ahead = background.ahead(budget=4 * PAGE_WEIGHT)
    ahead.page(START, None)
    background.under_way, background.end = [], 1000
    for n in range(20):
        ahead.expect(at(0, str(n)))
    assert len(background.under_way) == 3


def test_a_page_that_nobody_takes_is_dropped_at_the_next_request() -> None:
    background = Background()
    ahead = background.ahead()
    ahead.expect(at(0, "idle"))
    background.now = 61.0
    ahead.page(START, 10)
    ahead.page(at(0, "idle"), 10)
    assert background.fetched == [0, 0, 0]


def test_an_expected_page_is_fetched_and_no_page_after_it() -> None:
    background = Background()
    ahead = background.ahead()
    ahead.expect(START)
    assert background.fetched == [0]
    ahead.page(START, 10)
    assert background.fetched == [0]


def test_pages_ahead_stay_within_the_budget_and_idle_ones_are_dropped() -> None:
    background = Background()
    ahead = background.ahead(budget=2 * PAGE_WEIGHT)
    for partition in "abc":
        ahead.page(at(0, partition), None)
    assert background.fetched == [0, 10, 0, 10, 0]
    background.now = 61.0
    ahead.page(at(0, "d"), None)
    assert background.fetched == [0, 10, 0, 10, 0, 0, 10]


def test_half_of_the_budget_is_left_to_first_pages_of_other_partitions() -> None:
    background = Background()
    ahead = background.ahead(budget=6 * PAGE_WEIGHT)
    ahead.page(START, None)
    assert background.fetched == [0, 10, 20, 30]
    for partition in "abcd":
        ahead.page(at(0, partition), None)
    assert background.fetched[4:] == [0, 10, 0, 10, 0, 10, 0]


def test_another_partition_is_ready_while_the_page_here_is_under_way() -> None:
    background = Background()
    ahead = background.ahead()
    ahead.expect(at(0, "other"))
    background.under_way = []
    ahead.page(START, None)
    assert ahead.other_partition_ready(at(10))
    with ahead.reading(at(0, "other")):
        assert not ahead.other_partition_ready(at(10))
        with ahead.reading(at(0, "other")):
            pass
        assert not ahead.other_partition_ready(at(10))
    background.answer()
    assert not ahead.other_partition_ready(at(10))


def test_a_failed_or_empty_page_is_not_ready() -> None:
    background = Background()
    ahead = background.ahead()
    background.fails, background.end = {0: TransportError("cut")}, 0
    for other in ("failed", "empty"):
        ahead.expect(at(0, other))
    background.under_way, background.end = [], 1000
    ahead.page(START, None)
    assert not ahead.other_partition_ready(at(10))


def test_a_process_that_can_start_no_thread_reads_without_prefetching() -> None:
    def submit(*_: Any) -> Any:
        raise RuntimeError("can't start new thread")

    ahead = Prefetch(Background().fetch, submit, page_bytes=10)
    assert [len(ahead.page(at(n), None).records) for n in (0, 10)] == [10, 10]


def test_no_other_partition_is_ready_if_nothing_else_was_fetched() -> None:
    background = Background()
    ahead = background.ahead()
    background.under_way = []
    ahead.expect(at(0, "other"))
    ahead.page(START, None)
    assert not ahead.other_partition_ready(at(10))


def test_all_pages_ahead_are_requested_in_the_context_of_the_one_who_reads() -> None:
    """So their requests are counted for that reader, whichever thread fetches them."""
    background, counts, complete = Background(), RequestCounts(), threading.Event()

    def fetch(position: ReadPosition, max_bytes: int) -> Page:
        note_request("get_records", 0.001)
        if position.sequence_number == 40:
            complete.set()
        return background.fetch(position, max_bytes)

    with counts.counting():
        Prefetch(fetch, BackgroundThreads().submit, page_bytes=10).page(START, None)
    assert complete.wait(10)
    assert len(counts.take().millis["read"]) == 5
