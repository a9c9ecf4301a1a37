"""The bounds of delays double up to a ceiling; each delay is anywhere between zero and its bound."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from beam_dis.backoff import full_jitter


def test_bounds_double_up_to_the_ceiling():
    assert list(islice(full_jitter(1, 6, random=lambda: 1.0), 5)) == [1, 2, 4, 6, 6]


def test_jitter_is_full():
    assert list(islice(full_jitter(1, 8, random=iter([0.0, 0.5, 0.25]).__next__), 3)) == [0, 1, 1]


@given(first=st.floats(0.001, 10), ceiling=st.floats(0.001, 10), chance=st.floats(0, 1, exclude_max=True))
def test_every_delay_is_between_zero_and_the_ceiling(first, ceiling, chance):
    assert all(0 <= delay <= ceiling for delay in islice(full_jitter(first, ceiling, random=lambda: chance), 50))
