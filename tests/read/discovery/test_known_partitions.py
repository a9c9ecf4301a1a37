"""Each partition is handed out once, whatever is listed and however often the watch is handed on."""

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
def test_every_partition_is_output_once_also_over_restarts(history: list[dict[str, bool]], restarts: set[int]) -> None:
    coder, known, handed = KnownPartitionsCoder(), KnownPartitions(), []
    for index, readable in enumerate(history):
        new = known.new(listed(readable))
        handed += new
        known = known.after("id", new)
        if index in restarts:
            known = coder.decode(coder.encode(known))
    assert sorted(handed) == sorted({p for readable in history for p, ok in readable.items() if ok})


def test_one_that_expires_and_comes_back_keeps_its_reader() -> None:
    known = KnownPartitions().after("id", frozenset("a"))
    assert [known.new(listed({"a": ok})) for ok in (True, False, True)] == [frozenset()] * 3


def test_a_checkpoint_hands_the_whole_watch_on() -> None:
    known = KnownPartitions("id", ("a",))
    tracker = WatchTracker(known)
    assert tracker.try_split(0.5) is None
    primary, residual = tracker.try_split(0) or (None, None)
    assert (primary is not None and primary.over, residual) == (True, known)
    assert [tracker.try_split(0), tracker.try_claim(known), tracker.check_done()] == [None, False, True]


def test_a_watch_that_is_left_is_an_error() -> None:
    with pytest.raises(ValueError, match="returned without deferring"):
        WatchTracker(KnownPartitions()).check_done()
