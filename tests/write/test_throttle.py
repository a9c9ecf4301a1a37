import pytest
from fake_time import FakeTime
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.write.throttle import Throttle


@pytest.fixture
def time():
    return FakeTime()


def test_without_a_pause_waiting_returns_at_once(time):
    Throttle(clock=time.clock, sleep=time.sleep).wait()
    assert time.slept == []


def test_waiting_lasts_until_the_longest_pause_is_over(time):
    throttle = Throttle(clock=time.clock, sleep=time.sleep)
    throttle.pause(3.0)
    throttle.pause(1.0)
    throttle.wait()
    assert time.now == 3.0


def test_overlapping_pauses_are_counted_once(time):
    throttle = Throttle(clock=time.clock, sleep=time.sleep)
    for _ in range(4):
        throttle.pause(2.0)
    assert throttle.take_throttled_seconds() == 2


@given(st.lists(st.floats(0, 3)))
@settings(deadline=None)
def test_no_fraction_of_a_second_is_lost_between_counts(delays):
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    taken = 0
    for delay in delays:
        throttle.pause(delay)
        throttle.wait()
        taken += throttle.take_throttled_seconds()
    assert now[0] - 1.001 < taken <= now[0] + 0.001
