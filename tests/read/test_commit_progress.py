"""What may be committed of a partition: the ranges that are finished without a gap."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.read.commit_progress import CommitProgress


@pytest.mark.parametrize(
    ("finished", "next_number", "waiting"),
    [
        ([(0, 10)], 10, ()),
        ([(10, 20)], 0, ((10, 20),)),
        ([(10, 20), (0, 10)], 20, ()),
        ([(0, 10), (5, 15)], 15, ()),
        ([(0, 10), (0, 10), (2, 4)], 10, ()),
        ([(20, 30), (40, 50), (30, 40)], 0, ((20, 50),)),
        ([(20, 30), (40, 50), (0, 20)], 30, ((40, 50),)),
    ],
)
def test_only_what_is_contiguous_may_be_committed(
    finished: list[tuple[int, int]], next_number: int, waiting: tuple[tuple[int, int], ...]
) -> None:
    progress = CommitProgress(next_number=0)
    for each in finished:
        progress = progress.after([each])
    assert progress == CommitProgress(next_number=next_number, waiting=waiting)


def test_what_is_before_the_checkpoint_never_moves_it_back() -> None:
    assert CommitProgress(next_number=100).after([(0, 50), (90, 110)]) == CommitProgress(next_number=110)


@given(st.lists(st.integers(1, 30), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_ranges_in_any_order_and_twice_give_the_same_progress(sizes: list[int], order: random.Random) -> None:
    """At each moment the number is the first one that isn't finished."""
    stops = [sum(sizes[: n + 1]) for n in range(len(sizes))]
    ranges = [(stop - size, stop) for stop, size in zip(stops, sizes, strict=True)]
    finished: set[int] = set()
    progress = CommitProgress(next_number=0)
    for start, stop in order.sample(ranges + ranges, k=2 * len(ranges)):
        finished |= set(range(start, stop))
        progress = progress.after([(start, stop)])
        assert progress.next_number == next(n for n in range(stops[-1] + 1) if n not in finished)
    assert progress == CommitProgress(next_number=stops[-1])
