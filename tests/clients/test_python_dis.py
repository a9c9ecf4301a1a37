"""The DIS SDKs for Python, the older and its successor, work against the local DIS in JSON and protobuf, with each signature."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from client_programs import ClientError, ClientProgram

pytestmark = [pytest.mark.integration, pytest.mark.python_clients]

P0, P1 = "shardId-0000000000", "shardId-0000000001"
OLDER, NEWER = "huaweicloud-python-sdk-dis", "huaweicloud-sdk-python-dis"


class Kind(NamedTuple):
    """A client, and the settings that its requests differ by."""

    client: str
    settings: dict[str, str | bool]


KINDS = {
    "2.0.4-json": Kind(OLDER, {}),
    "2.0.4-protobuf": Kind(OLDER, {"serialize": "protobuf"}),
    "2.0.8-json-derived": Kind(NEWER, {}),
    "2.0.8-protobuf-derived": Kind(NEWER, {"serialize": "protobuf"}),
    "2.0.8-json-plain": Kind(NEWER, {"derived": False}),
}


@pytest.fixture(params=KINDS)
def sdk(request, python_program, python_settings) -> ClientProgram:
    """The SDK with a stream of two partitions, named after its project since the SDK keeps what it knows of a stream's name."""
    kind = KINDS[request.param]
    program = python_program(kind.client)
    program.open(**python_settings, **kind.settings)
    program.stream = f"s-{python_settings['project_id']}"
    made = {"partition_count": 2, "data_type": "BLOB", "stream_type": "COMMON"}
    program.call("createStream", {"stream_name": program.stream, **made})
    assert program.status == 201
    return program


def put(sdk, *records):
    return sdk.call("putRecords", {"streamname": sdk.stream, "records": list(records)})["body"]


def page(sdk, partition=P0, kind="TRIM_HORIZON", **more):
    asked = {"streamName": sdk.stream, "partitionId": partition, "cursorType": kind, **more}
    return sdk.call("getRecords", {"partitioncursor": sdk.call("getCursor", asked)["cursor"]})["body"]


def test_what_was_put_is_read_in_order(sdk):
    result = put(sdk, *({"data": f"hello {n}", "partition_key": "k", "partition_id": "0"} for n in range(3)))
    assert (result["failed_record_count"], [r["sequence_number"] for r in result["records"]]) == (0, ["0", "1", "2"])
    records = page(sdk)["records"]
    assert [(r["data"], r["sequence_number"], r["timestamp_type"]) for r in records] == [
        (f"hello {n}", str(n), "CreateTime") for n in range(3)
    ]


def test_a_hash_key_chooses_the_partition(sdk):
    result = put(sdk, {"data": "a", "explicit_hash_key": "0"}, {"data": "b", "explicit_hash_key": str(2**63 - 1)})
    assert [record["partition_id"] for record in result["records"]] == [P0, P1]


def test_a_refused_record_has_its_code_beside_the_stored_ones(sdk):
    result = put(sdk, {"data": "a", "partition_id": "0"}, {"data": "b", "partition_id": "7"})
    assert (result["failed_record_count"], result["records"][1]["error_code"]) == (1, "DIS.4302")
    assert result["records"][0]["sequence_number"] == "0"


def test_a_cursor_may_be_at_or_after_a_number(sdk):
    put(sdk, {"data": "a", "partition_id": "0"}, {"data": "b", "partition_id": "0"})
    assert [r["data"] for r in page(sdk, kind="AT_SEQUENCE_NUMBER", startSeq="1")["records"]] == ["b"]
    assert [r["data"] for r in page(sdk, kind="AFTER_SEQUENCE_NUMBER", startSeq="0")["records"]] == ["b"]
    assert page(sdk, kind="LATEST")["records"] == []


def test_streams_are_described_listed_scaled_and_deleted(sdk):
    described = sdk.call("describeStream", {"streamName": sdk.stream})["body"]
    assert (described["status"], [p["partition_id"] for p in described["partitions"]]) == ("RUNNING", [P0, P1])
    assert sdk.call("listStream")["body"]["stream_names"] == [sdk.stream]
    scaled = sdk.call("changepartitionQuantity", {"stream_name_test": sdk.stream, "target_partition_count": 1})
    assert scaled["body"]["current_partition_count"] == 2
    found = sdk.call("describeStream", {"streamName": sdk.stream})["body"]["partitions"]
    assert [(p["status"], p["hash_range"]) for p in found][1] == ("DELETED", "[-1 : -1]")
    sdk.call("deleteStream", {"streamName": sdk.stream})
    assert (sdk.status, sdk.call("listStream")["body"]["total_number"]) == (204, 0)


def keep_checkpoints(sdk, **stream):
    """Commit a checkpoint, read it in both ways, and delete it and its app."""
    app = {"appName": "a", **stream}
    sdk.call("createApp", {"appName": "a"})
    sdk.call("commitCheckpoint", {**app, "partitionId": "0", "seqNumber": "7", "metaData": "m"})
    found = sdk.call("getCheckpoint", {**app, "partitionId": "0"})["body"]
    assert found == {"sequence_number": "7", "metadata": "m"}
    states = sdk.call("streamConsume", {**app, "start_partition_id": ""})["body"]["partition_consuming_states"]
    assert [(s["partition_id"], s["sequence_number"]) for s in states] == [("0", "7"), ("1", "-1")]
    assert sdk.call("describeApp", {"appName": "a"})["body"]["commit_checkpoint_stream_names"] == [sdk.stream]
    sdk.call("deleteCheckpoint", app)
    assert sdk.status == 204
    sdk.call("deleteApp", {"appName": "a"})
    assert sdk.call("listApp", {"appName": ""})["body"]["total_number"] == 0


def test_apps_and_checkpoints_are_kept(sdk):
    keep_checkpoints(sdk, streamName=sdk.stream)


@pytest.mark.parametrize("sdk", [name for name, kind in KINDS.items() if kind.client == NEWER], indirect=True)
def test_checkpoints_are_kept_of_a_stream_that_is_named_by_its_id_alone(sdk):
    stream_id = sdk.call("describeStream", {"streamName": sdk.stream})["body"]["stream_id"]
    keep_checkpoints(sdk, streamName="", streamId=stream_id)


def test_an_error_has_its_code(sdk):
    with pytest.raises(ClientError) as refused:
        sdk.call("describeStream", {"streamName": "no"})
    assert refused.value.name == "DIS.4301"


@pytest.mark.parametrize("name", KINDS)
def test_another_secret_is_refused(python_program, python_settings, name):
    sdk = python_program(KINDS[name].client)
    sdk.open(**{**python_settings, "secret_key": "another"}, **KINDS[name].settings)
    with pytest.raises(ClientError) as refused:
        sdk.call("listStream")
    assert refused.value.name == "DIS.4100"
