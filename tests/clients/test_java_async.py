"""The Java SDK's two asynchronous clients, one with threads and one with connections that don't block, do many calls at once."""

from base64 import b64decode, b64encode

import pytest
from client_programs import OBJECTS, ClientError, client_program

pytestmark = [pytest.mark.integration, pytest.mark.java_client]

P0 = "shardId-0000000000"
PUTS, RECORDS = 50, 20
OF_APP = {"app_name": "a", "stream_name": "s", "checkpoint_type": "LAST_READ"}


@pytest.fixture(scope="module")
def program(java_command):
    with client_program([*java_command, "AsyncOperations"]) as program:
        yield program


@pytest.fixture(params=["DISClientAsync", "DISClientAsync2"])
def java(request, program, java_settings, buckets):
    """Each client, with a stream of two partitions; ``java(operation, request, …)`` calls it for all requests at once."""
    program.open(**java_settings | {"endpoint": buckets.dis.endpoint}, client=request.param)

    def call(operation, *requests):
        return program.call(f"{operation}Async", list(requests))

    call("createStream", {"stream_name": "s", "partition_count": 2})
    return call


def put_of(number):
    datas = [f"{number}-{n}".encode() for n in range(RECORDS)]
    return {"stream_name": "s", "records": [{"data": b64encode(d).decode(), "partition_id": P0} for d in datas]}


def page(java):
    asked = {"stream-name": "s", "partition-id": P0, "cursor-type": "TRIM_HORIZON"}
    (cursor,) = java("getPartitionCursor", asked)
    (found,) = java("getRecords", {"partition-cursor": cursor["partition_cursor"], "limit": PUTS * RECORDS})
    return found["records"]


def test_records_that_are_put_at_once_are_stored_under_the_numbers_of_the_answers(java):
    puts = [put_of(number) for number in range(PUTS)]
    answers = java("putRecords", *puts)
    placed = {
        int(result["sequence_number"]): record["data"]
        for put, answer in zip(puts, answers, strict=True)
        for record, result in zip(put["records"], answer["records"], strict=True)
    }
    records = page(java)
    assert {int(record["sequence_number"]): record["data"] for record in records} == placed
    assert {b64decode(record["data"]) for record in records} == {
        f"{number}-{n}".encode() for number in range(PUTS) for n in range(RECORDS)
    }


def test_streams_are_described_scaled_listed_and_deleted(java):
    java("createStream", *({"stream_name": f"t{number}", "partition_count": 1} for number in range(10)))
    (scaled,) = java("updatePartitionCount", {"stream_name": "s", "target_partition_count": 3})
    assert (scaled["current_partition_count"], scaled["target_partition_count"]) == (2, 3)
    (described,) = java("describeStream", {"stream_name": "s"})
    assert (described["status"], len(described["partitions"])) == ("RUNNING", 3)
    java("deleteStream", *({"stream_name": f"t{number}"} for number in range(10)))
    assert java("listStreams", {"limit": 100})[0]["stream_names"] == ["s"]


def test_apps_and_checkpoints_are_kept(java):
    java("createApp", "a")
    commit = {**OF_APP, "partition_id": "0", "sequence_number": "7", "metadata": "m"}
    java("commitCheckpoint", commit)
    (found,) = java("getCheckpoint", {**OF_APP, "partition_id": "0"})
    assert (found["sequence_number"], found["metadata"]) == ("7", "m")
    (state,) = java("listStreamConsumingState", OF_APP)
    assert [p["sequence_number"] for p in state["partition_consuming_states"]] == ["7", "-1"]
    assert java("describeApp", "a")[0]["app_name"] == "a"
    java("deleteCheckpoint", {**OF_APP, "partition_id": "0"})
    java("deleteApp", "a")
    assert java("listApps", {"limit": 10})[0]["apps"] == []


def test_a_dump_task_writes_its_objects(java, buckets):
    task = {"destination_type": "OBS", "obs_destination_descriptor": OBJECTS | {"task_name": "t"}}
    java("createTransferTask", {"stream_name": "s", **task})
    java("putRecords", {"stream_name": "s", "records": [{"data": "YQ=="}]})
    buckets.dis.advance(31)
    assert list(buckets.objects().values()) == [b"a;"]
    (described,) = java("describeTransferTask", {"stream_name": "s", "task_name": "t"})
    assert described["state"] == "RUNNING"
    java("deleteTransferTask", {"stream_name": "s", "task_name": "t"})
    assert java("listTransferTasks", {"stream_name": "s", "limit": 10})[0]["tasks"] == []


def test_an_error_is_the_exception_of_its_code(java):
    with pytest.raises(ClientError) as refused:
        java("createStream", {"stream_name": "s", "partition_count": 1})
    assert "DIS.4307" in refused.value.message
