"""The Java SDK creates, lists, describes and deletes apps, and keeps their checkpoints."""

from base64 import b64encode

import pytest
from client_programs import ClientError

pytestmark = [pytest.mark.integration, pytest.mark.java_client]

P0, P1 = "shardId-0000000000", "shardId-0000000001"
LAST_READ = {"checkpoint_type": "LAST_READ"}


@pytest.fixture
def java(java):
    """The SDK with a stream of two partitions and an app."""
    java.call("createStream", {"stream_name": "s", "partition_count": 2})
    java.call("createApp", "a")
    return java


def commit(java, number, partition=P0, **fields):
    names = {"app_name": "a", "stream_name": "s", "partition_id": partition}
    java.call("commitCheckpoint", {**LAST_READ, **names, "sequence_number": str(number), **fields})


def checkpoint(java, partition=P0):
    names = {"app_name": "a", "stream_name": "s", "partition_id": partition}
    return java.call("getCheckpoint", {**LAST_READ, **names})


def test_apps_are_listed_and_described(java):
    java.call("createApp", "b")
    listed = java.call("listApps", {"limit": 1})
    assert (listed["has_more_app"], [app["app_name"] for app in listed["apps"]]) == (True, ["a"])
    described = java.call("describeApp", "a")
    assert (described["app_name"], len(described["app_id"]) > 0, described["create_time"] > 0) == ("a", True, True)


def test_an_app_that_is_there_is_not_created_again(java):
    with pytest.raises(ClientError, match=r"400 : .*DIS\.4330"):
        java.call("createApp", "a")


def test_a_deleted_app_is_gone(java):
    java.call("deleteApp", "a")
    with pytest.raises(ClientError, match=r"400 : .*DIS\.4332"):
        java.call("describeApp", "a")


def test_a_committed_checkpoint_is_read_and_deleted(java):
    commit(java, 7, metadata="half done")
    assert checkpoint(java).items() >= {"sequence_number": "7", "metadata": "half done"}.items()
    java.call("deleteCheckpoint", {**LAST_READ, "app_name": "a", "stream_name": "s", "partition_id": P0})
    assert checkpoint(java) == {}


def test_each_partition_has_a_checkpoint_of_its_own(java):
    commit(java, 7)
    commit(java, 3, P1)
    assert [checkpoint(java, partition)["sequence_number"] for partition in (P0, P1)] == ["7", "3"]


def test_the_consuming_state_has_every_partition(java):
    records = [{"data": b64encode(data).decode(), "partition_id": P0} for data in (b"a", b"b")]
    java.call("putRecords", {"stream_name": "s", "records": records})
    commit(java, 1)
    asked = {"app_name": "a", "stream_name": "s", "limit": 10, **LAST_READ}
    states = java.call("listStreamConsumingState", asked)["partition_consuming_states"]
    assert [(s["partition_id"], s["sequence_number"], s["earliest_offset"], s["latest_offset"]) for s in states] == [
        ("0", "1", 0, 2),
        ("1", "-1", 0, 0),
    ]
