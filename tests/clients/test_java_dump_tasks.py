"""The Java SDK creates, lists, describes, changes, stops, starts and deletes dump tasks, which write their objects."""

import gzip
from base64 import b64encode

import pytest
from client_programs import OBJECTS, ClientError

pytestmark = [pytest.mark.integration, pytest.mark.java_client]

ONE = {"stream_name": "s", "task_name": "t"}


@pytest.fixture
def java(java, java_settings, buckets):
    """The SDK with a stream."""
    java.open(**java_settings | {"endpoint": buckets.dis.endpoint})
    java.call("createStream", {"stream_name": "s", "partition_count": 1})
    return java


def task(**fields):
    return {
        "stream_name": "s",
        "destination_type": "OBS",
        "obs_destination_descriptor": OBJECTS | {"task_name": "t"} | fields,
    }


def put(java, *data):
    records = [{"data": b64encode(datum).decode()} for datum in data]
    java.call("putRecords", {"stream_name": "s", "records": records})


def described(java):
    return java.call("describeTransferTask", ONE)


def listed(java):
    return java.call("listTransferTasks", {"stream_name": "s", "limit": 10})["tasks"]


def act(java, action):
    tasks = [{"id": described(java)["task_id"]}]
    java.call("batchTransferTask", {"stream_name": "s", "action": action, "tasks": tasks})


def test_a_task_writes_its_objects(java, buckets):
    java.call("createTransferTask", task())
    put(java, b"a", b"b")
    buckets.dis.advance(31)
    ((name, data),) = buckets.objects().items()
    assert (name.startswith("raw/t."), data) == (True, b"a;b;")
    found = described(java)
    assert found["obs_destination_description"].items() >= OBJECTS.items()
    assert (found["state"], found["destination_type"]) == ("RUNNING", "OBS")
    (partition,) = found["partitions"]
    assert (partition["partitionId"], partition["last_transfer_offset"]) == ("shardId-0000000000", 2)


def test_a_changed_task_writes_as_it_was_changed(java, buckets):
    java.call("createTransferTask", task())
    java.call("updateTransferTask", task(compression_format="gzip", record_delimiter="|"))
    put(java, b"a", b"b")
    buckets.dis.advance(61)
    ((name, data),) = buckets.objects().items()
    assert (name[-3:], gzip.decompress(data)) == (".gz", b"a|b|")


def test_a_stopped_task_continues_once_it_is_started(java, buckets):
    java.call("createTransferTask", task())
    act(java, "stop")
    put(java, b"a")
    buckets.dis.advance(31)
    assert (described(java)["state"], buckets.objects()) == ("PAUSED", {})
    act(java, "start")
    buckets.dis.advance(31)
    assert list(buckets.objects().values()) == [b"a;"]


def test_tasks_are_listed_until_they_are_deleted(java):
    java.call("createTransferTask", task())
    assert [t["task_name"] for t in listed(java)] == ["t"]
    java.call("deleteTransferTask", ONE)
    assert listed(java) == []


def test_a_task_that_is_there_is_not_created_again(java):
    java.call("createTransferTask", task())
    with pytest.raises(ClientError, match=r"400 : .*DIS\.4355"):
        java.call("createTransferTask", task())
