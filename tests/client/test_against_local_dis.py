"""Every operation against the local DIS over HTTP: unsigned, and with signatures that the server verifies."""

import dataclasses
import os
import subprocess
import sys
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest

from beam_dis import errors
from beam_dis.client import DISClient
from beam_dis.client.dis_service import DISService
from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials, Token
from beam_dis.dump_tasks import OBSDestination
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord
from beam_dis.stream_service import ReadPosition, Written
from beam_dis.wire.limits import MAX_RECORD_BYTES
from beam_dis.wire.routes import ROUTES

pytestmark = pytest.mark.integration

TASK = OBSDestination(task_name="t", obs_bucket_path="lake")
AK, SK = "AKLOCAL", "sk-of-the-tests"
MEMBERS = {"join_group", "sync_group", "group_heartbeat", "leave_group"}
"""The operations whose answer has a state in place of an error."""
HOUR = {"start_time": 0, "end_time": 3600}
P0, P1 = "shardId-0000000000", "shardId-0000000001"


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """A server that requires signatures."""
    buckets = tmp_path_factory.mktemp("buckets")
    (buckets / "lake").mkdir()
    with LocalDIS(access_key=AK, secret_key=SK, obs_folder=buckets) as dis:
        yield dis


@pytest.fixture(params=["unsigned", "signed"])
def connection(request, local_dis, no_keys):
    """A connection to a project of its own."""
    if request.param == "unsigned":
        return local_dis.connection
    dis = request.getfixturevalue("keyed")
    return dataclasses.replace(dis.connection, project_id=uuid.uuid4().hex)


@pytest.fixture
def client(connection):
    with DISClient(connection) as client:
        yield client


@pytest.fixture
def service(connection):
    service = DISService(connection)
    yield service
    service.close()


def put(client, *data, stream="s"):
    entries = [PutRecord(datum, partition_id=P0) for datum in data]
    return client.put_records(stream, entries)


def test_streams_are_created_described_listed_and_deleted(client):
    client.create_stream("s", partition_count=2, data_type="CSV", csv_delimiter=";", data_duration=48, tags={"k": "v"})
    client.create_stream("t")
    described = client.describe_stream("s", limit_partitions=1)
    assert (described.retention_period, described.csv_properties.delimiter, described.has_more_partitions) == (
        48,
        ";",
        True,
    )
    assert [p.partition_id for p in client.describe_whole_stream("s").partitions] == [P0, P1]
    assert (list(client.iter_streams()), client.list_streams(limit=1).has_more_streams) == (["s", "t"], True)
    client.delete_stream("t")
    assert client.list_streams().stream_names == ["s"]


def test_a_stream_is_scaled_changed_and_shared(client):
    client.create_stream("s")
    assert client.update_partition_count("s", target_partition_count=2).target_partition_count == 2
    client.update_stream("s", data_duration=72)
    client.add_policy(
        "s", stream_id=client.describe_stream("s").stream_id, principal_names=["d.*"], action_type="getRecords"
    )
    described = client.describe_stream("s")
    assert (described.writable_partition_count, described.retention_period) == (2, 72)
    assert client.change_stream("s", update_type="DATA_TYPE", data_type="CSV").target_data_type == "CSV"
    assert [(u.src_partition_count, u.target_partition_count) for u in client.scaling_log("s")] == [(1, 2)]
    assert {quota.type: quota.used for quota in client.list_quotas()} == {
        "common_partition": 2,
        "advanced_partition": 0,
        "app": 0,
    }
    assert [rule.principal_name for rule in client.list_policies("s").rules] == ["d.*"]


def test_an_app_commits_checkpoints_and_is_deleted(client):
    client.create_stream("s")
    client.create_app("a")
    put(client, b"x", b"y")
    client.commit_checkpoint("a", stream_name="s", partition_id=P0, sequence_number=1, metadata="m")
    found = client.get_checkpoint("a", stream_name="s", partition_id=P0)
    assert (found.sequence_number, found.metadata) == (1, "m")
    state = next(client.iter_consumer_states("a", stream_name="s"))
    assert (state.sequence_number, state.earliest_offset, state.latest_offset) == (1, 0, 2)
    assert client.describe_app("a").commit_checkpoint_stream_names == ["s"]
    client.delete_checkpoint("a", stream_name="s")
    assert client.get_checkpoint("a", stream_name="s", partition_id=P0).sequence_number is None
    assert [app.app_name for app in client.iter_apps()] == ["a"]
    client.delete_app("a")
    assert client.list_apps().apps == []


def test_streams_are_tagged_and_found_by_their_tags(client):
    client.create_stream("s", tags={"a": "1"})
    client.create_stream("t", tags={"a": "2"})
    stream_id = client.describe_stream("s").stream_id
    client.create_tag(stream_id, key="钥匙", value="值")
    client.batch_create_tags(stream_id, tags={"a": "3", "b": ""})
    client.batch_delete_tags(stream_id, keys=["b", "never"])
    assert client.list_stream_tags(stream_id) == {"a": "3", "钥匙": "值"}
    assert client.list_tags() == {"a": ["2", "3"], "钥匙": ["值"]}
    found = client.list_resources_by_tags(all_tags={"a": ["2", "3"]}, not_any_tags={"钥匙": []})
    assert ([resource.resource_name for resource in found.resources], found.total_count) == (["t"], 1)
    assert client.list_resources_by_tags(count_only=True).total_count == 2
    client.delete_tag(stream_id, key="a")
    with pytest.raises(errors.TagNotFoundError, match=r"delete_tag.*DIS\.4604"):
        client.delete_tag(stream_id, key="a")


def test_what_happened_to_a_stream_is_reported_by_minute(client):
    client.create_stream("s")
    put(client, b"abc", b"de")
    client.get_records(client.get_cursor("s", partition_id=P0, cursor_type="TRIM_HORIZON"))
    now = int(time.time())
    period = {"start_time": now - 3600, "end_time": now + 3600}
    labels = ["total_put_bytes_per_stream", "total_get_records_per_stream", "total_put_req_suc_per_stream"]
    found = client.stream_metrics("s", labels=labels, **period)
    assert {label: sum(point.value for point in points) for label, points in found.items()} == dict(
        zip(labels, (5, 2, 1), strict=True)
    )
    (label,) = labels = ["total_get_bytes_per_partition"]
    points = client.partition_metrics("s", partition_id=0, labels=labels, **period)[label]
    assert sum(point.value for point in points) == 5
    assert all(point.timestamp % 60 == 0 for point in points)


def test_records_are_put_and_read(client):
    client.create_stream("s")
    result = put(client, b"\x00\xff", b"y")
    assert [(entry.partition_id, entry.sequence_number) for entry in result.records] == [(P0, 0), (P0, 1)]
    cursor = client.get_cursor("s", partition_id=P0, cursor_type="TRIM_HORIZON")
    page = client.get_records(cursor)
    assert [(r.sequence_number, r.data, r.partition_key) for r in page.records] == [
        (0, b"\x00\xff", None),
        (1, b"y", None),
    ]
    assert client.get_records(page.next_partition_cursor).records == []


def test_refused_records_have_an_error_code_each(client):
    client.create_stream("s")
    entries = [PutRecord(b"x", partition_id=7), PutRecord(b"y")]
    result = client.put_records("s", entries)
    assert (result.failed_record_count, [entry.error_code for entry in result.records]) == (1, ["DIS.4302", None])


def test_a_dump_task_is_created_described_stopped_changed_and_deleted(client):
    client.create_stream("s")
    put(client, b"x")
    client.create_dump_task("s", TASK)
    described = client.describe_dump_task("s", "t")
    assert (described.partitions[0].last_transfer_offset, described.obs_destination_description.file_prefix) == (1, "")
    client.stop_dump_tasks("s", task_ids=[described.task_id])
    (listed,) = client.list_dump_tasks("s").tasks
    assert (listed.task_name, listed.task_id, listed.state) == ("t", described.task_id, "PAUSED")
    client.start_dump_tasks("s", task_ids=[described.task_id])
    client.update_dump_task("s", msgspec.structs.replace(TASK, file_prefix="new"))
    assert client.describe_dump_task("s", "t").obs_destination_description.file_prefix == "new"
    with pytest.raises(errors.AlreadyExistsError, match="'s'"):
        client.create_dump_task("s", TASK)
    client.delete_dump_task("s", "t")
    with pytest.raises(errors.DumpTaskNotFoundError, match="dump task 't'"):
        client.describe_dump_task("s", "t")


def refusals(client):
    """A call of each operation that names an object, for an object that doesn't exist."""
    nowhere = {"stream_name": "no", "partition_id": P0}
    return {
        "delete_stream": lambda: client.delete_stream("no"),
        "describe_stream": lambda: client.describe_stream("no"),
        "update_partition_count": lambda: client.update_partition_count("no", target_partition_count=1),
        "update_stream": lambda: client.update_stream("no", data_duration=24),
        "change_stream": lambda: client.change_stream("no", update_type="DATA_TYPE"),
        "scaling_log": lambda: client.scaling_log("no"),
        "add_policy": lambda: client.add_policy("no", stream_id="i", principal_names=["d.*"], action_type="getRecords"),
        "add_policy_by_id": lambda: client.add_policy_by_id(
            "no", stream_id="i", principal_ids=["d"], action_type="getRecords"
        ),
        "delete_policy": lambda: client.delete_policy(
            "no", stream_id="i", principal_names=["d.*"], action_type="getRecords"
        ),
        "list_policies": lambda: client.list_policies("no"),
        "delete_app": lambda: client.delete_app("no"),
        "describe_app": lambda: client.describe_app("no"),
        "consumer_state": lambda: client.consumer_state("no", stream_name="no"),
        "commit_checkpoint": lambda: client.commit_checkpoint("no", **nowhere, sequence_number=1),
        "get_checkpoint": lambda: client.get_checkpoint("no", **nowhere),
        "delete_checkpoint": lambda: client.delete_checkpoint("no", stream_name="no"),
        "put_records": lambda: put(client, b"x", stream="no"),
        "get_cursor": lambda: client.get_cursor("no", partition_id=P0, cursor_type="LATEST"),
        "get_records": lambda: client.get_records("garbage+/="),
        "stream_metrics": lambda: client.stream_metrics("no", labels=["traffic_control_put"], **HOUR),
        "partition_metrics": lambda: client.partition_metrics(
            "no", partition_id=P0, labels=["total_put_bytes_per_partition"], **HOUR
        ),
        "create_tag": lambda: client.create_tag("no", key="k"),
        "list_stream_tags": lambda: client.list_stream_tags("no"),
        "delete_tag": lambda: client.delete_tag("no", key="k"),
        "batch_create_tags": lambda: client.batch_create_tags("no", tags={"k": "v"}),
        "batch_delete_tags": lambda: client.batch_delete_tags("no", keys=["k"]),
        "create_dump_task": lambda: client.create_dump_task("no", TASK),
        "list_dump_tasks": lambda: client.list_dump_tasks("no"),
        "update_dump_task": lambda: client.update_dump_task("no", TASK),
        "start_dump_tasks": lambda: client.start_dump_tasks("no", task_ids=["t"]),
        "stop_dump_tasks": lambda: client.stop_dump_tasks("no", task_ids=["t"]),
        "describe_dump_task": lambda: client.describe_dump_task("no", "t"),
        "delete_dump_task": lambda: client.delete_dump_task("no", "t"),
    }


def test_the_error_for_a_missing_object_has_its_class_and_the_operation(client):
    kinds = (errors.StreamNotFoundError, errors.AppNotFoundError, errors.CursorRefusedError)
    calls = refusals(client)
    nameless = {"create_stream", "create_app", "list_streams", "list_apps", "list_tags", "list_resources_by_tags"}
    assert set(ROUTES) - set(calls) == nameless | {"list_quotas"} | MEMBERS
    for operation, call in calls.items():
        with pytest.raises(kinds, match=f"^{operation}"):
            call()


def test_creating_an_existing_object_is_an_error(client):
    client.create_stream("s")
    client.create_app("a")
    with pytest.raises(errors.AlreadyExistsError, match="'s'"):
        client.create_stream("s")
    with pytest.raises(errors.AlreadyExistsError, match="'a'"):
        client.create_app("a")


def read_at(service, stream, partition_id, number):
    position = ReadPosition(stream, service.describe(stream).stream_id, partition_id, number)
    return service.read(position, MAX_RECORD_BYTES)


def test_the_service_writes_and_reads_back(service, client):
    client.create_stream("s", partition_count=2)
    outgoing = [PutRecord(b"a", "k", None, P1), PutRecord(b""), PutRecord(b"b", None, None, P1)]
    written = service.write("s", outgoing)
    assert [type(w) for w in written] == [Written, type(written[1]), Written]
    assert written[1].code == "DIS.4200"
    page = read_at(service, "s", P1, 0)
    assert [(r.sequence_number, r.partition_key, r.data) for r in page.records] == [(0, "k", b"a"), (1, None, b"b")]
    assert abs(page.as_of - page.records[0].timestamp) < 60_000
    assert [(p.earliest, p.next) for p in service.describe("s").partitions] == [(0, 0), (0, 2)]


def test_the_service_finds_positions(service, client):
    client.create_stream("s")
    assert service.locate("s", P0, 0) == 0
    service.write("s", [PutRecord(b"a"), PutRecord(b"b")])
    arrived = read_at(service, "s", P0, 0).records[0].timestamp
    places = [service.locate("s", P0, arrived + shift) for shift in (-60_000, 0, 60_000)]
    assert places == [0, 0, 2]
    with pytest.raises(errors.OutOfRangeError) as error:
        read_at(service, "s", P0, 3)
    assert (error.value.earliest, error.value.next) == (0, 2)


def test_the_service_keeps_checkpoints(service, client):
    client.create_stream("s")
    service.ensure_app("a")
    service.ensure_app("a")
    assert service.committed("a", "s", P0) is None
    service.commit("a", "s", P0, 5)
    assert service.committed("a", "s", P0) == 5


def test_a_stream_can_be_named_by_its_id(service, client):
    client.create_stream("s")
    stream_id = client.describe_stream("s").stream_id
    service.write(stream_id, [PutRecord(b"a")])
    assert service.describe(stream_id).name == "s"
    assert read_at(service, stream_id, P0, 0).records[0].data == b"a"


def test_the_error_for_an_unknown_stream_lists_what_exists(service, client):
    client.create_stream("flights")
    with pytest.raises(errors.StreamNotFoundError, match=r"'fligths'.*DIS\.4301.*streams in project .*: flights$"):
        service.describe("fligths")


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        (None, "DIS.4101"),
        (Credentials(access_key=AK, secret_key="wrong"), "DIS.4100"),
        (Credentials(access_key="WRONG", secret_key=SK), "DIS.4107"),
    ],
    ids=["none", "wrong secret", "unknown key"],
)
def test_the_error_for_wrong_credentials_says_which_part_is_wrong(keys, code, keyed, no_keys):
    with (
        DISClient(dataclasses.replace(keyed.connection, credentials=keys)) as client,
        pytest.raises(errors.AuthenticationError, match=f"^list_streams: {code}") as error,
    ):
        client.list_streams()
    assert SK not in str(error.value)


class Login:
    """An identity service that issues several tokens; a server accepts one of them."""

    value = "old"
    calls = 0


def login():
    Login.calls += 1
    return Token(value=Login.value)


def test_a_token_that_is_no_longer_accepted_is_renewed(no_keys):
    Login.value, Login.calls = "old", 0
    with LocalDIS(auth_token="new") as dis:
        connection = dataclasses.replace(dis.connection, credentials=login)
        with DISClient(connection) as client:
            with pytest.raises(errors.AuthenticationError, match=r"DIS\.4112"):
                client.list_streams()
            Login.value = "new"
            assert client.list_streams().stream_names == []
            client.create_stream("s")
    assert Login.calls == 3


def test_a_client_uses_a_proxy(tmp_path, no_keys):
    """Only the proxy knows the host; the signature is for that host, and is accepted."""
    command = [
        sys.executable,
        "-m",
        "beam_dis",
        "serve",
        "--port",
        "0",
        "--data",
        tmp_path,
        "--allowed-host",
        "dis.invalid",
    ]
    environ = {**os.environ, "BEAM_DIS_ACCESS_KEY": AK, "BEAM_DIS_SECRET_KEY": SK}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as server:
        try:
            connection = DISConnection(
                endpoint="http://dis.invalid:7700",
                project_id=uuid.uuid4().hex,
                credentials=Credentials(access_key=AK, secret_key=SK),
                proxy=server.stdout.readline().split()[2],
            )
            with DISClient(connection) as client:
                assert client.list_streams().stream_names == []
        finally:
            server.terminate()


def test_a_client_survives_a_restart_of_the_server(tmp_path, no_keys):
    with LocalDIS(tmp_path) as dis, DISClient(dis.connection) as client:
        client.create_stream("s")
        put(client, b"before")
        dis.restart()
        put(client, b"after")
        page = client.get_records(client.get_cursor("s", partition_id=P0, cursor_type="TRIM_HORIZON"))
        assert [record.data for record in page.records] == [b"before", b"after"]


@pytest.fixture
def web_server():
    """The URL of an HTTP server that isn't a DIS."""
    handler = type("Handler", (BaseHTTPRequestHandler,), {"log_message": lambda *_: None})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_error_for_a_web_server_that_is_not_a_dis_names_it(web_server, no_keys):
    """On a busy machine the deadline may end the last attempt before its answer; the error then counts the answers before it."""
    connection = DISConnection(endpoint=web_server, project_id="p", deadline=1)
    with (
        DISClient(connection) as client,
        pytest.raises(errors.DISError, match=f"{web_server}.* is a DIS|{web_server}: .*is it a DIS.*HTTP 501"),
    ):
        client.list_streams()
