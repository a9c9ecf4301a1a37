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
