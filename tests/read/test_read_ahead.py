"""What is fetched ahead is a cache: used once, dropped at no cost, within its budget."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from beam_dis.errors import TransportError
from beam_dis.read.poller import Place
from beam_dis.read.read_ahead import ReadAhead
from beam_dis.service import Page, PageRecord

START = Place("flights", "id", "shardId-0000000000", 0)


class Background:
    """Runs what is submitted at once; ``fetched`` says what was read, in order."""

    def __init__(self) -> None:
        self.fetched: list[int] = []
        self.fails: set[int] = set()
        self.end = 1000
        self.now = 0.0

    def fetch(self, place: Place) -> Page:
        number = place.sequence_number
        self.fetched.append(number)
        if number in self.fails:
            self.fails.remove(number)
            raise TransportError("cut")
        page = range(number, min(number + 10, self.end))
        return Page([PageRecord(n, b"", 0) for n in page], None, 0)

    def submit(self, fetch: Callable[[Place], Page], place: Place) -> Future[Page]:
        future: Future[Page] = Future()
        try:
            future.set_result(fetch(place))
        except TransportError as error:
            future.set_exception(error)
        return future

    def ahead(self, **options: Any) -> ReadAhead:
        return ReadAhead(self.fetch, self.submit, page_bytes=10, clock=lambda: self.now, **options)


def test_the_next_page_is_fetched_while_this_one_is_used() -> None:
    background = Background()
    ahead = background.ahead()
    page = ahead.page(START, stop=None)
    assert background.fetched == [0, 10]
    assert ahead.page(START.after(page), stop=None).records[0].sequence_number == 10
    assert background.fetched == [0, 10, 20]


def test_nothing_behind_the_stop_is_fetched() -> None:
    background = Background()
    background.ahead().page(START, stop=10)
    assert background.fetched == [0]


def test_a_page_fetched_ahead_is_handed_out_once() -> None:
    background = Background()
    ahead = background.ahead()
    ahead.page(START, stop=None)
    for _ in range(2):
        ahead.page(START._replace(sequence_number=10), stop=20)
    assert background.fetched == [0, 10, 10]


def test_an_error_in_the_background_is_met_again_in_the_foreground() -> None:
    background = Background()
    ahead = background.ahead()
    background.fails = {10}
    ahead.page(START, stop=None)
    assert ahead.page(START._replace(sequence_number=10), stop=20).records[0].sequence_number == 10
    background.fails = {50}
    with pytest.raises(TransportError):
        ahead.page(START._replace(sequence_number=50), stop=None)


def test_an_empty_page_fetched_ahead_is_an_answer_and_asked_for_again_after_it() -> None:
    background = Background()
    background.end = 10
    ahead = background.ahead()
    ahead.page(START, stop=None)
    background.end = 15
    assert ahead.page(START._replace(sequence_number=10), stop=None).records == []
    assert len(ahead.page(START._replace(sequence_number=10), stop=None).records) == 5


def test_pages_ahead_stay_within_the_budget_and_idle_ones_make_room() -> None:
    background = Background()
    ahead = background.ahead(budget=25)
    for partition in "abc":
        ahead.page(START._replace(partition_id=partition), stop=None)
    assert background.fetched == [0, 10, 0, 10, 0]
    background.now = 61.0
    ahead.page(START._replace(partition_id="d"), stop=None)
    assert background.fetched == [0, 10, 0, 10, 0, 0, 10]
