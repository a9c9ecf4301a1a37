"""The clock: it only goes forward, and its advance is kept with the data."""

import pytest

from beam_dis.local.clock import Clock


def test_a_clock_gives_the_time_of_its_source():
    assert Clock(lambda: 12.5)() == 12.5


def test_advancing_adds_up():
    clock = Clock(lambda: 10.0)
    clock.advance(1)
    clock.advance(0.5)
    assert clock() == 11.5


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_a_clock_can_t_be_advanced_by_less_than_zero(seconds):
    with pytest.raises(ValueError, match="give 0 or more"):
        Clock(lambda: 0.0).advance(seconds)


@pytest.mark.parametrize("seconds", [float("inf"), 1e18])
def test_a_clock_can_not_be_advanced_past_the_year_3000(seconds):
    with pytest.raises(ValueError, match="after the year 3000"):
        Clock(lambda: 0.0).advance(seconds)


def test_a_clock_follows_another_forward_only():
    clock = Clock(lambda: 10.0)
    times = []
    for offset in (5.0, 3.0, 6.0):
        clock.raise_offset(offset)
        times.append(clock())
    assert times == [15.0, 15.0, 16.0]


def test_advances_of_the_stored_clock_add_up_and_are_kept_after_a_restart(opened):
    advanced = [opened.store.advance_clock(seconds).result() for seconds in (3600, 0.5)]
    assert advanced == [3600.0, 3600.5]
    assert (opened.store.clock_advance(), opened.reopen().clock_advance()) == (3600.5, 3600.5)
