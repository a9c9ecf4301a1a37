"""What is fetched ahead is a cache: used once, dropped at no cost, within its budget."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from beam_dis.errors import DISError, ThrottledError, TransportError
from beam_dis.read.fetch.prefetch import RECORD_BYTES, Prefetch
from beam_dis.stream_service import Page, PageRecord, ReadPosition

PAGE_WEIGHT = 10 + 11 * RECORD_BYTES
START = ReadPosition("flights", "id", "shardId-0000000000", 0)


def at(number: int, partition: str = START.partition_id) -> ReadPosition:
    return START._replace(sequence_number=number, partition_id=partition)


class _NotingFuture(Future[Any]):
    """Sets an event when somebody waits for it."""

    def __init__(self, waited_for: threading.Event) -> None:
        super().__init__()
        self._waited_for = waited_for

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._waited_for.set()
        return super().exception(timeout)


class Background:
    """Pages of ten records of a byte; what is submitted runs at once, or once it is told to ``answer``."""

    def __init__(self) -> None:
        self.fetched: list[int] = []
        self.fails: dict[int, DISError] = {}
        self.end = 1000
        self.now = 0.0
        self.under_way: list[Callable[[], None]] | None = None
        self.waited_for = threading.Event()

    def fetch(self, place: ReadPosition) -> Page:
        number = place.sequence_number
        self.fetched.append(number)
        if number in self.fails:
            raise self.fails.pop(number)
        page = range(number, min(number + 10, self.end))
        return Page([PageRecord(n, b".", 0) for n in page], 0)

    def submit(self, fetch: Callable[[ReadPosition], Any], place: ReadPosition) -> Future[Any]:
        future = _NotingFuture(self.waited_for)

        def run() -> None:
            try:
                future.set_result(fetch(place))
            except DISError as error:
                future.set_exception(error)

        if self.under_way is None:
            run()
        else:
            self.under_way.append(run)
        return future

    def answer(self) -> None:
        """All that is under way, but not what it leads to."""
        waiting, self.under_way = self.under_way or [], []
        for run in waiting:
            run()

    def ahead(self, **options: Any) -> Prefetch:
        return Prefetch(self.fetch, self.submit, page_bytes=10, clock=lambda: self.now, **options)


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


def test_the_caller_who_takes_a_page_under_way_continues_from_it() -> None:
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


def test_an_error_in_the_background_is_met_again_in_the_foreground() -> None:
    background = Background()
    ahead = background.ahead()
    background.fails = {10: TransportError("cut")}
    ahead.page(START, None)
    assert ahead.page(at(10), 20).records[0].sequence_number == 10
    background.fails = {50: TransportError("cut")}
    with pytest.raises(TransportError):
        ahead.page(at(50), None)


@pytest.mark.parametrize(("seconds", "told"), [(0.5, True), (1.5, False)])
def test_recent_throttling_in_the_background_is_raised_without_a_request(seconds: float, told: bool) -> None:
    background = Background()
    ahead = background.ahead()
    background.fails = {10: ThrottledError("slower", code="DIS.4303", status=400)}
    ahead.page(START, None)
    background.now += seconds
    asked: list[int] = []
    try:
        ahead.page(at(10), 20)
    except ThrottledError:
        asked.append(10)
    assert (bool(asked), background.fetched.count(10)) == (told, 1 if told else 2)


def test_an_empty_page_fetched_ahead_is_an_answer_and_asked_for_again_after_it() -> None:
    background = Background()
    background.end = 10
    ahead = background.ahead()
    ahead.page(START, None)
    background.end = 15
    assert ahead.page(at(10), None).records == []
    assert len(ahead.page(at(10), None).records) == 5


@pytest.mark.parametrize(("seconds", "asked"), [(0.5, 1), (1.5, 2)])
def test_what_was_empty_too_long_ago_is_asked_for_again(seconds: float, asked: int) -> None:
    background = Background()
    background.end = 10
    ahead = background.ahead()
    ahead.page(START, None)
    background.now += seconds
    ahead.page(at(10), None, fresh=1.0)
    assert background.fetched.count(10) == asked


def test_at_most_eight_pages_are_under_way() -> None:
    background = Background()
    background.under_way = []
    ahead = background.ahead(budget=10**9)
    ahead.page(at(0), None)
    background.answer()
    for n in range(20):
        ahead.expect(at(0, str(n)))
    assert len(background.under_way) == 8


def test_two_pages_are_under_way_while_nobody_knows_what_one_takes() -> None:
    background = Background()
    background.under_way = []
    ahead = background.ahead(budget=10**9)
    for n in range(20):
        ahead.expect(at(0, str(n)))
    assert len(background.under_way) == 2


def test_the_first_page_tells_what_full_ones_would_take() -> None:
    """Three records of a byte take what 3 bytes and 4 of ``RECORD_BYTES`` do: pages of ten bytes as many times more."""
    background = Background()
    background.end = 3
    ahead = background.ahead(budget=4 * PAGE_WEIGHT)
    ahead.page(START, None)
    background.under_way, background.end = [], 1000
    for n in range(20):
        ahead.expect(at(0, str(n)))
    assert len(background.under_way) == 3


def test_a_page_that_nobody_asked_for_is_forgotten_at_the_next_request() -> None:
    background = Background()
    ahead = background.ahead()
    ahead.expect(at(0, "gone"))
    background.now = 61.0
    ahead.page(START, 10)
    ahead.page(at(0, "gone"), 10)
    assert background.fetched == [0, 0, 0]


def test_a_page_that_somebody_expects_is_fetched_and_nothing_behind_it() -> None:
    background = Background()
    ahead = background.ahead()
    ahead.expect(START)
    assert background.fetched == [0]
    ahead.page(START, 10)
    assert background.fetched == [0]


def test_pages_ahead_stay_within_the_budget_and_idle_ones_make_room() -> None:
    background = Background()
    ahead = background.ahead(budget=2 * PAGE_WEIGHT)
    for partition in "abc":
        ahead.page(at(0, partition), None)
    assert background.fetched == [0, 10, 0, 10, 0]
    background.now = 61.0
    ahead.page(at(0, "d"), None)
    assert background.fetched == [0, 10, 0, 10, 0, 0, 10]


def test_later_pages_leave_half_of_the_budget_to_first_pages_of_others() -> None:
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


def test_a_process_without_threads_to_spare_reads_on() -> None:
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
