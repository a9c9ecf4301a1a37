from fake_time import FakeTime
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.write.throttled_seconds import ThrottledSeconds


def test_waits_that_overlap_are_counted_once():
    seconds = ThrottledSeconds(clock=FakeTime().clock)
    for _ in range(4):
        seconds.add(2.0)
    assert seconds.take() == 2


@given(st.lists(st.floats(0, 3)))
@settings(deadline=None)
def test_no_fraction_of_a_second_is_lost_between_counts(delays):
    time = FakeTime()
    seconds = ThrottledSeconds(clock=time.clock)
    taken = 0
    for delay in delays:
        seconds.add(delay)
        time.sleep(delay)
        taken += seconds.take()
    assert time.now - 1.001 < taken <= time.now + 0.001
