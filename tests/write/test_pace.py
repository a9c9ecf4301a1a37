import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.write.pace import Pace


@pytest.fixture
def time(memory):
    return memory.Time()


def test_nobody_waits_unless_told_to_slow_down(time):
    Pace(clock=time.clock, sleep=time.sleep).wait()
    assert time.slept == []


def test_waiting_lasts_until_the_latest_slowing_down_is_over(time):
    pace = Pace(clock=time.clock, sleep=time.sleep)
    pace.slow_down(3.0)
    pace.slow_down(1.0)
    pace.wait()
    assert time.now == 3.0


def test_time_is_counted_once_however_many_are_slowed_down(time):
    pace = Pace(clock=time.clock, sleep=time.sleep)
    for _ in range(4):
        pace.slow_down(2.0)
    assert pace.take_throttled_seconds() == 2


@given(st.lists(st.floats(0, 3)))
@settings(deadline=None)
def test_no_fraction_of_a_second_is_lost_between_counts(delays):
    now = [0.0]
    pace = Pace(clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    taken = 0
    for delay in delays:
        pace.slow_down(delay)
        pace.wait()
        taken += pace.take_throttled_seconds()
    assert now[0] - 1.001 < taken <= now[0] + 0.001
