"""The DIS SDKs for Python create, list, describe and delete dump tasks, and read what happened to streams and partitions.

They can't stop and start tasks, and have no operation for tags.
"""

from __future__ import annotations

import time

import pytest
from client_programs import OBJECTS, ClientError

pytestmark = [pytest.mark.integration, pytest.mark.python_clients]

P0, P1 = "shardId-0000000000", "shardId-0000000001"


@pytest.fixture(params=["huaweicloud-python-sdk-dis", "huaweicloud-sdk-python-dis"])
def sdk(request, python_program, python_settings, buckets):
    """The SDK with a stream of two partitions, named after its project since the SDK keeps what it knows of a stream's name."""
    program = python_program(request.param)
    program.open(**python_settings | {"endpoint": buckets.dis.endpoint})
    program.stream = f"s-{python_settings['project_id']}"
    made = {"partition_count": 2, "data_type": "BLOB", "stream_type": "COMMON"}
    program.call("createStream", {"stream_name": program.stream, **made})
    return program


def put(sdk, *data):
    records = [{"data": datum, "partition_id": "1"} for datum in data]
    sdk.call("putRecords", {"streamname": sdk.stream, "records": records})


def create(sdk, kind="OBS", **fields):
    asked = {"stream_name": sdk.stream, "task_name": "t", "dump_task_type": kind, "kwargs": OBJECTS | fields}
    sdk.call("add_dump_task", asked)


def ask(sdk, operation, **more):
    return sdk.call(operation, {"streamName": sdk.stream, **more})["body"]


def test_a_task_writes_its_objects(sdk, buckets):
    create(sdk)
    put(sdk, "a", "b")
    buckets.dis.advance(31)
    ((name, data),) = buckets.objects().items()
    assert (name.startswith("raw/t."), data) == (True, b"a;b;")
    described = ask(sdk, "describe_dump_task", task_name="t")
    assert described["obs_destination_description"].items() >= OBJECTS.items()
    found = [(p["partition_id"], p["last_transfer_offset"]) for p in described["partitions"]]
    assert (described["state"], found) == ("RUNNING", [(P0, 0), (P1, 2)])


def test_tasks_are_listed_until_they_are_deleted(sdk):
    create(sdk)
    listed = ask(sdk, "list_dump_task")
    assert (listed["total_number"], [task["task_name"] for task in listed["tasks"]]) == (1, ["t"])
    ask(sdk, "delete_dump_task", task_name="t")
    assert (sdk.status, ask(sdk, "list_dump_task")["total_number"]) == (204, 0)


@pytest.mark.parametrize(
    ("kind", "fields", "code"),
    [
        ("OBS", {"obs_bucket_path": "another"}, "DIS.4306"),
        ("DLI", {"dli_database_name": "d", "dli_table_name": "t"}, "DIS.4200"),
    ],
)
def test_a_task_that_can_not_be_carried_out_is_refused(sdk, kind, fields, code):
    with pytest.raises(ClientError) as refused:
        create(sdk, kind, **fields)
    assert refused.value.name == code


def sum_of(sdk, operation, label, **more):
    now = int(time.time())
    asked = {"stream_name": sdk.stream, "label": label, "start_time": now - 600, "end_time": now + 60, **more}
    found = sdk.call(operation, asked)
    assert found["label"] == label
    return sum(point["value"] for point in found["dataPoints"])


def test_what_was_put_is_reported_for_the_stream_and_each_partition(sdk):
    put(sdk, "four", "five")
    assert sum_of(sdk, "streamMonitor", "total_put_bytes_per_stream") == 8
    of_partitions = [
        sum_of(sdk, "partitionMonitor", "total_put_records_per_partition", partitionId=partition)
        for partition in (P0, P1)
    ]
    assert of_partitions == [0, 2]
