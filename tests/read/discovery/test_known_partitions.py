"""Each partition is output once, whatever the listings have and however often the watch is restarted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.read.discovery.watch import WatchTracker
from beam_dis.read.state import KnownPartitionsCoder
from beam_dis.read.values import KnownPartitions
from beam_dis.stream_service import PartitionDescription

listings = st.lists(st.dictionaries(st.sampled_from("abcde"), st.booleans(), max_size=5), max_size=8)


def listed(readable: dict[str, bool]) -> tuple[PartitionDescription, ...]:
    return tuple(PartitionDescription(p, 0, 0, readable=ok) for p, ok in sorted(readable.items()))


@given(history=listings, restarts=st.sets(st.integers(0, 8)))
def test_each_partition_is_output_once_even_after_restarts(history: list[dict[str, bool]], restarts: set[int]) -> None:
    coder, known, output = KnownPartitionsCoder(), KnownPartitions(), []
    for index, readable in enumerate(history):
        new = known.new(listed(readable))
        output += new
        known = known.after("id", new)
        if index in restarts:
            known = coder.decode(coder.encode(known))
    assert sorted(output) == sorted({p for readable in history for p, ok in readable.items() if ok})


def test_a_partition_that_is_restored_is_not_output_again() -> None:
    known = KnownPartitions().after("id", frozenset("a"))
    assert [known.new(listed({"a": ok})) for ok in (True, False, True)] == [frozenset()] * 3


def test_after_a_checkpoint_the_residual_is_the_whole_watch() -> None:
    known = KnownPartitions("id", ("a",))
    tracker = WatchTracker(known)
    assert tracker.try_split(0.5) is None
    primary, residual = tracker.try_split(0) or (None, None)
    assert (primary is not None and primary.over, residual) == (True, known)
    assert [tracker.try_split(0), tracker.try_claim(known), tracker.check_done()] == [None, False, True]


def test_a_watch_that_is_not_deferred_is_an_error() -> None:
    with pytest.raises(ValueError, match="returned without deferring"):
        WatchTracker(KnownPartitions()).check_done()
