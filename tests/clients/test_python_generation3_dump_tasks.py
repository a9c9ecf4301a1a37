"""``huaweicloudsdkdis`` creates, lists, shows, stops, starts and deletes dump tasks, reads reports, tags in batches, lists policies."""

from __future__ import annotations

import dataclasses
import time
from base64 import b64encode

import pytest
from client_programs import OBJECTS, ClientError

from beam_dis import DISClient

pytestmark = [pytest.mark.integration, pytest.mark.python_clients]

P0, P1 = "shardId-0000000000", "shardId-0000000001"
ONE = {"stream_name": "s", "task_name": "t"}


@pytest.fixture
def sdk(python_program, python_settings, buckets):
    """The SDK with a stream of two partitions."""
    program = python_program("huaweicloudsdkdis")
    program.open(**python_settings | {"endpoint": buckets.dis.endpoint})
    program.call("create_stream", {"body": {"stream_name": "s", "partition_count": 2}})
    return program


def create(sdk, **fields):
    body = {"destination_type": "OBS", "obs_destination_descriptor": OBJECTS | {"task_name": "t"} | fields}
    sdk.call("create_obs_transfer_task", {"stream_name": "s", "body": body})
    assert sdk.status == 201


def put(sdk, *data):
    records = [{"data": b64encode(datum).decode(), "partition_id": P1} for datum in data]
    sdk.call("send_records", {"body": {"stream_name": "s", "records": records}})


def act(sdk, action):
    body = {"action": action, "tasks": [{"id": "t"}]}
    sdk.call(f"batch_{action}_transfer_task", {"stream_name": "s", "body": body})
    assert sdk.status == 200


def test_a_task_writes_its_objects(sdk, buckets):
    create(sdk)
    put(sdk, b"a", b"b")
    buckets.dis.advance(31)
    ((name, data),) = buckets.objects().items()
    assert (name.startswith("raw/t."), data) == (True, b"a;b;")
    shown = sdk.call("show_transfer_task", ONE)
    assert shown["obs_destination_description"].items() >= OBJECTS.items()
    assert (shown["state"], shown["destination_type"]) == ("RUNNING", "OBS")
    assert shown["last_transfer_timestamp"] > shown["create_time"]
    assert [p["partition_id"] for p in shown["partitions"]] == [P0, P1]


def test_a_stopped_task_continues_once_it_is_started(sdk, buckets):
    create(sdk)
    act(sdk, "stop")
    put(sdk, b"a")
    buckets.dis.advance(31)
    assert (buckets.objects(), sdk.call("show_transfer_task", ONE)["state"]) == ({}, "PAUSED")
    act(sdk, "start")
    buckets.dis.advance(31)
    assert list(buckets.objects().values()) == [b"a;"]


def test_tasks_are_listed_until_they_are_deleted(sdk):
    create(sdk)
    listed = sdk.call("list_transfer_tasks", {"stream_name": "s"})
    assert (listed["total_number"], [task["task_name"] for task in listed["tasks"]]) == (1, ["t"])
    sdk.call("delete_transfer_task", ONE)
    assert (sdk.status, sdk.call("list_transfer_tasks", {"stream_name": "s"})["total_number"]) == (204, 0)


def test_a_bucket_that_is_missing_is_refused(sdk):
    with pytest.raises(ClientError) as refused:
        create(sdk, obs_bucket_path="another")
    assert refused.value.name == "DIS.4306"


def period():
    now = int(time.time())
    return {"stream_name": "s", "start_time": now - 600, "end_time": now + 60}


def total(series):
    return series["label"], sum(point["value"] for point in series["dataPoints"])


def test_what_was_put_is_reported_for_the_stream_and_each_partition(sdk):
    put(sdk, b"four", b"five")
    labels = ["total_put_bytes_per_stream", "total_put_req_suc_per_stream"]
    found = sdk.call("show_stream_metrics", {**period(), "label_list": ",".join(labels)})
    assert [total(series) for series in found["metrics_list"]] == [(labels[0], 8), (labels[1], 1)]
    label = "total_put_records_per_partition"
    of_partitions = [
        total(sdk.call("show_partition_metrics", {**period(), "partition_id": partition, "label": label})["metrics"])
        for partition in (P0, P1)
    ]
    assert of_partitions == [(label, 0), (label, 2)]


def test_tags_are_created_and_deleted_in_batches(sdk):
    stream_id = sdk.call("show_stream", {"stream_name": "s"})["stream_id"]
    tags = [{"key": key, "value": value} for key, value in (("a", "1"), ("b", "2"), ("c", "3"))]
    for action, chosen in (("create", tags), ("delete", tags[::2])):
        sdk.call(f"batch_{action}_tags", {"stream_id": stream_id, "body": {"action": action, "tags": chosen}})
        assert sdk.status == 204
    assert sdk.call("show_stream_tags", {"stream_id": stream_id})["tags"] == [{"key": "b", "value": "2"}]


def test_the_policies_of_a_stream_are_listed(sdk, python_settings, buckets):
    stream_id = sdk.call("show_stream", {"stream_name": "s"})["stream_id"]
    connection = dataclasses.replace(buckets.dis.connection, project_id=python_settings["project_id"])
    with DISClient(connection) as client:
        client.add_policy("s", stream_id=stream_id, principal_names=["domain.user"], action_type="putRecords")
    listed = sdk.call("list_policies", {"stream_name": "s"})
    (rule,) = listed["rules"]
    assert (listed["stream_id"], rule["principal_name"], rule["action_type"]) == (
        stream_id,
        "domain.user",
        "putRecords",
    )
