"""Cursors never leave the poller, and never matter to whoever reads."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from beam_dis.errors import CursorRefusedError, DISError, OutOfRangeError, StreamNotFoundError, ThrottledError
from beam_dis.read.poller import Place, Poller
from beam_dis.read.tally import Tally

START = Place("flights", "id", "shardId-0000000000", 0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_pages_follow_each_other_on_one_cursor(fake_service: Any) -> None:
    service = fake_service()
    poller, place = Poller(service, tally=Tally()), START
    for _ in range(3):
        place = place.after(poller.read(place))
    assert (service.opened, service.reads, place.sequence_number) == ([0], [0, 10, 20], 30)


def test_a_cursor_is_opened_anew_after_270_seconds(fake_service: Any) -> None:
    service, clock = fake_service(), Clock()
    poller = Poller(service, tally=Tally(), clock=clock)
    place = START.after(poller.read(START))
    clock.now = 269.9
    place = place.after(poller.read(place))
    clock.now += 270
    poller.read(place)
    assert service.opened == [0, 20]


def test_a_refused_cursor_is_opened_anew_at_the_same_number(fake_service: Any) -> None:
    service = fake_service()
    tally = Tally()
    poller = Poller(service, tally=tally)
    place = START.after(poller.read(START))
    service.forget_cursors()
    assert [r.sequence_number for r in poller.read(place).records][:2] == [10, 11]
    assert (service.opened, tally.take()) == ([0, 10], {"cursor_refreshes": 1})


def test_a_service_that_refuses_its_own_new_cursor_is_an_error(fake_service: Any) -> None:
    service = fake_service()
    service.open = lambda *_: (-1, 0)
    with pytest.raises(CursorRefusedError):
        Poller(service, tally=Tally()).read(START)


def test_a_place_that_expired_is_told(fake_service: Any) -> None:
    with pytest.raises(OutOfRangeError):
        Poller(fake_service(earliest=5), tally=Tally()).read(START)


def test_an_empty_page_keeps_its_place(fake_service: Any) -> None:
    service = fake_service(next_number=0)
    poller = Poller(service, tally=Tally())
    assert START.after(poller.read(START)) == START
    service.next = 3
    assert len(poller.read(START).records) == 3
    assert service.opened == [0]


def test_a_stream_made_anew_is_noticed_before_its_first_record_is_read(fake_service: Any) -> None:
    """As when a job goes on from its state after the stream was deleted and made anew: its numbers would fit."""
    service = fake_service()
    with pytest.raises(StreamNotFoundError, match="its id was 'the old one', now 'id'"):
        Poller(service, tally=Tally()).read(START._replace(stream_id="the old one"))
    assert service.reads == []


@pytest.mark.parametrize("refusal", [CursorRefusedError, StreamNotFoundError])
def test_a_stream_made_anew_is_told_and_never_read_for_the_old_one(fake_service: Any, refusal: Any) -> None:
    service = fake_service()
    poller = Poller(service, tally=Tally())
    place = START.after(poller.read(START))
    service.make_anew(refusal)
    with contextlib.suppress(DISError):
        poller.read(place)  # in the background, where errors are forgotten
    with pytest.raises(StreamNotFoundError, match="made anew while it was read: its id was 'id', now 'another id'"):
        poller.read(place)


def test_a_stream_made_anew_while_a_reader_slept_is_noticed(fake_service: Any, now: Any) -> None:
    """Nobody refuses a cursor that is too old to be tried."""
    service = fake_service()
    poller = Poller(service, tally=Tally(), clock=now)
    place = START.after(poller.read(START))
    service.stream_id, now.seconds = "another id", now.seconds + 3600
    with pytest.raises(StreamNotFoundError, match="made anew while it was read"):
        poller.read(place)


def test_a_new_cursor_is_opened_unasked_once_the_stream_was_seen_to_be_the_same(fake_service: Any) -> None:
    service = fake_service()
    poller = Poller(service, tally=Tally())
    place = START.after(poller.read(START))
    service.forget_cursors()
    poller.read(place)
    service.describe = None
    assert len(poller.read(START).records) == 10


def test_throttling_spends_no_cursor(fake_service: Any) -> None:
    service = fake_service()
    poller, read = Poller(service, tally=Tally()), service.read
    place = START.after(poller.read(START))

    def throttled(*_: Any, **__: Any) -> Any:
        raise ThrottledError("Exceeded traffic control limit.", code="DIS.4303", status=400)

    service.read = throttled
    with pytest.raises(ThrottledError):
        poller.read(place)
    service.read = read
    poller.read(place)
    assert service.opened == [0]
