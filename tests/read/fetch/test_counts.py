"""Pending counts are taken once, in whole numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from beam_dis.read.fetch.counts import PendingCounts


@given(amounts=st.lists(st.floats(0, 3)))
def test_fractions_are_kept_until_they_add_up_to_whole_numbers(amounts: list[float]) -> None:
    pending, taken = PendingCounts(), 0
    for amount in amounts:
        pending.add("seconds", amount)
        taken += pending.take().get("seconds", 0)
    assert sum(amounts) - 1 < taken + 1e-6
    assert taken <= sum(amounts) + 1e-6
