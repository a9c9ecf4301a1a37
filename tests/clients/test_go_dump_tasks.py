"""The Go SDK creates, lists, shows, stops, starts and deletes dump tasks, which write their objects."""

from base64 import b64encode

import pytest
from client_programs import OBJECTS, ClientError

pytestmark = [pytest.mark.integration, pytest.mark.go_client]

ONE = {"stream_name": "s", "task_name": "t"}


@pytest.fixture
def go(go, go_settings, buckets):
    """The SDK with a stream."""
    go.open(**go_settings | {"endpoint": buckets.dis.endpoint})
    go.call("CreateStream", {"body": {"stream_name": "s", "partition_count": 1}})
    return go


def create(go, **fields):
    body = {"destination_type": "OBS", "obs_destination_descriptor": OBJECTS | {"task_name": "t"} | fields}
    go.call("CreateObsTransferTask", {"stream_name": "s", "body": body})
    assert go.status == 201


def put(go, *data):
    records = [{"data": b64encode(datum).decode()} for datum in data]
    go.call("SendRecords", {"body": {"stream_name": "s", "records": records}})


def act(go, action):
    call = {"stop": "BatchStopTransferTask", "start": "BatchStartTransferTask"}[action]
    go.call(call, {"stream_name": "s", "body": {"action": action, "tasks": [{"id": "t"}]}})
    assert go.status == 200


def test_a_task_writes_its_objects(go, buckets):
    create(go)
    put(go, b"a", b"b")
    buckets.dis.advance(31)
    ((name, data),) = buckets.objects().items()
    assert (name.startswith("raw/t."), data) == (True, b"a;b;")
    shown = go.call("ShowTransferTask", ONE)
    assert shown["obs_destination_description"].items() >= OBJECTS.items()
    assert (shown["state"], shown["destination_type"]) == ("RUNNING", "OBS")
    assert shown["last_transfer_timestamp"] > shown["create_time"]
    assert [p["partition_id"] for p in shown["partitions"]] == ["shardId-0000000000"]


def test_a_stopped_task_continues_once_it_is_started(go, buckets):
    create(go)
    act(go, "stop")
    put(go, b"a")
    buckets.dis.advance(31)
    assert buckets.objects() == {}
    assert go.call("ShowTransferTask", ONE)["state"] == "PAUSED"
    act(go, "start")
    buckets.dis.advance(31)
    assert list(buckets.objects().values()) == [b"a;"]


def test_tasks_are_listed_until_they_are_deleted(go):
    create(go)
    listed = go.call("ListTransferTasks", {"stream_name": "s"})
    assert (listed["total_number"], listed["quota"], [t["task_name"] for t in listed["tasks"]]) == (1, 5, ["t"])
    go.call("DeleteTransferTask", ONE)
    assert go.status == 204
    assert go.call("ListTransferTasks", {"stream_name": "s"})["total_number"] == 0


def test_a_bucket_that_is_missing_is_refused(go):
    with pytest.raises(ClientError) as refused:
        create(go, obs_bucket_path="another")
    assert refused.value.name == "DIS.4306"
