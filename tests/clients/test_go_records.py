"""The Go SDK puts and gets records, and keeps checkpoints of apps."""

from base64 import b64decode, b64encode

import pytest
from client_programs import ClientError

pytestmark = [pytest.mark.integration, pytest.mark.go_client]

P0, P1 = "shardId-0000000000", "shardId-0000000001"
LAST_READ = {"checkpoint_type": "LAST_READ"}


@pytest.fixture
def go(go):
    """The SDK with a stream of two partitions and an app."""
    go.call("CreateStream", {"body": {"stream_name": "s", "partition_count": 2}})
    go.call("CreateApp", {"body": {"app_name": "a"}})
    assert go.status == 201
    return go


def put(go, *data, **target):
    records = [{"data": b64encode(datum).decode(), **target} for datum in data]
    return go.call("SendRecords", {"body": {"stream_name": "s", "records": records}})


def cursor(go, partition=P0, **position):
    asked = {"stream-name": "s", "partition-id": partition, **position}
    return go.call("ShowCursor", asked)["partition_cursor"]


def page(go, cursor):
    return go.call("ConsumeRecords", {"partition-cursor": cursor})


def commit(go, number, partition=P0, **fields):
    names = {"app_name": "a", "stream_name": "s", "partition_id": partition}
    go.call("CommitCheckpoint", {"body": {**LAST_READ, **names, "sequence_number": str(number), **fields}})


def test_what_was_put_is_read_in_order(go):
    data = [b"\x00\xff", "größer".encode(), b"x" * 100_000]
    result = put(go, *data, partition_id=P0, partition_key="k")
    assert result["failed_record_count"] == 0
    assert [(r["partition_id"], r["sequence_number"]) for r in result["records"]] == [(P0, "0"), (P0, "1"), (P0, "2")]
    records = page(go, cursor(go, **{"cursor-type": "TRIM_HORIZON"}))["records"]
    assert [b64decode(r["data"]) for r in records] == data
    assert {(r["partition_key"], r["timestamp_type"]) for r in records} == {("k", "CreateTime")}


def test_a_page_ends_with_the_cursor_of_the_next(go):
    put(go, b"a", b"b", partition_id=P1)
    first = page(go, cursor(go, P1, **{"cursor-type": "AFTER_SEQUENCE_NUMBER", "starting-sequence-number": "0"}))
    put(go, b"c", partition_id=P1)
    second = page(go, first["next_partition_cursor"])
    assert [[b64decode(r["data"]) for r in p["records"]] for p in (first, second)] == [[b"b"], [b"c"]]


def test_one_wrong_record_fails_alone(go):
    entries = [{"data": "YQ==", "partition_id": partition} for partition in ("0", "9")]
    result = go.call("SendRecords", {"body": {"stream_name": "s", "records": entries}})
    assert result["failed_record_count"] == 1
    assert [r.get("error_code") for r in result["records"]] == [None, "DIS.4302"]


def test_a_number_out_of_range_is_refused(go):
    with pytest.raises(ClientError) as refused:
        cursor(go, **{"cursor-type": "AT_SEQUENCE_NUMBER", "starting-sequence-number": "7"})
    assert refused.value.name == "DIS.4224"
    assert "Sequence_number out of range. [7][ should be within ][0][ ][0]" in refused.value.message


def test_apps_are_listed_and_shown(go):
    go.call("CreateApp", {"body": {"app_name": "b"}})
    listed = go.call("ListApp", {"limit": 1})
    assert (listed["has_more_app"], listed["total_number"], [a["app_name"] for a in listed["apps"]]) == (True, 2, ["a"])
    commit(go, 0)
    shown = go.call("ShowApp", {"app_name": "a"})
    assert (shown["app_name"], shown["commit_checkpoint_stream_names"]) == ("a", ["s"])


def test_a_deleted_app_is_gone(go):
    go.call("DeleteApp", {"app_name": "a"})
    assert go.status == 204
    with pytest.raises(ClientError) as gone:
        go.call("ShowApp", {"app_name": "a"})
    assert gone.value.name == "DIS.4332"


def test_a_committed_checkpoint_is_shown_and_deleted(go):
    commit(go, 7, metadata="half done")
    assert go.status == 201
    asked = {"app_name": "a", "stream_name": "s", "partition_id": P0, **LAST_READ}
    assert go.call("ShowCheckpoint", asked) == {"sequence_number": "7", "metadata": "half done"}
    go.call("DeleteCheckpoint", asked)
    assert go.status == 204
    assert go.call("ShowCheckpoint", asked) == {}


def test_the_consuming_state_has_every_partition(go):
    put(go, b"a", b"b", partition_id=P0)
    commit(go, 1)
    state = go.call("ShowConsumerState", {"app_name": "a", "stream_name": "s", **LAST_READ})
    assert [
        (s["partition_id"], s["sequence_number"], s["earliest_offset"], s["latest_offset"])
        for s in state["partition_consuming_states"]
    ] == [("0", "1", 0, 2), ("1", "-1", 0, 0)]
