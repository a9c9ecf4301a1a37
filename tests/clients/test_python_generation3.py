"""``huaweicloudsdkdis``, the Python SDK of generation 3, works against the local DIS with keys as they are and derived."""

from __future__ import annotations

from base64 import b64decode, b64encode

import pytest
from client_programs import ClientError, ClientProgram

pytestmark = [pytest.mark.integration, pytest.mark.python_clients]

P0, P1 = "shardId-0000000000", "shardId-0000000001"
LAST_READ = {"checkpoint_type": "LAST_READ"}
OF_APP = {"app_name": "a", "stream_name": "s", **LAST_READ}
TAG = {"key": "team", "value": "ops"}


@pytest.fixture(params=[False, True], ids=["plain", "derived"])
def sdk(request, python_program, python_settings) -> ClientProgram:
    """The SDK with a stream of two partitions and an app."""
    program = python_program("huaweicloudsdkdis")
    program.open(**python_settings, derived=request.param)
    program.call("create_stream", {"body": {"stream_name": "s", "partition_count": 2}})
    program.call("create_app", {"body": {"app_name": "a"}})
    assert program.status == 201
    return program


def put(sdk, *records):
    encoded = [{**record, "data": b64encode(record["data"]).decode()} for record in records]
    return sdk.call("send_records", {"body": {"stream_name": "s", "records": encoded}})


def cursor(sdk, **position):
    return sdk.call("show_cursor", {"stream-name": "s", "partition-id": P0, **position})["partition_cursor"]


def data_at(sdk, cursor):
    return [b64decode(r["data"]) for r in sdk.call("consume_records", {"partition-cursor": cursor})["records"]]


def test_what_was_put_is_read_in_order(sdk):
    data = [b"\x00\xff", "größer".encode(), b"x" * 100_000]
    result = put(sdk, *({"data": datum, "partition_id": "0", "partition_key": "k"} for datum in data))
    assert [(r["partition_id"], r["sequence_number"]) for r in result["records"]] == [(P0, "0"), (P0, "1"), (P0, "2")]
    page = sdk.call("consume_records", {"partition-cursor": cursor(sdk, **{"cursor-type": "TRIM_HORIZON"})})
    assert [b64decode(record["data"]) for record in page["records"]] == data
    assert {(r["partition_key"], r["timestamp_type"]) for r in page["records"]} == {("k", "CreateTime")}
    assert data_at(sdk, page["next_partition_cursor"]) == []


@pytest.mark.parametrize(
    ("position", "data"),
    [
        ({}, [b"a", b"b"]),
        ({"starting-sequence-number": "1"}, [b"b"]),
        ({"cursor-type": "AFTER_SEQUENCE_NUMBER", "starting-sequence-number": "0"}, [b"b"]),
        ({"cursor-type": "LATEST"}, []),
        ({"cursor-type": "AT_TIMESTAMP", "timestamp": 4_000_000_000_000}, []),
    ],
)
def test_a_cursor_may_be_at_each_kind_of_position(sdk, position, data):
    put(sdk, {"data": b"a", "partition_id": "0"}, {"data": b"b", "partition_id": "0"})
    assert data_at(sdk, cursor(sdk, **position)) == data


def test_a_refused_record_has_its_code_beside_the_stored_ones(sdk):
    result = put(sdk, {"data": b"a", "partition_key": "k"}, {"data": b"b", "partition_id": "7"})
    assert (result["failed_record_count"], result["records"][1]["error_code"]) == (1, "DIS.4302")
    assert result["records"][0]["sequence_number"] == "0"


def test_streams_are_described_listed_scaled_changed_and_deleted(sdk):
    described = sdk.call("show_stream", {"stream_name": "s"})
    assert (described["status"], [p["partition_id"] for p in described["partitions"]]) == ("RUNNING", [P0, P1])
    listed = sdk.call("list_streams", {})
    assert (listed["stream_names"], listed["stream_info_list"][0]["partition_count"]) == (["s"], 2)
    sdk.call("update_partition_count", {"stream_name": "s", "body": {"stream_name": "s", "target_partition_count": 1}})
    sdk.call("update_stream", {"stream_name": "s", "body": {"stream_name": "s", "data_duration": 48}})
    changed = sdk.call("show_stream", {"stream_name": "s"})
    assert (changed["retention_period"], changed["writable_partition_count"]) == (48, 1)
    assert [(p["status"], p["hash_range"]) for p in changed["partitions"]][1] == ("DELETED", "[-1 : -1]")
    sdk.call("delete_stream", {"stream_name": "s"})
    assert (sdk.status, sdk.call("list_streams", {})["total_number"]) == (204, 0)


def test_apps_and_checkpoints_are_kept(sdk):
    state = sdk.call("show_consumer_state", OF_APP)
    assert [p["sequence_number"] for p in state["partition_consuming_states"]] == ["-1", "-1"]
    commit = {**OF_APP, "partition_id": "0", "sequence_number": "7", "metadata": "m"}
    sdk.call("commit_checkpoint", {"body": commit})
    found = sdk.call("show_checkpoint", {**OF_APP, "partition_id": "0"})
    assert found == {"sequence_number": "7", "metadata": "m"}
    assert sdk.call("show_app", {"app_name": "a"})["commit_checkpoint_stream_names"] == ["s"]
    sdk.call("delete_checkpoint", {**OF_APP, "partition_id": "0"})
    assert sdk.call("show_checkpoint", {**OF_APP, "partition_id": "0"}) == {}
    sdk.call("delete_app", {"app_name": "a"})
    assert sdk.call("list_app", {})["total_number"] == 0


def test_tags_are_kept(sdk):
    stream_id = sdk.call("show_stream", {"stream_name": "s"})["stream_id"]
    sdk.call("create_tag", {"stream_id": stream_id, "body": {"tag": TAG}})
    assert sdk.call("show_stream_tags", {"stream_id": stream_id})["tags"] == [TAG]
    found = sdk.call("list_resources_by_tags", {"body": {"action": "filter", "tags": [{"key": "team", "values": []}]}})
    assert [resource["resource_name"] for resource in found["resources"]] == ["s"]
    sdk.call("delete_tag", {"stream_id": stream_id, "key": "team"})
    assert sdk.call("list_tags", {})["tags"] == []


@pytest.mark.parametrize(
    ("method", "request_", "code"),
    [
        ("show_stream", {"stream_name": "no"}, "DIS.4301"),
        ("create_stream", {"body": {"stream_name": "s", "partition_count": 1}}, "DIS.4307"),
        ("create_app", {"body": {"app_name": "a"}}, "DIS.4330"),
        ("show_app", {"app_name": "no"}, "DIS.4332"),
        ("consume_records", {"partition-cursor": "abc"}, "DIS.4217"),
    ],
)
def test_an_error_has_its_code_its_status_and_the_id_of_its_answer(sdk, method, request_, code):
    with pytest.raises(ClientError) as refused:
        sdk.call(method, request_)
    assert (refused.value.name, refused.value.status, len(sdk.request_id)) == (code, 400, 32)


@pytest.mark.parametrize("derived", [False, True])
def test_another_secret_is_refused(python_program, python_settings, derived):
    sdk = python_program("huaweicloudsdkdis")
    sdk.open(**{**python_settings, "secret_key": "another"}, derived=derived)
    with pytest.raises(ClientError) as refused:
        sdk.call("list_streams", {})
    assert (refused.value.name, refused.value.status) == ("DIS.4100", 441)
