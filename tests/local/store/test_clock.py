import pytest

from beam_dis.local.clock import Clock


def test_a_clock_shows_its_source():
    assert Clock(lambda: 12.5)() == 12.5


def test_advancing_adds_up():
    clock = Clock(lambda: 10.0)
    clock.advance(1)
    clock.advance(0.5)
    assert clock() == 11.5


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_time_goes_forward_only(seconds):
    with pytest.raises(ValueError, match="give 0 or more"):
        Clock(lambda: 0.0).advance(seconds)


@pytest.mark.parametrize("seconds", [float("inf"), 1e18])
def test_time_ends_where_dates_still_have_four_digits(seconds):
    with pytest.raises(ValueError, match="beyond the year 3000"):
        Clock(lambda: 0.0).advance(seconds)


def test_a_clock_follows_another_forward_only():
    clock = Clock(lambda: 10.0)
    times = []
    for offset in (5.0, 3.0, 6.0):
        clock.follow(offset)
        times.append(clock())
    assert times == [15.0, 15.0, 16.0]


def test_by_how_much_a_clock_was_advanced_adds_up_and_outlives_the_process(shelf):
    advanced = [shelf.store.advance_clock(seconds).result() for seconds in (3600, 0.5)]
    assert advanced == [3600.0, 3600.5]
    assert (shelf.store.clock_advance(), shelf.reopen().clock_advance()) == (3600.5, 3600.5)
