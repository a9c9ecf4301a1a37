"""Ranges are fetched in several segments at a time: within the budget, in the order of need, and nothing twice."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from background_pages import PAGE_WEIGHT, Background, at

from beam_dis.errors import ThrottledError, TransportError
from beam_dis.read.fetch.page_sizes import PageSizes
from beam_dis.read.fetch.prefetch import Prefetch
from beam_dis.read.fetch.segments import Segments
from beam_dis.read.fetch.upcoming import Expected, Following, UpcomingRanges, nothing_follows
from beam_dis.request_counts import RequestCounts, note_request
from beam_dis.stream_service import Page, PageRecord, ReadPosition


class Rig:
    """Segments on a source whose pages have ten records; a segment has 39 numbers."""

    def __init__(self, **options: Any) -> None:
        self.background = Background()
        self.background.end = 10**6
        self.prefetch = self.background.ahead(**{"budget": 10**9, **options})
        self.segments = Segments(self.prefetch, PageSizes(10), clock=lambda: self.background.now)

    @property
    def fetched(self) -> list[int]:
        return self.background.fetched

    def page(self, number: int, stop: int = 10_000, following: Following = nothing_follows) -> list[int]:
        """The numbers of a page of the first partition."""
        return [r.sequence_number for r in self.segments.page(at(number), stop, following).records]

    def read(self, start: int, stop: int, following: Following = nothing_follows) -> list[int]:
        """The numbers of a range, page by page."""
        found: list[int] = []
        while start < stop:
            found += self.page(start, stop, following)
            start = found[-1] + 1
        return found

    def ahead(self) -> int:
        """How many of the pages that were requested are there, or under way."""
        return sum([self.prefetch.holds(at(number)) for number in self.fetched])


def expecting(*ranges: tuple[ReadPosition, int], proven: bool) -> Following:
    found = [Expected(position, stop, proven=proven) for position, stop in ranges]
    return lambda: found.pop(0) if found else None


def test_pages_are_requested_in_the_context_of_the_read_that_needs_them() -> None:
    """So their requests are counted for that read, although the page of another one made room for them."""
    background, first, second = Background(), RequestCounts(), RequestCounts()
    background.under_way, requested = [], Counter[str]()

    def fetch(position: ReadPosition, max_bytes: int) -> Page:
        note_request("get_records", 0.001)
        requested[position.partition_id] += 1
        return background.fetch(position, max_bytes)

    segments = Segments(Prefetch(fetch, background.submit, page_bytes=10, budget=10**9), PageSizes(10))
    for counts, partition in ((first, "one"), (second, "other")):
        with counts.counting():
            segments.page(at(0, partition), 10_000, nothing_follows)
    for _ in range(5):
        background.answer()
    assert min(requested.values()) > 1
    assert [len(counts.take().millis["read"]) for counts in (first, second)] == [requested["one"], requested["other"]]


def test_eight_segments_are_fetched_at_the_same_time() -> None:
    rig = Rig()
    rig.background.under_way = []
    rig.page(0)
    rig.background.answer()
    assert rig.fetched == [0, 10, 39, 78, 117, 156, 195, 234, 273]


def test_four_pages_of_each_segment_are_fetched_ahead() -> None:
    rig = Rig()
    rig.page(0, 120)
    assert rig.fetched == [0, 10, 20, 30, 39, 49, 59, 69, 78, 88, 98, 108]


def test_every_number_of_a_range_is_fetched_once() -> None:
    rig = Rig()
    assert rig.read(0, 1000) == list(range(1000))
    assert len(set(rig.fetched)) == len(rig.fetched) <= 1000 / 9.7 + 1


def test_no_number_after_the_stop_is_requested() -> None:
    rig = Rig()
    found = rig.read(0, 115)
    assert (found, max(rig.fetched)) == (list(range(115)), 108)


def test_records_that_the_next_segment_has_are_dropped() -> None:
    """The first page is of large records, so fewer numbers are expected in a page than there are."""
    rig = Rig()
    rig.page(0)
    rig.background.fetch = lambda position, _: Page(
        [PageRecord(n, b".", 0) for n in range(position.sequence_number, position.sequence_number + 50)], 0, 50, True
    )
    assert rig.page(30) == list(range(30, 39))


def test_a_page_that_begins_after_its_segment_is_returned_whole() -> None:
    """Numbers without a record are skipped by the service."""
    rig = Rig()
    rig.page(0, 10)
    rig.prefetch._read = lambda *_: Page([PageRecord(n, b".", 0) for n in range(500, 510)], 0, 10, True)
    assert rig.page(10) == list(range(500, 510))


@pytest.mark.parametrize("pages", [4, 20, 100])
def test_pages_ahead_take_at_most_half_of_the_budget_and_one_page(pages: int) -> None:
    rig = Rig(budget=pages * PAGE_WEIGHT)
    position, most = 0, 0
    while position < 1000:
        position = rig.page(position, 1000)[-1] + 1
        most = max(most, rig.ahead())
    assert 1 < most <= pages // 2 + 1


def test_what_is_needed_first_is_fetched_first() -> None:
    rig = Rig(budget=12 * PAGE_WEIGHT)
    rig.page(0)
    assert rig.fetched == [0, 10, 20, 30, 39, 49, 59]
    rig.page(10)
    assert rig.fetched[7:] == [69]


def test_the_ranges_that_follow_are_fetched_after_the_one_that_is_read() -> None:
    rig = Rig()
    following = expecting((at(0, "next"), 20), (at(0, "last"), 20), proven=True)
    rig.page(0, 20, following)
    assert rig.fetched == [0, 10, 0, 10, 0, 10]


def test_one_page_of_a_range_is_fetched_before_such_a_guess_was_right() -> None:
    rig = Rig()
    rig.page(0, 20, expecting((at(500), 5000), proven=False))
    assert rig.fetched == [0, 10, 500]


def test_more_of_the_ranges_that_follow_is_fetched_once_one_of_them_is_read() -> None:
    rig = Rig()
    rig.page(0, 20, expecting((at(500), 520), (at(600), 640), proven=False))
    rig.page(500, 520)
    assert rig.fetched == [0, 10, 500, 600, 510, 610, 620, 630]


def test_the_whole_of_a_range_that_follows_comes_before_the_next_one() -> None:
    rig = Rig(budget=10**5 * PAGE_WEIGHT)
    rig.background.under_way = []
    rig.page(0, 10, expecting((at(100), 200), (at(500), 600), proven=True))
    rig.background.answer()
    assert rig.fetched[1:] == [100, 139, 178, 500, 539, 578]


def test_a_failed_page_ahead_is_fetched_again_by_the_reader_who_needs_it() -> None:
    rig = Rig()
    rig.background.fails = {39: TransportError("cut")}
    assert rig.read(0, 100) == list(range(100))
    assert rig.fetched.count(39) == 2


def test_a_failure_raises_for_the_reader_of_its_page_alone() -> None:
    rig = Rig()
    rig.background.fails = {500: TransportError("cut")}
    assert rig.page(0) == list(range(10))
    with pytest.raises(TransportError):
        rig.page(500)
    assert rig.page(500) == list(range(500, 510))


def test_a_partition_that_throttles_is_asked_again_after_a_second() -> None:
    rig = Rig()
    rig.background.fails = {39: ThrottledError("slower", code="DIS.4303", status=400)}
    rig.page(0, 78)
    assert rig.fetched == [0, 10, 20, 30, 39]
    rig.page(10, 78)
    assert rig.fetched == [0, 10, 20, 30, 39]
    rig.background.now += 1.0
    rig.page(20, 78)
    assert rig.fetched[5:] == [39, 49, 59, 69]


def test_a_slow_pipeline_gets_its_next_page_and_no_new_segments() -> None:
    rig = Rig(budget=8 * PAGE_WEIGHT)
    rig.page(0)
    assert rig.fetched == [0, 10, 20, 30, 39]
    for number in (10, 20, 30, 39, 49, 59):
        rig.background.now += 6.0
        rig.page(number)
    assert max(rig.fetched) <= 69


def test_segments_that_nobody_reads_are_forgotten_after_a_minute() -> None:
    rig = Rig()
    rig.page(0, 20, expecting((at(500), 520), proven=False))
    rig.background.now += 61.0
    rig.page(10, 20)
    rig.page(5000, 5010)
    assert rig.fetched == [0, 10, 500, 10, 5000]


def test_a_page_under_way_when_all_steps_are_torn_down_continues_nothing() -> None:
    rig = Rig()
    rig.background.under_way = []
    rig.page(0)
    rig.segments.clear()
    rig.prefetch.clear()
    rig.background.answer()
    assert (rig.background.under_way, rig.ahead()) == ([], 0)


def test_an_empty_page_ends_what_is_fetched_ahead_of_it() -> None:
    rig = Rig()
    rig.background.end = 25
    rig.page(0, 60)
    assert rig.page(10, 60) == list(range(10, 20))
    rig.background.end = 60
    assert rig.read(20, 60) == list(range(20, 60))


def test_readers_in_several_threads_read_every_number_and_fetch_few_twice() -> None:
    background, upcoming = Background(), UpcomingRanges()
    background.end = 10**6
    starts = range(0, 4000, 200)
    for start in starts:
        upcoming.note(at(start), start + 200)
    with ThreadPoolExecutor(8) as pool, ThreadPoolExecutor(2) as readers:
        rig = Rig()
        rig.segments = Segments(Prefetch(background.fetch, pool.submit, page_bytes=10, budget=10**9), PageSizes(10))
        found = readers.map(lambda start: rig.read(start, start + 200, upcoming.begin(at(start))), starts)
        numbers = [number for part in found for number in part]
    assert numbers == list(range(4000))
    assert len(background.fetched) <= 1.2 * len(set(background.fetched))
