"""The Java SDK creates, lists, describes, scales, updates and deletes streams."""

import pytest
from client_programs import ClientError

pytestmark = [pytest.mark.integration, pytest.mark.java_client]

SCHEMA = '{"type":"record","name":"R","fields":[{"name":"id","type":"string"}]}'


def create(java, name="s", **fields):
    java.call("createStream", {"stream_name": name, "partition_count": 2, **fields})


def describe(java, name="s", **query):
    return java.call("describeStream", {"stream_name": name, **query})


def scale(java, partitions):
    return java.call("updatePartitionCount", {"stream_name": "s", "target_partition_count": partitions})


def test_a_created_stream_is_described_with_its_properties(java):
    fields = {"stream_type": "ADVANCED", "data_type": "JSON", "data_schema": SCHEMA}
    tags = [{"key": "team", "value": "data"}]
    create(java, **fields, data_duration=48, tags=tags)
    described = describe(java)
    assert described.items() >= {**fields, "retention_period": 48, "tags": tags, "status": "RUNNING"}.items()
    assert [p["partition_id"] for p in described["partitions"]] == ["shardId-0000000000", "shardId-0000000001"]
    assert [p["sequence_number_range"] for p in described["partitions"]] == ["[0 : 0]", "[0 : 0]"]


def test_the_partitions_of_a_stream_are_described_in_parts(java):
    create(java, partition_count=3)
    first = describe(java, limit_partitions=2)
    rest = describe(java, start_partitionId=first["partitions"][-1]["partition_id"], limit_partitions=2)
    assert (first["has_more_partitions"], rest["has_more_partitions"]) == (True, False)
    assert [p["partition_id"][-1] for p in (*first["partitions"], *rest["partitions"])] == ["0", "1", "2"]


def test_streams_are_listed_in_parts(java):
    for name in "abc":
        create(java, name)
    first = java.call("listStreams", {"limit": 2})
    rest = java.call("listStreams", {"limit": 2, "start_stream_name": "b"})
    assert (first["total_number"], first["stream_names"], first["has_more_streams"]) == (3, ["a", "b"], True)
    assert [(info["stream_name"], info["partition_count"]) for info in rest["stream_info_list"]] == [("c", 2)]


def test_a_stream_grows_and_shrinks(java):
    create(java)
    grown, shrunk = scale(java, 5), scale(java, 1)
    assert [(r["stream_name"], r["current_partition_count"], r["target_partition_count"]) for r in (grown, shrunk)] == [
        ("s", 2, 5),
        ("s", 5, 1),
    ]
    described = describe(java)
    assert (described["writable_partition_count"], described["readable_partition_count"]) == (1, 5)
    assert [p["status"] for p in described["partitions"]] == ["ACTIVE", *["DELETED"] * 4]
    scalings = described["update_partition_counts"]
    assert [(s["src_partition_count"], s["target_partition_count"]) for s in scalings] == [(2, 5), (5, 1)]


def test_the_type_of_a_stream_is_updated(java):
    create(java)
    updated = java.call("updateStream", {"stream_name": "s", "update_type": "DATA_TYPE", "data_type": "JSON"})
    assert (updated["stream_name"], updated["target_data_type"]) == ("s", "JSON")
    assert describe(java)["data_type"] == "JSON"


def test_the_scaling_of_a_stream_is_updated(java):
    create(java)
    limits = {"auto_scale_min_partition_count": 1, "auto_scale_max_partition_count": 4}
    asked = {"stream_name": "s", "update_type": "AUTO_SCALE", "auto_scale_enabled": True, **limits}
    assert java.call("updateStream", asked)["stream_name"] == "s"
    assert describe(java).items() >= {"auto_scale_enabled": True, **limits}.items()


def test_a_deleted_stream_is_gone(java):
    create(java)
    java.call("deleteStream", {"stream_name": "s"})
    with pytest.raises(ClientError, match=r"DIS\.4301") as gone:
        describe(java)
    assert gone.value.name == "DISStreamNotExistsException"


def test_a_second_stream_of_a_name_is_refused(java):
    create(java)
    with pytest.raises(ClientError, match=r"400 : .*DIS\.4307"):
        create(java)


def test_two_hundred_deletions_use_connections_again(java):
    """The SDK has 100 connections. It keeps one for ever if an answer isn't as it expects, and then hangs."""
    for number in range(200):
        create(java, f"s{number}")
        java.call("deleteStream", {"stream_name": f"s{number}"})
    assert java.call("listStreams", {"limit": 1})["total_number"] == 0
