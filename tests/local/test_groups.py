"""Which member of a consumer group gets which partitions, and when."""

from __future__ import annotations

import pytest

from beam_dis.local.groups import JOIN_SECONDS, SESSION_SECONDS, ConsumerGroups
from beam_dis.wire.error_codes import Refusal

KEY = ("p", "a")


class Rig:
    """Groups on streams whose partitions a test changes, and on a clock that it moves."""

    def __init__(self):
        self.now = 1000.0
        self.partitions = {"s": [0, 1, 2], "t": [0]}
        self.groups = ConsumerGroups(lambda: self.now, self.partitions_of)

    def partitions_of(self, _project, streams):
        return {name: list(self.partitions[name]) for name, _ in streams if name in self.partitions}

    def join(self, *members, streams="s"):
        for member in members:
            self.groups.join(KEY, member, [(stream, "") for stream in streams])
        self.now += JOIN_SECONDS

    def sync(self, *members):
        """What the members get, after each has asked once before."""
        for member in members:
            self.groups.sync(KEY, member)
        return {member: self.groups.sync(KEY, member)[1] for member in members}

    def stable(self, *members):
        return [self.groups.is_stable(KEY, member, None) for member in members]


@pytest.fixture
def rig():
    return Rig()


def test_a_single_member_gets_every_partition(rig):
    rig.join("m", streams="st")
    assert rig.sync("m") == {"m": {"s": [0, 1, 2], "t": [0]}}
    assert rig.stable("m") == [True]


def test_members_share_the_partitions_evenly(rig):
    rig.join("m", "n", streams="st")
    assert rig.sync("m", "n") == {"m": {"s": [0, 2], "t": []}, "n": {"s": [1], "t": [0]}}


def test_a_member_gets_only_partitions_of_its_own_streams(rig):
    rig.join("m", streams="s")
    rig.join("n", streams="st")
    assert rig.sync("m", "n") == {"m": {"s": [0, 2]}, "n": {"s": [1], "t": [0]}}


def test_a_member_that_joins_waits_for_others(rig):
    assert rig.groups.join(KEY, "m", [("s", "")]) == JOIN_SECONDS
    assert rig.groups.sync(KEY, "m") is None
    rig.now += JOIN_SECONDS
    assert rig.groups.sync(KEY, "m") is not None


def test_nobody_gets_partitions_before_all_have_given_up_theirs(rig):
    rig.join("m")
    rig.sync("m")
    rig.join("n")
    assert rig.groups.sync(KEY, "n") is None
    assert rig.stable("m") == [False]
    generation, found = rig.groups.sync(KEY, "m")
    assert (found, rig.groups.sync(KEY, "n")) == ({"s": [0, 2]}, (generation, {"s": [1]}))


def test_a_member_that_leaves_gives_its_partitions_to_the_others(rig):
    rig.join("m", "n")
    rig.sync("m", "n")
    rig.groups.leave(KEY, "n")
    assert rig.stable("m") == [False]
    assert rig.sync("m") == {"m": {"s": [0, 1, 2]}}
    with pytest.raises(KeyError):
        rig.groups.sync(KEY, "n")


def test_a_silent_member_is_dropped(rig):
    rig.join("m", "n")
    rig.sync("m", "n")
    rig.now += SESSION_SECONDS - 1
    assert rig.stable("m") == [True]
    rig.now += 1
    assert rig.stable("m") == [False]
    assert rig.sync("m") == {"m": {"s": [0, 1, 2]}}


def test_a_group_ends_with_its_last_member(rig):
    rig.join("m")
    assert rig.groups.has_members(KEY)
    rig.now += SESSION_SECONDS
    assert not rig.groups.has_members(KEY)
    rig.groups.leave(KEY, "m")


def test_a_scaled_stream_begins_a_new_generation(rig):
    rig.join("m")
    rig.sync("m")
    rig.partitions["s"].append(3)
    assert rig.stable("m") == [False]
    assert rig.sync("m") == {"m": {"s": [0, 1, 2, 3]}}


def test_a_member_that_joins_again_counts_once(rig):
    rig.join("m", "m")
    assert rig.sync("m") == {"m": {"s": [0, 1, 2]}}


def test_there_are_no_more_members_than_partitions(rig):
    rig.join("a", "b", "c")
    with pytest.raises(Refusal, match=r"DIS\.4339.*\[4 members are more than 3 partitions\]"):
        rig.join("d")
    assert sorted(map(len, (found["s"] for found in rig.sync("a", "b", "c").values()))) == [1, 1, 1]


def test_generations_rise_also_when_a_group_begins_again(rig):
    rig.join("m")
    first, _ = rig.groups.sync(KEY, "m")
    rig.groups.leave(KEY, "m")
    rig.join("m")
    assert rig.groups.sync(KEY, "m")[0] > first


def test_a_commit_needs_a_member_of_the_generation(rig):
    rig.join("m", "n")
    rig.sync("m", "n")
    generation, _ = rig.groups.sync(KEY, "m")
    rig.groups.check_commit(KEY, "m", generation)
    rig.groups.check_commit(KEY, "m", None)
    codes = []
    for member, number in (("x", generation), ("m", generation - 1)):
        with pytest.raises(Refusal) as refused:
            rig.groups.check_commit(KEY, member, number)
        codes.append(refused.value.code)
    rig.groups.leave(KEY, "n")
    with pytest.raises(Refusal) as refused:
        rig.groups.check_commit(KEY, "m", generation)
    assert [*codes, refused.value.code] == ["DIS.4702", "DIS.4703", "DIS.4701"]


def test_groups_of_other_apps_and_projects_are_other_groups(rig):
    rig.join("m")
    rig.groups.join(("p", "b"), "m", [("s", "")])
    rig.groups.join(("q", "a"), "n", [("s", "")])
    assert rig.sync("m") == {"m": {"s": [0, 1, 2]}}
