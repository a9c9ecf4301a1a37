"""Each partition is handed out once per incarnation, whatever is listed and however often the watch is handed on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.read.known_partitions import Known, KnownPartitions
from beam_dis.read.state_coders import KnownPartitionsCoder
from beam_dis.read.watch_tracker import WatchTracker
from beam_dis.service import PartitionDescription

listings = st.lists(st.dictionaries(st.sampled_from("abcde"), st.booleans(), max_size=5), max_size=8)


def listed(readable: dict[str, bool]) -> tuple[PartitionDescription, ...]:
    return tuple(PartitionDescription(p, 0, 0, readable=ok) for p, ok in sorted(readable.items()))


@given(history=listings, restarts=st.sets(st.integers(0, 8)))
def test_a_partition_is_handed_out_once_per_incarnation_also_over_restarts(
    history: list[dict[str, bool]], restarts: set[int]
) -> None:
    coder, known, handed, alive = KnownPartitionsCoder(), KnownPartitions(), [], {}
    for index, readable in enumerate(history):
        handed += [(p.partition_id, known.next_incarnation(p.partition_id)) for p in known.new(listed(readable))]
        known = known.after("id", listed(readable))
        for p, ok in readable.items():
            if ok and not alive.get(p, (0, False))[1]:
                alive[p] = (alive.get(p, (0, False))[0] + 1, True)
            elif not ok:
                alive[p] = (alive.get(p, (0, False))[0], False)
        if index in restarts:
            known = coder.decode(coder.encode(known))
    assert len(handed) == len(set(handed))
    assert {p: sum(q == p for q, _ in handed) for p in alive} == {p: times for p, (times, _) in alive.items()}


def test_one_that_has_expired_and_comes_back_is_new() -> None:
    known = KnownPartitions().after("id", listed({"a": True}))
    assert known.new(listed({"a": True})) == []
    known = known.after("id", listed({"a": False}))
    assert [p.partition_id for p in known.new(listed({"a": True}))] == ["a"]
    assert known.next_incarnation("a") == 1


def test_a_checkpoint_hands_the_whole_watch_on() -> None:
    known = KnownPartitions("id", (Known("a", 0, False),))
    tracker = WatchTracker(known)
    assert tracker.try_split(0.5) is None
    primary, residual = tracker.try_split(0) or (None, None)
    assert (primary is not None and primary.over, residual) == (True, known)
    assert [tracker.try_split(0), tracker.try_claim(known), tracker.check_done()] == [None, False, True]


def test_a_watch_that_is_left_is_an_error() -> None:
    with pytest.raises(ValueError, match="returned without deferring"):
        WatchTracker(KnownPartitions()).check_done()
