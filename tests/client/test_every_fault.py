"""Every fault of a local DIS on every operation: which are retried, and which are raised."""

import itertools
import time

import pytest

from beam_dis import errors
from beam_dis.client import DISClient
from beam_dis.client.api import API
from beam_dis.connection import DISConnection
from beam_dis.dump_tasks import OBSDestination
from beam_dis.errors import ServerError, TransportError
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord
from beam_dis.testing import (
    ClockSkew,
    CutAnswer,
    EmptyPages,
    Failing,
    Latency,
    RecordsRefused,
    RequestRefused,
    Reset,
    SlowBody,
    SlowHeaders,
    Throttled,
    WrongContentType,
    WrongJSON,
)
from beam_dis.wire.error_codes import ERROR_CODES, Remedy
from beam_dis.wire.routes import ROUTES

pytestmark = pytest.mark.integration

P0 = "shardId-0000000000"
TIMEOUT = 0.25
"""Seconds for an attempt under a fault that makes the answer slow. Other attempts have the default, for a busy machine."""
NAMES = (f"n{number}" for number in itertools.count())


TASK = OBSDestination(task_name="t", obs_bucket_path="lake")


@pytest.fixture(scope="module")
def dis(tmp_path_factory):
    buckets = tmp_path_factory.mktemp("buckets")
    (buckets / "lake").mkdir()
    with LocalDIS(access_key="AK", secret_key="SK", obs_folder=buckets) as dis:
        yield dis


def client_of(dis, **fields):
    """A client that doesn't wait between attempts."""
    connection = DISConnection(endpoint=dis.endpoint, project_id="p", credentials=dis.connection.credentials, **fields)
    return DISClient(api=API(connection, sleep=lambda _: None))


@pytest.fixture(scope="module")
def client(dis):
    with client_of(dis) as client:
        client.create_stream("s")
        client.create_app("a")
        client.put_records("s", [PutRecord(b"x")])
        client.commit_checkpoint("a", stream_name="s", partition_id=P0, sequence_number=0)
        yield client


@pytest.fixture
def call_under(dis, client):
    """Calls an operation under a fault; returns the result or the error, and the number of calls."""

    def call(operation, fault, caller=None, **fields):
        timeout = {"timeout": TIMEOUT} if isinstance(fault, SlowHeaders | SlowBody) else {}
        with client_of(dis, **timeout) as fresh:
            done = OPERATIONS[operation](client, caller or fresh, next(NAMES), **fields)
            dis.inject(fault)
            try:
                outcome = done()
            except errors.DISError as error:
                outcome = error
        (injected,) = dis.faults()
        assert injected.hits >= 1
        return outcome, injected.calls

    yield call
    dis.clear_faults()
    for name in {*client.iter_streams()} - {"s"}:
        client.delete_stream(name)  # a project has 50 partitions
    for app in client.iter_apps():
        if app.app_name != "a":
            client.delete_app(app.app_name)


def existing(kind):
    """An operation on an existing stream or app of its own."""

    def made(make):
        def prepared(client, caller, name):
            getattr(client, f"create_{kind}")(name)
            return lambda: make(caller, name)

        return prepared

    return made


def plain(call):
    """An operation without preparation."""
    return lambda _client, caller, name, **fields: lambda: call(caller, name, **fields)


def committed(call):
    """An operation on an existing checkpoint."""

    def prepared(client, caller, _name):
        client.commit_checkpoint("a", stream_name="s", partition_id=P0, sequence_number=0)
        return lambda: call(caller)

    return prepared


def reading(client, caller, _name):
    cursor = client.get_cursor("s", partition_id=P0, cursor_type="TRIM_HORIZON")
    return lambda: caller.get_records(cursor)


def allowing(operation, **principals):
    """An operation on the policies of a stream of its own."""

    def prepared(client, caller, name, **fields):
        client.create_stream(name)
        stream_id = client.describe_stream(name).stream_id
        fields = {"stream_id": stream_id, "action_type": "getRecords", **principals, **fields}
        return lambda: getattr(caller, operation)(name, **fields)

    return prepared


def tagged(call):
    """An operation on the id of a stream with the tag ``k``."""

    def prepared(client, caller, _name):
        stream_id = client.describe_stream("s").stream_id
        client.create_tag(stream_id, key="k")
        return lambda: call(caller, stream_id)

    return prepared


def member(call):
    """An operation of a member of the group of ``a``."""

    def prepared(client, caller, _name):
        client.join_group("a", client_id="m", stream_names=["s"])
        return lambda: call(caller)

    return prepared


def dumped(call):
    """An operation on a dump task in a stream of its own."""

    def prepared(client, caller, name):
        client.create_stream(name)
        client.create_dump_task(name, TASK)
        return lambda: call(caller, name)

    return prepared


def dumping(client, caller, name, **fields):
    client.create_stream(name)
    return lambda: caller.create_dump_task(name, TASK, **fields)


def put(client, _name, **fields):
    return client.put_records("s", [PutRecord(b"x")], **fields)


OPERATIONS = {
    "create_stream": plain(lambda client, name, **fields: client.create_stream(name, **fields)),
    "list_streams": plain(lambda client, _: client.list_streams()),
    "delete_stream": existing("stream")(lambda client, name: client.delete_stream(name)),
    "describe_stream": plain(lambda client, _: client.describe_stream("s")),
    "update_partition_count": existing("stream")(
        lambda client, name: client.update_partition_count(name, target_partition_count=2)
    ),
    "update_stream": existing("stream")(lambda client, name: client.update_stream(name, data_duration=48)),
    "change_stream": plain(lambda client, _: client.change_stream("s", update_type="AUTO_SCALE")),
    "scaling_log": plain(lambda client, _: client.scaling_log("s")),
    "add_policy": allowing("add_policy", principal_names=["d.*"]),
    "add_policy_by_id": allowing("add_policy_by_id", principal_ids=["d"]),
    "delete_policy": allowing("delete_policy", principal_names=["d.*"]),
    "list_policies": plain(lambda client, _: client.list_policies("s")),
    "create_app": plain(lambda client, name, **fields: client.create_app(name, **fields)),
    "list_apps": plain(lambda client, _: client.list_apps()),
    "delete_app": existing("app")(lambda client, name: client.delete_app(name)),
    "describe_app": plain(lambda client, _: client.describe_app("a")),
    "consumer_state": committed(lambda client: client.consumer_state("a", stream_name="s")),
    "commit_checkpoint": committed(
        lambda client: client.commit_checkpoint("a", stream_name="s", partition_id=P0, sequence_number=0)
    ),
    "get_checkpoint": committed(lambda client: client.get_checkpoint("a", stream_name="s", partition_id=P0)),
    "delete_checkpoint": committed(lambda client: client.delete_checkpoint("a", stream_name="s")),
    "put_records": plain(put),
    "get_records": reading,
    "get_cursor": plain(lambda client, _: client.get_cursor("s", partition_id=P0, cursor_type="LATEST")),
    "create_tag": tagged(lambda client, stream_id: client.create_tag(stream_id, key="k")),
    "list_stream_tags": tagged(lambda client, stream_id: client.list_stream_tags(stream_id)),
    "delete_tag": tagged(lambda client, stream_id: client.delete_tag(stream_id, key="k")),
    "batch_create_tags": tagged(lambda client, stream_id: client.batch_create_tags(stream_id, tags={"k": "v"})),
    "batch_delete_tags": tagged(lambda client, stream_id: client.batch_delete_tags(stream_id, keys=["k"])),
    "list_tags": plain(lambda client, _: client.list_tags()),
    "list_resources_by_tags": plain(lambda client, _: client.list_resources_by_tags()),
    "stream_metrics": plain(
        lambda client, _: client.stream_metrics("s", labels=["traffic_control_put"], start_time=0, end_time=60)
    ),
    "partition_metrics": plain(
        lambda client, _: client.partition_metrics(
            "s", partition_id=P0, labels=["total_get_bytes_per_partition"], start_time=0, end_time=60
        )
    ),
    "list_quotas": plain(lambda client, _: client.list_quotas()),
    "join_group": member(lambda client: client.join_group("a", client_id="m", stream_names=["s"])),
    "sync_group": member(lambda client: client.sync_group("a", client_id="m")),
    "group_heartbeat": member(lambda client: client.group_heartbeat("a", client_id="m")),
    "leave_group": member(lambda client: client.leave_group("a", client_id="m")),
    "create_dump_task": dumping,
    "list_dump_tasks": plain(lambda client, _: client.list_dump_tasks("s")),
    "update_dump_task": dumped(lambda client, name: client.update_dump_task(name, TASK)),
    "describe_dump_task": dumped(lambda client, name: client.describe_dump_task(name, "t")),
    "delete_dump_task": dumped(lambda client, name: client.delete_dump_task(name, "t")),
    "start_dump_tasks": dumped(lambda client, name: client.start_dump_tasks(name, task_ids=["t"])),
    "stop_dump_tasks": dumped(lambda client, name: client.stop_dump_tasks(name, task_ids=["t"])),
}

LOST = {
    "reset before": Reset(when="before", count=1),
    "reset after": Reset(when="after", count=1),
    "cut": CutAnswer(count=1),
    "cut at once": CutAnswer(after=0.0, count=1),
    "slow headers": SlowHeaders(seconds=10, count=1),
    "slow body": SlowBody(seconds=10, count=1),
    "wrong JSON": WrongJSON(count=1),
    "500 without a body": Failing(status=500, body=False, count=1),
    "500 without a body, done": Failing(status=500, body=False, when="after", count=1),
    "502": Failing(status=502, count=1),
    "502 without a body": Failing(status=502, body=False, when="after", count=1),
}
"""The client can't know whether the request was carried out."""

REFUSED = {
    "DIS.5000": Failing(status=500, count=1),
    "503": Failing(status=503, count=1),
    "503 without a body": Failing(status=503, body=False, count=1),
    "DIS.4303": Throttled(count=1),
    "DIS.4305": Throttled(code="DIS.4305", count=1),
    "429": Throttled(status=429, count=1),
}
"""The service says that it hasn't carried the request out, and that another attempt may help."""

HARMLESS = {
    "latency": Latency(seconds=0.02, jitter=0.01, count=1),
    "text/html": WrongContentType(count=1),
    "empty page": EmptyPages(count=1),
}
"""The answer is complete and right."""


def cases(faults):
    return [(name, route.operation) for name in faults for route in ROUTES.values() if faults[name].applies_to(route)]


def test_every_operation_is_tested():
    assert list(OPERATIONS) == list(ROUTES)


def test_every_kind_of_fault_is_tested():
    kinds = {type(fault) for fault in (*LOST.values(), *REFUSED.values(), *HARMLESS.values())}
    assert kinds | {RequestRefused, RecordsRefused, ClockSkew} == set(type(Reset()).__mro__[1].__subclasses__())


@pytest.mark.parametrize(("name", "operation"), cases(LOST))
def test_a_lost_answer_is_retried_if_harmless_and_raised_otherwise(name, operation, call_under):
    outcome, calls = call_under(operation, replace(LOST[name], operation=operation))
    if ROUTES[operation].idempotent:
        assert not isinstance(outcome, errors.DISError), outcome
        assert calls == 2
    else:
        assert isinstance(outcome, TransportError | ServerError)
        assert getattr(outcome, "maybe_done", True) is True
        assert calls == 1


@pytest.mark.parametrize(
    ("name", "operation"), [(name, operation) for name, operation in cases(LOST) if not ROUTES[operation].idempotent]
)
def test_a_lost_answer_is_retried_if_the_caller_allows_it(name, operation, call_under):
    outcome, calls = call_under(operation, replace(LOST[name], operation=operation), retry_lost=True)
    assert calls == 2
    made = "after" in name or "done" in name or name in {"cut", "cut at once", "slow headers", "502 without a body"}
    if operation.startswith("create") and made:
        assert isinstance(outcome, errors.AlreadyExistsError)
    else:
        assert not isinstance(outcome, errors.DISError), outcome


@pytest.mark.parametrize(("name", "operation"), cases(REFUSED))
def test_a_request_that_was_not_carried_out_is_retried(name, operation, call_under):
    outcome, calls = call_under(operation, replace(REFUSED[name], operation=operation))
    assert not isinstance(outcome, errors.DISError), outcome
    assert calls == 2


@pytest.mark.parametrize(("name", "operation"), cases(HARMLESS))
def test_a_late_or_empty_answer_or_another_content_type_is_accepted(name, operation, call_under):
    outcome, calls = call_under(operation, replace(HARMLESS[name], operation=operation))
    assert not isinstance(outcome, errors.DISError), outcome
    assert calls == 1


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("seconds", [-7200, 7200])
def test_a_wrong_clock_is_corrected_once(seconds, operation, call_under, dis):
    with client_of(dis) as caller:
        outcome, calls = call_under(operation, ClockSkew(seconds=seconds, operation=operation), caller)
    assert not isinstance(outcome, errors.DISError), outcome
    assert calls == 2


@pytest.mark.parametrize("code", ERROR_CODES)
@pytest.mark.parametrize("operation", ["get_records", "put_records", "create_app"])
def test_an_error_code_is_retried_or_raised_by_the_table(code, operation, call_under):
    outcome, calls = call_under(operation, RequestRefused(code=code, operation=operation, count=1))
    if ERROR_CODES[code].remedy is not Remedy.GIVE_UP:
        assert not isinstance(outcome, errors.DISError), outcome
        assert calls == 2
    else:
        assert (type(outcome), outcome.code) == (errors.class_of(code, ERROR_CODES[code].status), code)
        assert calls == 1


@pytest.mark.parametrize("code", ["DIS.4303", "DIS.5250", "DIS.4200"])
@pytest.mark.parametrize("stored", [True, False])
def test_refused_records_are_returned_to_the_caller(code, stored, call_under):
    outcome, calls = call_under("put_records", RecordsRefused(code=code, stored=stored, count=1))
    assert (outcome.failed_record_count, outcome.records[0].error_code, calls) == (1, code, 1)


ENDLESS = [*LOST.values(), *REFUSED.values()]


@pytest.mark.parametrize("fault", ENDLESS, ids=[*LOST, *REFUSED])
def test_a_permanent_fault_is_raised_after_the_deadline(fault, call_under, dis, undisturbed):
    endless = replace(fault, operation="list_streams", count=None)
    seen = []

    def seconds():
        dis.clear_faults()
        # longer than the first pause of a throttled client, which is up to half a second
        with client_of(dis, timeout=TIMEOUT, deadline=0.8) as caller:
            caller.list_streams()
            started = time.monotonic()
            seen.append(call_under("list_streams", endless, caller))
            return time.monotonic() - started

    assert undisturbed(seconds, 0.8 + 0.3) < 0.8 + 0.3
    for outcome, calls in seen:
        assert isinstance(outcome, TransportError | ServerError | errors.ThrottledError)
        assert calls >= 2


def replace(fault, **fields):
    """The same fault with other fields."""
    return type(fault)(**{**{name: getattr(fault, name) for name in fault.__struct_fields__}, **fields})
