"""Streams: their properties, their quota, and how scaling changes their partitions."""

import pytest

from beam_dis.local.store import Partition, PartitionCountUpdate, PolicyRule, StreamDefinition, Tag
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.ranges import MAX_HASH, Range, hash_ranges

DAY = 24 * 3600


def statuses(opened):
    return [partition.status for partition in opened.store.stream("p", "s").partitions]


def test_a_new_stream_has_every_partition_active_and_empty(opened):
    stream = opened.stream(partitions=2)
    expected = [Range(0, MAX_HASH // 2 - 1), Range(MAX_HASH // 2, MAX_HASH)]
    assert [partition.hash_range for partition in stream.partitions] == expected
    assert {(p.status, p.earliest, p.next) for p in stream.partitions} == {("ACTIVE", 0, 0)}


def test_ids_have_twenty_letters_and_digits_and_differ(opened):
    ids = {opened.stream(name=f"s{n}").stream_id for n in range(10)}
    assert len(ids) == 10
    assert all(len(stream_id) == 19 and stream_id.isalnum() for stream_id in ids)


def test_all_properties_of_a_stream_are_there_after_a_restart(opened):
    properties = {"data_type": "CSV", "delimiter": ";", "retention_hours": 48, "tags": (Tag("k", "v"),)}
    stream = opened.stream(partitions=3, stream_type="ADVANCED", data_schema="{}", **properties)
    opened.reopen()
    assert opened.store.stream("p", "s") == stream


def test_a_stream_is_found_by_name_first_and_only_in_its_project(opened):
    stream, other = opened.stream(), opened.stream(name="t")
    found = [opened.store.stream("p", "s", other.stream_id), opened.store.stream("p", "", other.stream_id)]
    assert found == [stream, other]
    assert opened.store.stream("q", "s", stream.stream_id) is None


def test_streams_are_listed_by_name(opened):
    for name in "bca":
        opened.stream(name=name)
    assert [stream.name for stream in opened.store.streams("p")] == ["a", "b", "c"]
    assert opened.store.streams("q") == []


def test_a_second_stream_of_one_name_is_refused(opened):
    opened.stream()
    with pytest.raises(Refusal, match=r"DIS\.4307"):
        opened.stream()


def test_partitions_of_a_type_are_counted_against_its_quota(opened):
    opened.stream(partitions=50)
    opened.stream(name="advanced", stream_type="ADVANCED", partitions=10)
    with pytest.raises(Refusal, match=r"DIS\.4308: Insufficient quota\. \[51 COMMON"):
        opened.stream(name="more")


def test_a_change_sees_the_changes_before_it_in_its_group(opened):
    """The second stream of a name is refused, whether or not both are in one group."""
    definition = StreamDefinition(name="x", partition_count=1)
    futures = [opened.store.create_stream("p", definition) for _ in range(2)]
    assert futures[0].result().name == "x"
    assert isinstance(futures[1].exception(), Refusal)


def test_a_deleted_stream_is_gone_at_once_and_a_new_one_of_its_name_is_empty(opened):
    stream = opened.stream()
    opened.put(stream, b"old")
    opened.store.delete_stream(stream).result()
    assert opened.store.stream("p", "s", stream.stream_id) is None
    again = opened.stream()
    assert again.stream_id != stream.stream_id
    assert (again.partitions[0].next, opened.numbers(again)) == (0, [])


def test_every_operation_on_a_deleted_stream_is_refused(opened):
    stream = opened.stream()
    opened.store.delete_stream(stream).result()
    rule = PolicyRule("d.u", "d.u", "getRecords")
    changes = [
        opened.store.delete_stream(stream),
        opened.store.scale(stream, 2),
        opened.store.add_policies(stream, [rule]),
    ]
    codes = [change.exception().code for change in [*changes, opened.append(stream)]]
    assert codes == ["DIS.4301"] * 4
    with pytest.raises(Refusal, match=r"DIS\.4301"):
        opened.store.read(stream, 0, 0, 1)


def test_an_update_changes_properties_and_the_time_of_modification(opened):
    stream = opened.stream()
    opened.clock.advance(5)
    changed = opened.store.update_stream(stream, retention_hours=72, data_type="JSON").result()
    assert (changed.retention_hours, changed.data_type) == (72, "JSON")
    assert changed.modified_ms == stream.modified_ms + 5000
    assert opened.reopen().stream("p", "s") == changed


def test_a_permission_that_is_added_twice_is_there_once(opened):
    stream, rule = opened.stream(), PolicyRule("d.u", "d.u", "getRecords")
    for _ in range(2):
        opened.store.add_policies(stream, [rule]).result()
    assert opened.reopen().stream("p", "s").policies == (rule,)


def test_permissions_are_taken_back_and_others_stay(opened):
    stream, rules = opened.stream(), [PolicyRule(name, name, "getRecords") for name in ("d.u", "d.v", "d.w")]
    opened.store.add_policies(stream, rules[:2]).result()
    opened.store.delete_policies(stream, [rules[0], rules[2]]).result()
    assert opened.reopen().stream("p", "s").policies == (rules[1],)


def test_scaling_down_closes_the_last_partitions_and_divides_the_hash_space(opened):
    stream = opened.stream(partitions=4)
    assert opened.store.scale(stream, 2).result() == (4, 2)
    scaled = opened.store.stream("p", "s")
    assert statuses(opened) == ["ACTIVE", "ACTIVE", "DELETED", "DELETED"]
    assert [partition.hash_range for partition in scaled.partitions] == [*hash_ranges(2), None, None]


def test_scaling_up_restores_partitions_before_it_adds_any(opened):
    """DELETED ones first, then EXPIRED ones."""
    stream = opened.stream(partitions=3)
    opened.store.scale(stream, 2).result()
    opened.clock.advance(DAY)
    opened.store.housekeep()
    opened.store.scale(stream, 1).result()
    assert statuses(opened) == ["ACTIVE", "DELETED", "EXPIRED"]
    seen = [statuses(opened) for target in (2, 3, 4) if opened.store.scale(stream, target).result()]
    assert seen == [["ACTIVE", "ACTIVE", "EXPIRED"], ["ACTIVE"] * 3, ["ACTIVE"] * 4]


def test_scaling_is_recorded_unless_the_count_stays_the_same(opened):
    stream = opened.stream(partitions=2)
    assert opened.store.scale(stream, 2).result() == (2, 2)
    assert opened.store.stream("p", "s") == stream
    opened.store.scale(stream, 3).result()
    assert opened.reopen().stream("p", "s").updates == (PartitionCountUpdate(1767225600000, 2, 3),)


def test_scaling_above_the_quota_or_below_one_is_refused(opened):
    stream = opened.stream(partitions=2)
    codes = [opened.store.scale(stream, target).exception().code for target in (51, 0)]
    assert codes == ["DIS.4308", "DIS.4200"]
    assert opened.store.stream("p", "s") == stream


def test_a_deleted_partition_can_be_read_and_not_written(opened):
    stream = opened.stream(partitions=2)
    opened.put(stream, b"a", partition=1)
    opened.store.scale(stream, 1).result()
    assert opened.numbers(stream, partition=1) == [0]
    assert opened.put(stream, b"b", partition=1) == [None]


def test_a_deleted_partition_expires_after_the_retention(opened):
    stream = opened.stream(partitions=2)
    opened.store.scale(stream, 1).result()
    opened.clock.advance(DAY - 1)
    opened.store.housekeep()
    assert statuses(opened)[1] == "DELETED"
    opened.clock.advance(1)
    opened.store.housekeep()
    assert statuses(opened)[1] == "EXPIRED"
    with pytest.raises(Refusal, match=r"DIS\.4319"):
        opened.store.read(stream, 1, 0, 1)


def test_a_restored_partition_continues_its_numbers(opened):
    """An expired one is empty, at the number after its last record."""
    stream = opened.stream(partitions=2)
    opened.put(stream, b"a", b"b", partition=1)
    opened.store.scale(stream, 1).result()
    opened.clock.advance(DAY)
    opened.store.housekeep()
    opened.store.scale(stream, 2).result()
    back = opened.reopen().stream("p", "s").partitions[1]
    assert (back.status, back.earliest, back.next) == ("ACTIVE", 2, 2)
    assert opened.put(stream, b"c", partition=1)[0] == 2


def test_a_deleted_partition_that_is_restored_has_its_records(opened):
    stream = opened.stream(partitions=2)
    opened.put(stream, b"a", partition=1)
    for target in (1, 2):
        opened.store.scale(stream, target).result()
    assert (opened.partition(stream, 1).status, opened.numbers(stream, partition=1)) == ("ACTIVE", [0])


def test_a_partition_that_never_existed_is_none(opened):
    stream = opened.stream()
    assert (stream.partition(0), stream.partition(1), stream.partition(-1)) == (stream.partitions[0], None, None)
    assert isinstance(stream.partition(0), Partition)


def test_growing_only_adds_partitions_whatever_was_asked_for_before(opened):
    """Two requests to grow may arrive in any order: the smaller one must not scale the stream down."""
    stream = opened.stream(partitions=2)
    changes = [opened.store.grow(stream, target) for target in (8, 4, 8, 9)]
    refused = [change.exception() for change in changes]
    assert [error and error.code for error in refused] == [None, "DIS.4200", "DIS.4200", None]
    assert statuses(opened) == ["ACTIVE"] * 9


def test_a_type_of_another_service_has_no_quota(opened):
    stream = opened.stream(partitions=1000, stream_type="V3IO")
    opened.store.grow(stream, 2000).result()
    assert len(opened.store.stream("p", "s").partitions) == 2000
