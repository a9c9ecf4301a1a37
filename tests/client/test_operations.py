"""Every operation: what it sends, what it returns, and what its errors say."""

from dataclasses import replace

import pytest

from beam_dis.client import DISClient
from beam_dis.client.apps import AppProgress
from beam_dis.client.checkpoints import CommittedCheckpoint
from beam_dis.client.pages import PutRecordResult, PutResult, ReadPage
from beam_dis.dump_tasks import OBSDestination
from beam_dis.errors import ServiceError, TransportError
from beam_dis.record import PutRecord
from beam_dis.stream_service import PageRecord
from beam_dis.wire import apps, consumer_groups, dump_tasks, monitoring, quotas, streams, tags
from beam_dis.wire.routes import ROUTES

ENTRIES = [PutRecord(b"\x00\xff", partition_key="k")]
P0 = "shardId-0000000000"
POLICY = {"stream_id": "i", "principal_names": ["d.*", "e.u"], "action_type": "putRecords"}
COMMIT = {"stream_name": "s", "partition_id": "0", "sequence_number": 7}
NUMBERED = {"records": [{"sequence_number": "3", "data": "AP8=", "timestamp": 5}], "next_partition_cursor": "n"}
POINT = {"timestamp": 60, "value": 7}
PLACED = {"failed_record_count": 0, "records": [{"partition_id": "shardId-0000000000", "sequence_number": "3"}]}
TASK = OBSDestination(task_name="t", obs_bucket_path="lake")
SENT_TASK = {
    "destination_type": "OBS",
    "obs_destination_descriptor": {
        "task_name": "t",
        "obs_bucket_path": "lake",
        "agency_name": "dis_admin_agency",
        "deliver_time_interval": 300,
    },
}

CALLS = {
    "create_stream": (
        lambda c: c.create_stream("s", partition_count=2, csv_delimiter=";", tags={"k": "v"}),
        ("POST", "/v2/p1/streams"),
        {
            "stream_name": "s",
            "partition_count": 2,
            "csv_properties": {"delimiter": ";"},
            "tags": [{"key": "k", "value": "v"}],
        },
        (201, None, None),
    ),
    "list_streams": (
        lambda c: c.list_streams(limit=1, start_stream_name="a"),
        ("GET", "/v2/p1/streams?limit=1&start_stream_name=a"),
        None,
        (200, {"total_number": 1, "stream_names": ["b"]}, streams.ListStreamsResult(1, ["b"])),
    ),
    "delete_stream": (lambda c: c.delete_stream("s"), ("DELETE", "/v2/p1/streams/s"), None, (204, None, None)),
    "describe_stream": (
        lambda c: c.describe_stream("s", start_partition_id="shardId-0000000000", limit_partitions=1),
        ("GET", "/v2/p1/streams/s?start_partitionId=shardId-0000000000&limit_partitions=1"),
        None,
        (200, {"stream_name": "s", "data_schema": None}, streams.StreamDescription(stream_name="s")),
    ),
    "update_partition_count": (
        lambda c: c.update_partition_count("s", target_partition_count=3),
        ("PUT", "/v2/p1/streams/s"),
        {"stream_name": "s", "target_partition_count": 3},
        (200, {"current_partition_count": 1}, streams.UpdatePartitionCountResult("", 1)),
    ),
    "update_stream": (
        lambda c: c.update_stream("s", data_duration=48),
        ("PUT", "/v3/p1/streams/s"),
        {"stream_name": "s", "data_duration": 48},
        (204, None, None),
    ),
    "change_stream": (
        lambda c: c.change_stream("s", update_type="DATA_TYPE", data_type="CSV"),
        ("PUT", "/v2/p1/streams/s/update"),
        {"update_type": "DATA_TYPE", "stream_name": "s", "data_type": "CSV"},
        (
            200,
            {"stream_name": "s", "target_data_type": "CSV"},
            streams.ChangeStreamResult("s", "CSV"),
        ),
    ),
    "scaling_log": (
        lambda c: c.scaling_log("s"),
        ("GET", "/v2/p1/streams/s/update_partition_counts"),
        None,
        (
            200,
            {
                "update_partition_counts": [
                    {"create_timestamp": 5, "src_partition_count": 1, "target_partition_count": 2}
                ]
            },
            [streams.PartitionCountUpdate(5, 1, 2)],
        ),
    ),
    "add_policy": (
        lambda c: c.add_policy("s", **POLICY),
        ("POST", "/v2/p1/streams/s/policies"),
        {"stream_id": "i", "principal_name": "d.*,e.u", "action_type": "putRecords", "effect": "accept"},
        (201, None, None),
    ),
    "add_policy_by_id": (
        lambda c: c.add_policy_by_id("s", stream_id="i", principal_ids=["d", "e"], action_type="getRecords"),
        ("POST", "/v3/p1/streams/s/policies"),
        {"stream_id": "i", "principal_id": "d,e", "action_type": "getRecords", "effect": "accept"},
        (200, {}, None),
    ),
    "delete_policy": (
        lambda c: c.delete_policy("s", **POLICY),
        ("DELETE", "/v2/p1/streams/s/policies"),
        {"stream_id": "i", "principal_name": "d.*,e.u", "action_type": "putRecords", "effect": "accept"},
        (200, {}, None),
    ),
    "list_policies": (
        lambda c: c.list_policies("s"),
        ("GET", "/v2/p1/streams/s/policies"),
        None,
        (200, {"stream_id": "i"}, streams.ListPoliciesResult("i")),
    ),
    "create_app": (lambda c: c.create_app("a"), ("POST", "/v2/p1/apps"), {"app_name": "a"}, (201, None, None)),
    "list_apps": (
        lambda c: c.list_apps(stream_name="s"),
        ("GET", "/v2/p1/apps?stream_name=s"),
        None,
        (200, {"apps": [{"app_name": "a"}]}, apps.ListAppsResult(apps=[apps.AppInfo(app_name="a")])),
    ),
    "delete_app": (lambda c: c.delete_app("a"), ("DELETE", "/v2/p1/apps/a"), None, (204, None, None)),
    "describe_app": (
        lambda c: c.describe_app("a"),
        ("GET", "/v2/p1/apps/a"),
        None,
        (200, {"app_name": "a"}, apps.AppInfo(app_name="a")),
    ),
    "consumer_state": (
        lambda c: c.consumer_state("a", stream_name="s", limit=5),
        ("GET", "/v2/p1/apps/a/streams/s?checkpoint_type=LAST_READ&limit=5"),
        None,
        (200, {"app_name": "a"}, AppProgress("", "a", [], has_more=False)),
    ),
    "commit_checkpoint": (
        lambda c: c.commit_checkpoint("a", **COMMIT),
        ("POST", "/v2/p1/checkpoints"),
        {"app_name": "a", "checkpoint_type": "LAST_READ", **COMMIT, "sequence_number": "7", "partition_id": P0},
        (201, None, None),
    ),
    "get_checkpoint": (
        lambda c: c.get_checkpoint("a", stream_name="s", partition_id="0"),
        (
            "GET",
            "/v2/p1/checkpoints?stream_name=s&partition_id=shardId-0000000000&app_name=a&checkpoint_type=LAST_READ",
        ),
        None,
        (200, {}, CommittedCheckpoint(None)),
    ),
    "delete_checkpoint": (
        lambda c: c.delete_checkpoint("a", stream_name="s"),
        ("DELETE", "/v2/p1/checkpoints?stream_name=s&app_name=a&checkpoint_type=LAST_READ"),
        None,
        (204, None, None),
    ),
    "put_records": (
        lambda c: c.put_records("s", ENTRIES),
        ("POST", "/v2/p1/records"),
        {"stream_name": "s", "records": [{"data": "AP8=", "partition_key": "k"}]},
        (200, PLACED, PutResult([PutRecordResult("shardId-0000000000", 3)])),
    ),
    "get_records": (
        lambda c: c.get_records("abc==", max_fetch_bytes=9),
        ("GET", "/v2/p1/records?partition-cursor=abc%3D%3D&max_fetch_bytes=9"),
        None,
        (200, NUMBERED, ReadPage([PageRecord(3, b"\x00\xff", 5)], "n")),
    ),
    "get_cursor": (
        lambda c: c.get_cursor("s", partition_id="0", starting_sequence_number=4),
        (
            "GET",
            "/v2/p1/cursors?stream-name=s&partition-id=shardId-0000000000&cursor-type=AT_SEQUENCE_NUMBER&starting-sequence-number=4",
        ),
        None,
        (200, {"partition_cursor": "c"}, "c"),
    ),
    "create_tag": (
        lambda c: c.create_tag("i", key="k"),
        ("POST", "/v2/p1/stream/i/tags"),
        {"tag": {"key": "k", "value": ""}},
        (204, None, None),
    ),
    "list_stream_tags": (
        lambda c: c.list_stream_tags("i"),
        ("GET", "/v2/p1/stream/i/tags"),
        None,
        (200, {"tags": [{"key": "k", "value": "v"}, {"key": "l", "value": None}]}, {"k": "v", "l": ""}),
    ),
    "delete_tag": (
        lambda c: c.delete_tag("i", key="钥匙"),
        ("DELETE", "/v2/p1/stream/i/tags/%E9%92%A5%E5%8C%99"),
        None,
        (204, None, None),
    ),
    "batch_create_tags": (
        lambda c: c.batch_create_tags("i", tags={"k": "v"}),
        ("POST", "/v2/p1/stream/i/tags/action"),
        {"action": "create", "tags": [{"key": "k", "value": "v"}]},
        (204, None, None),
    ),
    "batch_delete_tags": (
        lambda c: c.batch_delete_tags("i", keys=["k", "l"]),
        ("POST", "/v2/p1/stream/i/tags/action"),
        {"action": "delete", "tags": [{"key": "k"}, {"key": "l"}]},
        (204, None, None),
    ),
    "list_tags": (
        lambda c: c.list_tags(),
        ("GET", "/v2/p1/stream/tags"),
        None,
        (200, {"tags": [{"key": "k", "values": ["v"]}]}, {"k": ["v"]}),
    ),
    "list_resources_by_tags": (
        lambda c: c.list_resources_by_tags(any_tags={"k": ["v"], "l": []}, resource_name="s", limit=5, offset=0),
        ("POST", "/v2/p1/stream/resource_instances/action"),
        {
            "action": "filter",
            "limit": "5",
            "offset": "0",
            "tags_any": [{"key": "k", "values": ["v"]}, {"key": "l"}],
            "matches": [{"key": "resource_name", "value": "s"}],
        },
        (
            200,
            {"resources": [{"resource_id": "i", "resource_name": "s", "resource_detail": None}], "total_count": 1},
            tags.FindResourcesResult(1, [tags.TaggedResource("i", "s")]),
        ),
    ),
    "stream_metrics": (
        lambda c: c.stream_metrics(
            "s", labels=["traffic_control_put", "total_put_req_latency"], start_time=0, end_time=60
        ),
        (
            "GET",
            "/v2/p1/streams/s/metrics?label_list=traffic_control_put%2Ctotal_put_req_latency&start_time=0&end_time=60",
        ),
        None,
        (
            200,
            {"metrics": {"label": "a", "dataPoints": [POINT]}, "metrics_list": [{"label": "a", "dataPoints": [POINT]}]},
            {"a": [monitoring.DataPoint(60, 7)]},
        ),
    ),
    "partition_metrics": (
        lambda c: c.partition_metrics(
            "s", partition_id=0, labels=["total_get_bytes_per_partition"], start_time=0, end_time=60
        ),
        (
            "GET",
            f"/v2/p1/streams/s/partitions/{P0}/metrics?label_list=total_get_bytes_per_partition&start_time=0&end_time=60",
        ),
        None,
        (200, {"metrics": {"label": "a", "dataPoints": [POINT]}}, {"a": [monitoring.DataPoint(60, 7)]}),
    ),
    "list_quotas": (
        lambda c: c.list_quotas(),
        ("GET", "/v1/p1/quotas"),
        None,
        (200, {"quotas": {"resources": [{"type": "app", "quota": 100, "used": 1}]}}, [quotas.Quota("app", 100, 1)]),
    ),
    "join_group": (
        lambda c: c.join_group("a", client_id="m", stream_names=["s"], stream_ids=["i"], stream_pattern="s.*"),
        ("POST", "/v2/p1/apps/a/consumers"),
        {
            "clientId": "m",
            "groupId": "a",
            "interestedStream": ["s"],
            "interestedStreamIdList": ["i"],
            "streamPattern": "s.*",
        },
        (
            200,
            {"state": "OK", "subscription": ["s"], "syncDelayedTimeMs": 5},
            consumer_groups.JoinGroupResult("OK", ["s"], 5),
        ),
    ),
    "sync_group": (
        lambda c: c.sync_group("a", client_id="m"),
        ("POST", "/v2/p1/apps/a/consumers/m/partitions"),
        {"groupId": "a", "clientId": "m", "generation": -1},
        (
            200,
            {"state": "OK", "generation": 4, "assignment": {"s": [0, 2]}},
            consumer_groups.SyncGroupResult("OK", 4, {"s": [0, 2]}),
        ),
    ),
    "group_heartbeat": (
        lambda c: c.group_heartbeat("a", client_id="m", generation_id=4),
        ("POST", "/v2/p1/apps/a/consumers/m/heartbeats"),
        {"groupId": "a", "clientId": "m", "generation": 4},
        (200, {"state": "SYNCING"}, consumer_groups.HeartbeatResult("SYNCING")),
    ),
    "leave_group": (
        lambda c: c.leave_group("a", client_id="m 1"),
        ("DELETE", "/v2/p1/apps/a/consumers/m%201"),
        None,
        (204, None, None),
    ),
    "create_dump_task": (
        lambda c: c.create_dump_task("s", TASK),
        ("POST", "/v2/p1/streams/s/transfer-tasks"),
        SENT_TASK,
        (201, None, None),
    ),
    "list_dump_tasks": (
        lambda c: c.list_dump_tasks("s", start_task_name="a"),
        ("GET", "/v2/p1/streams/s/transfer-tasks?start_task_name=a"),
        None,
        (
            200,
            {"total_number": 1, "tasks": [{"task_id": "i", "state": "RUNNING"}]},
            dump_tasks.ListDumpTasksResult(1, tasks=[dump_tasks.DumpTaskInfo("i", state="RUNNING")]),
        ),
    ),
    "update_dump_task": (
        lambda c: c.update_dump_task("s", TASK),
        ("PUT", "/v2/p1/streams/s/transfer-tasks"),
        SENT_TASK,
        (200, {}, None),
    ),
    "describe_dump_task": (
        lambda c: c.describe_dump_task("s", "t"),
        ("GET", "/v2/p1/streams/s/transfer-tasks/t"),
        None,
        (
            200,
            {"task_name": "t", "partitions": [{"partitionId": P0, "discard": 2}]},
            dump_tasks.DumpTaskDescription(
                task_name="t", partitions=[dump_tasks.DumpedPartition(partitionId=P0, discard=2)]
            ),
        ),
    ),
    "delete_dump_task": (
        lambda c: c.delete_dump_task("s", "t"),
        ("DELETE", "/v2/p1/streams/s/transfer-tasks/t"),
        None,
        (204, None, None),
    ),
    "start_dump_tasks": (
        lambda c: c.start_dump_tasks("s", task_ids=["i"]),
        ("POST", "/v2/p1/streams/s/transfer-tasks/action"),
        {"action": "start", "tasks": [{"id": "i"}]},
        (200, {}, None),
    ),
    "stop_dump_tasks": (
        lambda c: c.stop_dump_tasks("s", task_ids=["i", "j"]),
        ("POST", "/v2/p1/streams/s/transfer-tasks/action"),
        {"action": "stop", "tasks": [{"id": "i"}, {"id": "j"}]},
        (200, {}, None),
    ),
}
each_operation = pytest.mark.parametrize("operation", CALLS)


def test_every_operation_of_the_protocol_is_a_documented_method():
    assert set(ROUTES) == set(CALLS)
    assert all(len(getattr(DISClient, name).__doc__) > 60 for name in ROUTES)


@each_operation
def test_an_operation_sends_and_returns_what_the_protocol_specifies(operation, connect, ok):
    call, (method, target), body, (status, answer, expected) = CALLS[operation]
    rig = connect(lambda _: ok(answer, status=status))
    assert call(rig.client) == expected
    assert rig.sent == (method, target, body)


@each_operation
def test_unknown_fields_and_nulls_in_an_answer_are_accepted(operation, connect, ok):
    call, _, _, (status, answer, expected) = CALLS[operation]
    body = None if answer is None else {"tags": None, "sys_tags": None, **answer, "unknown": {"x": [1]}}
    assert call(connect(lambda _: ok(body, status=status)).client) == expected


@each_operation
def test_an_error_names_the_operation_and_the_code(operation, connect, refused):
    rig = connect(lambda _: refused(4301, "Stream does not exist. [s][p1]"))
    with pytest.raises(
        ServiceError, match=rf"^{operation}.*DIS\.4301 Stream does not exist\. \[s\]\[p1\] - create"
    ) as error:
        CALLS[operation][0](rig.client)
    assert (error.value.code, error.value.status) == ("DIS.4301", 400)
    assert len(rig.transport.sent) == 1


EMPTY_IS_FINE = {
    "get_checkpoint": CommittedCheckpoint(None),
    "update_partition_count": streams.UpdatePartitionCountResult(),
    "change_stream": streams.ChangeStreamResult(),
}


@pytest.mark.parametrize("operation", [name for name in CALLS if ROUTES[name].answer])
@pytest.mark.parametrize("body", [b"", b"<html>", b'"ok"', b'{"status":"ok"}', b"\xff\xfe"])
def test_a_good_status_with_an_unreadable_body_is_an_error(operation, body, connect, ok):
    rig = connect(lambda _: replace(ok(), body=body))
    if operation in EMPTY_IS_FINE and body in (b"", b'{"status":"ok"}'):
        assert CALLS[operation][0](rig.client) == EMPTY_IS_FINE[operation]
        return
    with pytest.raises(TransportError, match=rf"{operation}.*https://dis.example answered 200 .*check the endpoint"):
        CALLS[operation][0](rig.client)
