import pytest

from beam_dis.local.store import Partition, PartitionCountUpdate, PolicyRule, StreamDefinition, Tag
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.ranges import MAX_HASH, Range, hash_ranges

DAY = 24 * 3600


def statuses(shelf):
    return [partition.status for partition in shelf.store.stream("p", "s").partitions]


def test_a_new_stream_has_every_partition_active_and_empty(shelf):
    stream = shelf.stream(partitions=2)
    expected = [Range(0, MAX_HASH // 2 - 1), Range(MAX_HASH // 2, MAX_HASH)]
    assert [partition.hash_range for partition in stream.partitions] == expected
    assert {(p.status, p.earliest, p.next, p.incarnation) for p in stream.partitions} == {("ACTIVE", 0, 0, 0)}


def test_ids_have_twenty_letters_and_digits_and_differ(shelf):
    ids = {shelf.stream(name=f"s{n}").stream_id for n in range(10)}
    assert len(ids) == 10
    assert all(len(stream_id) == 20 and stream_id.isalnum() for stream_id in ids)


def test_everything_said_of_a_stream_outlives_the_process(shelf):
    facts = {"data_type": "CSV", "delimiter": ";", "retention_hours": 48, "tags": (Tag("k", "v"),)}
    stream = shelf.stream(partitions=3, stream_type="ADVANCED", data_schema="{}", **facts)
    shelf.reopen()
    assert shelf.store.stream("p", "s") == stream


def test_a_name_is_found_before_an_id_and_neither_in_another_project(shelf):
    stream, other = shelf.stream(), shelf.stream(name="t")
    found = [shelf.store.stream("p", "s", other.stream_id), shelf.store.stream("p", "", other.stream_id)]
    assert found == [stream, other]
    assert shelf.store.stream("q", "s", stream.stream_id) is None


def test_streams_are_listed_by_name(shelf):
    for name in "bca":
        shelf.stream(name=name)
    assert [stream.name for stream in shelf.store.streams("p")] == ["a", "b", "c"]
    assert shelf.store.streams("q") == []


def test_a_name_is_given_once(shelf):
    shelf.stream()
    with pytest.raises(Refusal, match=r"DIS\.4307"):
        shelf.stream()


def test_partitions_of_a_type_are_counted_against_its_quota(shelf):
    shelf.stream(partitions=50)
    shelf.stream(name="advanced", stream_type="ADVANCED", partitions=10)
    with pytest.raises(Refusal, match=r"DIS\.4308: Insufficient quota\. \[51 COMMON"):
        shelf.stream(name="more")


def test_requests_of_one_group_see_each_other(shelf):
    """Both wait for the same commit: the second name is refused, whichever way the group falls."""
    futures = [shelf.store.create_stream("p", definition) for definition in [_definition("x"), _definition("x")]]
    assert futures[0].result().name == "x"
    assert isinstance(futures[1].exception(), Refusal)


def test_a_deleted_stream_is_gone_at_once_and_a_new_one_inherits_nothing(shelf):
    stream = shelf.stream()
    shelf.put(stream, b"old")
    shelf.store.delete_stream(stream).result()
    assert shelf.store.stream("p", "s", stream.stream_id) is None
    again = shelf.stream()
    assert again.stream_id != stream.stream_id
    assert (again.partitions[0].next, shelf.numbers(again)) == (0, [])


def test_a_stream_that_is_gone_refuses_everything(shelf):
    stream = shelf.stream()
    shelf.store.delete_stream(stream).result()
    rule = PolicyRule("d.u", "d.u", "getRecords")
    changes = [shelf.store.delete_stream(stream), shelf.store.scale(stream, 2), shelf.store.add_policy(stream, rule)]
    codes = [change.exception().code for change in [*changes, shelf.store.append(stream, [])]]
    assert codes == ["DIS.4301"] * 4
    with pytest.raises(Refusal, match=r"DIS\.4301"):
        shelf.store.read(stream, 0, 0, 1)


def test_facts_are_changed_by_name_and_the_time_is_kept(shelf):
    stream = shelf.stream()
    shelf.clock.advance(5)
    changed = shelf.store.update_stream(stream, retention_hours=72, data_type="JSON").result()
    assert (changed.retention_hours, changed.data_type) == (72, "JSON")
    assert changed.modified_ms == stream.modified_ms + 5000
    assert shelf.reopen().stream("p", "s") == changed


def test_a_permission_is_kept_once(shelf):
    stream, rule = shelf.stream(), PolicyRule("d.u", "d.u", "getRecords")
    for _ in range(2):
        shelf.store.add_policy(stream, rule).result()
    assert shelf.reopen().stream("p", "s").policies == (rule,)


def test_scaling_down_closes_the_highest_and_deals_the_hash_space_anew(shelf):
    stream = shelf.stream(partitions=4)
    assert shelf.store.scale(stream, 2).result() == (4, 2)
    scaled = shelf.store.stream("p", "s")
    assert statuses(shelf) == ["ACTIVE", "ACTIVE", "DELETED", "DELETED"]
    assert [partition.hash_range for partition in scaled.partitions] == [*hash_ranges(2), None, None]


def test_scaling_up_brings_deleted_ones_back_then_expired_ones_then_makes_new(shelf):
    stream = shelf.stream(partitions=3)
    shelf.store.scale(stream, 2).result()
    shelf.clock.advance(DAY)
    shelf.store.housekeep()
    shelf.store.scale(stream, 1).result()
    assert statuses(shelf) == ["ACTIVE", "DELETED", "EXPIRED"]
    seen = [statuses(shelf) for target in (2, 3, 4) if shelf.store.scale(stream, target).result()]
    assert seen == [["ACTIVE", "ACTIVE", "EXPIRED"], ["ACTIVE"] * 3, ["ACTIVE"] * 4]


def test_scaling_is_logged_and_to_the_same_count_changes_nothing(shelf):
    stream = shelf.stream(partitions=2)
    assert shelf.store.scale(stream, 2).result() == (2, 2)
    assert shelf.store.stream("p", "s") == stream
    shelf.store.scale(stream, 3).result()
    assert shelf.reopen().stream("p", "s").updates == (PartitionCountUpdate(1767225600000, 2, 3),)


def test_scaling_beyond_the_quota_or_below_one_is_refused(shelf):
    stream = shelf.stream(partitions=2)
    codes = [shelf.store.scale(stream, target).exception().code for target in (51, 0)]
    assert codes == ["DIS.4308", "DIS.4200"]
    assert shelf.store.stream("p", "s") == stream


def test_a_deleted_partition_is_read_and_not_written(shelf):
    stream = shelf.stream(partitions=2)
    shelf.put(stream, b"a", partition=1)
    shelf.store.scale(stream, 1).result()
    assert shelf.numbers(stream, partition=1) == [0]
    assert shelf.put(stream, b"b", partition=1) == [None]


def test_a_deleted_partition_expires_a_retention_later_and_is_not_read(shelf):
    stream = shelf.stream(partitions=2)
    shelf.store.scale(stream, 1).result()
    shelf.clock.advance(DAY - 1)
    shelf.store.housekeep()
    assert statuses(shelf)[1] == "DELETED"
    shelf.clock.advance(1)
    shelf.store.housekeep()
    assert statuses(shelf)[1] == "EXPIRED"
    with pytest.raises(Refusal, match=r"DIS\.4319"):
        shelf.store.read(stream, 1, 0, 1)


def test_an_expired_partition_comes_back_as_another_incarnation_with_its_numbers_going_on(shelf):
    stream = shelf.stream(partitions=2)
    shelf.put(stream, b"a", b"b", partition=1)
    shelf.store.scale(stream, 1).result()
    shelf.clock.advance(DAY)
    shelf.store.housekeep()
    shelf.store.scale(stream, 2).result()
    back = shelf.reopen().stream("p", "s").partitions[1]
    assert (back.status, back.incarnation, back.earliest, back.next) == ("ACTIVE", 1, 2, 2)
    assert shelf.put(stream, b"c", partition=1)[0].sequence_number == 2


def test_a_deleted_partition_that_comes_back_is_the_same_incarnation(shelf):
    stream = shelf.stream(partitions=2)
    shelf.put(stream, b"a", partition=1)
    for target in (1, 2):
        shelf.store.scale(stream, target).result()
    assert (shelf.partition(stream, 1).incarnation, shelf.numbers(stream, partition=1)) == (0, [0])


def test_a_partition_that_never_was_is_none(shelf):
    stream = shelf.stream()
    assert (stream.partition(0), stream.partition(1), stream.partition(-1)) == (stream.partitions[0], None, None)
    assert isinstance(stream.partition(0), Partition)


def _definition(name):
    return StreamDefinition(name=name, partition_count=1)
