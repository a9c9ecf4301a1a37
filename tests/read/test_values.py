"""A range of sequence numbers: its ends, its chunks, and the ranges that are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.read.values import SequenceRange


def test_the_stop_is_exclusive_and_may_be_missing() -> None:
    assert [SequenceRange(2, 4).contains(n) for n in (1, 2, 3, 4)] == [False, True, True, False]
    assert SequenceRange(2, None).contains(2**62)


@pytest.mark.parametrize(("start", "stop"), [(-1, 3), (4, 3)])
def test_a_range_that_runs_backwards_is_refused(start: int, stop: int) -> None:
    with pytest.raises(ValueError, match="is not a range"):
        SequenceRange(start, stop)


@given(start=st.integers(0, 1000), size=st.integers(0, 1000), chunk=st.integers(1, 300))
def test_chunks_together_are_the_range(start: int, size: int, chunk: int) -> None:
    parts = list(SequenceRange(start, start + size).chunks(chunk))
    assert [n for part in parts for n in range(part.start, part.stop or 0)] == list(range(start, start + size))
    assert all((part.size or 0) <= chunk for part in parts)


def test_an_endless_range_is_one_chunk() -> None:
    assert list(SequenceRange(7, None).chunks(2)) == [SequenceRange(7, None)]
