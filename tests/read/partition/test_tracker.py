"""The rules of the tracker: claims, splits, checkpoints and progress."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.read.partition.tracker import SequenceRangeTracker
from beam_dis.read.values import LAST_NUMBER, SequenceRange


def tracker(start: int, stop: int | None) -> SequenceRangeTracker:
    return SequenceRangeTracker(SequenceRange(start, stop))


def test_claim_succeeds_within_the_range() -> None:
    t = tracker(5, 10)
    assert [t.try_claim(5), t.try_claim(7), t.try_claim(9)] == [True, True, True]


def test_claim_at_or_after_the_stop_is_refused() -> None:
    assert [tracker(5, 10).try_claim(10), tracker(5, 10).try_claim(11)] == [False, False]


def test_a_refused_claim_does_not_count_as_attempted() -> None:
    t = tracker(5, 10)
    assert not t.try_claim(12)
    assert t.try_claim(5)
    with pytest.raises(ValueError, match=r"\[5, 10\) was left with 6"):
        t.check_done()


def test_cannot_claim_backwards() -> None:
    t = tracker(5, 10)
    t.try_claim(7)
    for position in (7, 6):
        with pytest.raises(ValueError, match="claims go forward"):
            t.try_claim(position)


def test_cannot_claim_a_split_off_range() -> None:
    """[0 ....... 10) claimed 3 → primary [0 .. 7), residual [7 .. 10), which has 7."""
    t = tracker(0, 10)
    t.try_claim(3)
    assert t.try_split(0.5) == (SequenceRange(0, 7), SequenceRange(7, 10))
    assert not t.try_claim(7)
    assert t.try_claim(6)
    assert t.check_done()


def test_a_checkpoint_is_granted_while_work_remains() -> None:
    """[0 .. 10) claimed 3 → primary [0 .. 4), residual [4 .. 10)."""
    t = tracker(0, 10)
    t.try_claim(3)
    assert t.try_split(0) == (SequenceRange(0, 4), SequenceRange(4, 10))
    assert t.check_done()


def test_after_a_checkpoint_before_any_claim_the_residual_is_everything() -> None:
    t = tracker(4, 10)
    assert t.try_split(0) == (SequenceRange(4, 4), SequenceRange(4, 10))
    assert t.check_done()


def test_a_checkpoint_of_an_endless_range_is_granted() -> None:
    t = tracker(4, None)
    t.try_claim(8)
    assert t.try_split(0) == (SequenceRange(4, 9), SequenceRange(9, None))
    assert t.check_done()


def test_a_claim_of_the_last_number_ends_an_endless_range() -> None:
    t = tracker(4, None)
    assert t.try_claim(LAST_NUMBER)
    assert t.try_split(0) is None
    assert t.check_done()


def test_nothing_is_split_off_after_everything_is_claimed() -> None:
    t = tracker(0, 10)
    t.try_claim(9)
    assert [t.try_split(0), t.try_split(0.5)] == [None, None]


def test_an_endless_range_refuses_a_fraction() -> None:
    assert tracker(0, None).try_split(0.5) is None


def test_an_unsplittable_tracker_refuses_a_fraction_and_grants_a_checkpoint() -> None:
    t = SequenceRangeTracker(SequenceRange(0, 10), splittable=False)
    assert t.try_split(0.5) is None
    assert t.try_split(0) == (SequenceRange(0, 0), SequenceRange(0, 10))


def test_a_gap_is_claimed_with_the_record_after_it() -> None:
    t = tracker(0, 10)
    t.try_claim(9)
    assert t.check_done()


def test_an_unbounded_range_is_never_done() -> None:
    t = tracker(0, None)
    t.try_claim(100)
    with pytest.raises(ValueError, match="without claiming or deferring"):
        t.check_done()


def test_the_error_of_a_call_without_a_claim_explains_the_cause() -> None:
    with pytest.raises(ValueError, match="Nothing was claimed at all: some runners end the call"):
        tracker(0, None).check_done()


def test_an_empty_range_is_done_at_once_and_is_not_falsy() -> None:
    assert tracker(3, 3).check_done()
    assert bool(SequenceRange(3, 3)) is True


def test_progress_counts_claimed_and_remaining_numbers() -> None:
    t = tracker(10, 20)
    t.try_claim(12)
    assert (t.current_progress().completed_work, t.current_progress().remaining_work) == (3, 7)


moves = st.lists(
    st.one_of(st.tuples(st.just("claim"), st.integers(1, 8)), st.tuples(st.just("split"), st.floats(0, 1)))
)


@given(start=st.integers(0, 50), size=st.integers(0, 60), moves=moves)
def test_random_claims_and_splits_lose_and_repeat_no_number(
    start: int, size: int, moves: list[tuple[str, float]]
) -> None:
    """The claims in a range and in the residuals of its splits have each number of the range once."""
    waiting, read, script = [SequenceRange(start, start + size)], [], iter(moves)
    while waiting:
        part = waiting.pop()
        t, position = SequenceRangeTracker(part), part.start
        while position < (stop := t.current_restriction().stop or 0):
            move, amount = next(script, ("claim", 5))
            if move == "claim":
                last = min(position + int(amount), stop) - 1
                assert t.try_claim(last)
                read.extend(range(position, last + 1))
                position = last + 1
            elif parts := t.try_split(amount):
                assert parts[0].stop == parts[1].start
                waiting.append(parts[1])
        assert t.check_done()
    assert sorted(read) == list(range(start, start + size))


@given(stop=st.none() | st.integers(20, 90), claim=st.integers(0, 19), fraction=st.floats(0, 1))
def test_primary_and_residual_together_are_the_original_range(stop: int | None, claim: int, fraction: float) -> None:
    t = tracker(0, stop)
    t.try_claim(claim)
    parts = t.try_split(fraction)
    if parts is None:
        left = None if stop is None else stop - claim - 1
        assert left is None or left == 0 or max(1, int(left * fraction)) >= left
    else:
        primary, residual = parts
        assert (primary.start, primary.stop, residual.stop) == (0, residual.start, stop)
        assert claim < residual.start
        assert t.current_restriction() == primary
