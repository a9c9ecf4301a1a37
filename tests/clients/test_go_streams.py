"""The Go SDK creates, lists, shows, changes and deletes streams."""

import pytest
from client_programs import ClientError

pytestmark = [pytest.mark.integration, pytest.mark.go_client]

SCHEMA = '{"type":"record","name":"R","fields":[{"name":"id","type":"string"}]}'


def create(go, name="s", **fields):
    go.call("CreateStream", {"body": {"stream_name": name, "partition_count": 2, **fields}})


def show(go, name="s", **query):
    return go.call("ShowStream", {"stream_name": name, **query})


def test_a_created_stream_is_shown_with_its_properties(go):
    fields = {"stream_type": "ADVANCED", "data_type": "JSON", "data_schema": SCHEMA, "compression_format": "gzip"}
    tags = [{"key": "team", "value": "data"}]
    create(go, **fields, data_duration=48, tags=tags)
    assert go.status == 201
    shown = show(go)
    assert shown.items() >= {**fields, "retention_period": 48, "tags": tags, "status": "RUNNING"}.items()
    assert [p["partition_id"] for p in shown["partitions"]] == ["shardId-0000000000", "shardId-0000000001"]


def test_the_partitions_of_a_stream_are_shown_in_parts(go):
    create(go, partition_count=3)
    first = show(go, limit_partitions=2)
    rest = show(go, start_partitionId=first["partitions"][-1]["partition_id"])
    assert (first["has_more_partitions"], rest["has_more_partitions"]) == (True, False)
    assert [p["partition_id"][-1] for p in (*first["partitions"], *rest["partitions"])] == ["0", "1", "2"]


def test_streams_are_listed_in_parts(go):
    for name in "abc":
        create(go, name, data_type="CSV", csv_properties={"delimiter": ";"})
    first = go.call("ListStreams", {"limit": 2})
    rest = go.call("ListStreams", {"start_stream_name": "b"})
    assert (first["total_number"], first["stream_names"], first["has_more_streams"]) == (3, ["a", "b"], True)
    assert [(info["stream_name"], info["data_type"], info["partition_count"]) for info in rest["stream_info_list"]] == [
        ("c", "CSV", 2)
    ]


def test_a_stream_grows_and_shrinks(go):
    create(go)
    for partitions in (5, 1):
        go.call(
            "UpdatePartitionCount",
            {"stream_name": "s", "body": {"stream_name": "s", "target_partition_count": partitions}},
        )
        assert go.status == 200
        shown = show(go)
        assert shown["writable_partition_count"] == partitions
    assert [p["status"] for p in shown["partitions"]] == ["ACTIVE", *["DELETED"] * 4]
    scalings = shown["update_partition_counts"]
    assert [(s["src_partition_count"], s["target_partition_count"], s["result_code"]) for s in scalings] == [
        (2, 5, 1),
        (5, 1, 1),
    ]


def test_a_stream_is_updated(go):
    create(go)
    go.call(
        "UpdateStream", {"stream_name": "s", "body": {"stream_name": "s", "data_duration": 72, "data_type": "JSON"}}
    )
    assert go.status == 204
    assert show(go).items() >= {"retention_period": 72, "data_type": "JSON"}.items()


def test_a_deleted_stream_is_gone(go):
    create(go)
    go.call("DeleteStream", {"stream_name": "s"})
    assert go.status == 204
    with pytest.raises(ClientError) as gone:
        show(go)
    assert (gone.value.name, gone.value.status) == ("DIS.4301", 400)
