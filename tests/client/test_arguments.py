"""Every method of the client refuses wrong arguments before anything is sent."""

import inspect
import pickle
import traceback
from contextlib import suppress
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path

import numpy as np
import pytest
from parameter_ids import parameter_id

from beam_dis.client import DISClient
from beam_dis.client.arguments import CHECKS, checks_arguments
from beam_dis.connection import DISConnection
from beam_dis.dump_tasks import OBSDestination
from beam_dis.errors import ConfigurationError, EncodeError, TransportError
from beam_dis.record import PutRecord

VALID = {
    "stream_name": "s",
    "app_name": "a",
    "partition_id": 0,
    "sequence_number": 7,
    "starting_sequence_number": 7,
    "target_partition_count": 2,
    "stream_id": "ID",
    "principal_names": ["d.*"],
    "principal_ids": ["d"],
    "client_id": "m",
    "action_type": "getRecords",
    "partition_cursor": "c",
    "records": [PutRecord(b"x")],
    "key": "k",
    "keys": ["k"],
    "labels": ["total_put_bytes_per_stream"],
    "update_type": "DATA_TYPE",
    "start_time": 0,
    "end_time": 60,
    "tags": {"k": "v"},
    "destination": OBSDestination(task_name="t", obs_bucket_path="lake"),
    "task_name": "t",
    "task_ids": ["t"],
}
"""A valid value of every argument that a call needs."""

HUGE = 10**5000
"""An int that has no repr."""

WRONG = {
    "str": (5, b"s", ["s"], {"s": 1}, True, 1.5, float("nan"), HUGE, object(), "\ud800"),
    "int": ("5", b"5", 1.5, 5.0, float("nan"), float("inf"), [5], True, -1, 2**63, HUGE, Decimal(5)),
    "int | str": ("x", "", b"0", 1.5, 0.0, float("nan"), [0], True, -1, HUGE, "\ud800", Decimal(0)),
    "bool": (0, 1, "yes", [], b"", 1.0),
    "Sequence[str]": (5, "d.*", b"d.*", [], [5], [None], [b"d.*"], ["\ud800"], {"d.*"}, (d for d in ["d.*"]), {"d": 1}),
    "Mapping[str, str]": (
        5,
        "k",
        [("k", "v")],
        {"k": 1},
        {1: "v"},
        {"k": None},
        {"k": b"v"},
        {"\ud800": "v"},
        {"k": "\ud800"},
    ),
    "Mapping[str, Sequence[str]]": (
        5,
        "k",
        ["k"],
        {"k": "v"},
        {"k": 1},
        {"k": None},
        {"k": [5]},
        {1: ["v"]},
        {"\ud800": []},
        {"k": ["\ud800"]},
    ),
    "wire.Destination": (
        5,
        "lake",
        {"task_name": "t", "obs_bucket_path": "lake"},
        [OBSDestination(task_name="t", obs_bucket_path="lake")],
        OBSDestination(task_name=5, obs_bucket_path="lake"),
        OBSDestination(task_name="t", obs_bucket_path=None),
        OBSDestination(task_name="t", obs_bucket_path="lake", deliver_time_interval="60"),
        OBSDestination(task_name="t", obs_bucket_path="lake", deliver_size_interval=HUGE),
        OBSDestination(task_name="t", obs_bucket_path="lake", processing_schema={"timestamp_name": 1}),
        OBSDestination(task_name="t", obs_bucket_path="lake", file_prefix=object()),
        OBSDestination(task_name="t", obs_bucket_path="lake", file_prefix="\ud800"),
    ),
    "Iterable[PutRecord]": (
        5,
        "x",
        b"x",
        {"data": b"x"},
        PutRecord(b"x"),
        ["x"],
        [b"x"],
        [None],
        HUGE,
        (r for r in ["x"]),
    ),
}
"""Wrong values by the annotation of an argument."""

METHODS = sorted(name for name in dir(DISClient) if not name.startswith("_") and name not in ("close", "connection"))


def parameters_of(method):
    return [p for p in inspect.signature(getattr(DISClient, method)).parameters.values() if p.name != "self"]


def wrong_arguments():
    """Method, argument and value for each wrong value; None is wrong for an argument whose annotation doesn't have it."""
    for method in METHODS:
        for parameter in parameters_of(method):
            kind = parameter.annotation.removesuffix(" | None")
            yield from ((method, parameter.name, value) for value in WRONG[kind])
            if kind == parameter.annotation:
                yield method, parameter.name, None


def call(client, method, **arguments):
    """Call a method, or take the first value of an iterator."""
    needed = [p.name for p in parameters_of(method) if p.default is p.empty]
    needed += ["starting_sequence_number"] * (method == "get_cursor")
    result = getattr(client, method)(**{name: VALID[name] for name in needed} | arguments)
    return next(result) if inspect.isgenerator(result) else result


@pytest.mark.parametrize(("method", "argument", "value"), [*wrong_arguments()], ids=parameter_id)
def test_a_wrong_argument_is_refused_before_anything_is_sent(method, argument, value, connect, ok):
    rig = connect(lambda _: ok())
    named = "records? .*'s'" if argument == "records" else f"^{method}: {argument}"
    kind = EncodeError if argument == "records" else (ConfigurationError, EncodeError)
    with pytest.raises(kind, match=named):
        call(rig.client, method, **{argument: value})
    assert rig.transport.sent == []


def test_valid_arguments_reach_the_service(connect, ok):
    """Otherwise a wrong one could be refused because of another argument."""
    for method in METHODS:
        rig = connect(lambda _: ok({}))
        with suppress(TransportError):  # an empty answer is an error of some operations
            call(rig.client, method)
        assert rig.transport.sent, method


NAMES = {
    "stream_name": ["", "a b", "s" * 65, "süd", "a/b"],
    "app_name": ["", "a.b", "a" * 201],
    "partition_id": ["", "shardId-", "partition 1", 10**10, "1" * 11],
    "cursor_type": ["", "EARLIEST", "latest"],
    "partition_cursor": [""],
    "key": ["", ".", ".."],
    "keys": [[]],
    "client_id": ["", ".", ".."],
    "generation_id": [-1],
    "stream_names": [[], ["a b"]],
    "stream_ids": [["a/b"]],
    "labels": [[], ["total_put_bytes"]],
    "end_time": [10_000_000_000],
}


@pytest.mark.parametrize(("argument", "value"), [(name, value) for name, values in NAMES.items() for value in values])
def test_a_name_of_a_wrong_form_is_refused_in_every_operation(argument, value, connect, ok):
    methods = [method for method in METHODS if argument in {p.name for p in parameters_of(method)}]
    assert methods
    for method in methods:
        rig = connect(lambda _: ok())
        with pytest.raises(ConfigurationError, match=f"^{method}: {argument}"):
            call(rig.client, method, **{argument: value})
        assert rig.transport.sent == []


@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        ("stream_name", "a b", r"op: stream_name='a b' is not the name or the id of a stream \(1 to 64 of"),
        ("app_name", "a.b", r"op: app_name='a.b' is not the name of an app \(1 to 200 of"),
        ("limit", 0, r"op: limit=0 \(int\) is not an int of 1 to 2147483647"),
        ("limit", True, r"op: limit=True \(bool\) is not an int of 1 to"),
        ("limit", HUGE, r"op: limit=<int> \(int\) is not an int of 1 to"),
        ("timestamp", 1.5, r"op: timestamp=1.5 \(float\) is not an int .*: give int\(time.timestamp\(\) \* 1000"),
        ("metadata", b"x", r"op: metadata=b'x' \(bytes\) is not text: decode it"),
        ("principal_names", "x", "op: principal_names='x' is not a list of texts"),
        ("principal_names", ["a", 5], r"op: principal_names\[1\]=5 \(int\) is not text"),
        ("tags", {"k": 1}, r"op: tags\['k'\]=1 \(int\) is not text"),
        ("tags", {1: "v"}, r"op: tags: key=1 \(int\) is not text"),
        ("retry_lost", "yes", "op: retry_lost='yes' is neither True nor False"),
        ("partition_id", "x", r"op: partition_id: partition 'x' is neither a number nor a partition id"),
        ("sequence_number", 2**63, rf"op: sequence_number={2**63} \(int\) is not an int of 0 to {2**63 - 1}"),
        ("metadata", ["x" * 9999], r"op: metadata=\['x+\.?… \(list\) is not text: give text$"),
        (
            "cursor_type",
            "EARLIEST",
            "is none of 'AT_SEQUENCE_NUMBER', 'AFTER_SEQUENCE_NUMBER', 'TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP'",
        ),
        ("cursor_type", "latest", r"\(did you mean 'LATEST'\?\)$"),
        ("cursor_type", "AT_TIMESTAMPS", r"\(did you mean 'AT_TIMESTAMP'\?\)$"),
        ("stream_type", "COMON", r"is none of 'COMMON', 'ADVANCED' \(did you mean 'COMMON'\?\)$"),
        ("data_type", "json", r"is none of 'BLOB', 'JSON', 'CSV' \(did you mean 'JSON'\?\)$"),
        ("data_type", "XML", "is none of 'BLOB', 'JSON', 'CSV'$"),
        ("compression_format", "gz", "is none of 'snappy', 'gzip', 'zip'"),
        ("action_type", "PutRecords", r"\(did you mean 'putRecords'\?\)$"),
        ("data_schema", "schemas/flight.avsc", r"is not JSON: give the schema as JSON text.* or the text of its file: Path\('…'\)"),
        ("data_schema", Path("flight.avsc"), r"Path\) is not JSON: give the schema as JSON text"),
        ("data_schema", {"type": "record"}, r"\(dict\) is not JSON: .*json.dumps\(schema\)"),
    ],
    ids=parameter_id,
)  # fmt: skip
def test_a_message_names_operation_argument_value_and_type(argument, value, message):
    with pytest.raises(ConfigurationError, match=message) as error:
        CHECKS[argument](f"op: {argument}", value)
    assert f"op: {argument}" in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("argument", "value"), [("metadata", "\ud800"), ("principal_names", ["\ud800"]), ("tags", {"k": "\ud800"})]
)
def test_half_a_surrogate_pair_cannot_be_encoded(argument, value):
    with pytest.raises(EncodeError, match=rf"^op: {argument}.*'\\ud800' can't be encoded as UTF-8"):
        CHECKS[argument](f"op: {argument}", value)


@pytest.mark.parametrize(
    ("arguments", "named", "message"),
    [
        ((), {}, r"get_cursor\(\) missing 1 required positional argument: 'stream_name'"),
        (("s", 0), {}, r"get_cursor\(\) takes 2 positional arguments but 3 "),
        (("s",), {"partition": 0}, r"get_cursor\(\) got an unexpected keyword argument 'partition'"),
        (
            ("s",),
            {"partition_id": 0, "stream_name": "s"},
            r"get_cursor\(\) got multiple values for argument 'stream_name'",
        ),
    ],
)
def test_python_names_the_operation_that_has_no_such_argument(arguments, named, message, connect, ok):
    with pytest.raises(TypeError, match=message):
        connect(lambda _: ok()).client.get_cursor(*arguments, **named)


@pytest.mark.parametrize("connection", ["http://127.0.0.1:7700", "", 0, {"region": "eu-de"}, DISConnection])
def test_a_client_takes_only_a_connection(connection):
    with pytest.raises(ConfigurationError, match=r"^connection=.*: give a DISConnection, such as") as error:
        DISClient(connection)
    frames = traceback.TracebackException.from_exception(error.value, capture_locals=True)
    assert "self = DISClient()" in "".join(frames.format())


def test_the_error_of_a_pickled_client_says_what_to_do(connect, ok):
    with pytest.raises(TypeError, match=r"a DISClient can't be pickled, .* such as in the setup method of a DoFn"):
        pickle.dumps(connect(lambda _: ok()).client)


def test_an_operation_cannot_have_an_argument_without_a_check():
    def operation(_self, *, unheard_of):
        return unheard_of

    with pytest.raises(KeyError, match="unheard_of"):
        checks_arguments(operation)


class Name(str, Enum):
    S = "s"


class Number(IntEnum):
    ONE = 1


def test_subclasses_of_str_and_int_are_sent_as_the_values_that_they_are(connect, ok):
    rig = connect(lambda _: ok({"total_number": 0, "stream_names": []}))
    rig.client.commit_checkpoint(Name.S, stream_name=Name.S, partition_id=Number.ONE, sequence_number=np.int64(7))
    _, _, body = rig.sent
    assert body["app_name"] == body["stream_name"] == "s"
    assert (body["partition_id"], body["sequence_number"]) == ("shardId-0000000001", "7")
    rig.client.delete_stream(Name.S)
    assert rig.sent[1] == "/v2/p1/streams/s"
    rig.client.list_streams(limit=Number.ONE)
    assert rig.sent[1] == "/v2/p1/streams?limit=1"


def test_none_is_accepted_if_the_annotation_has_it(connect, ok):
    rig = connect(lambda _: ok({"total_number": 0, "stream_names": []}))
    rig.client.list_streams(limit=None, start_stream_name=None)
    rig.client.create_stream("s", stream_type=None, auto_scale_enabled=None, tags=None, data_schema=None)
    assert rig.sent[2] == {"stream_name": "s", "partition_count": 1}


def test_an_iterator_checks_its_arguments_when_it_is_made(connect, ok):
    with pytest.raises(ConfigurationError, match=r"^iter_apps: stream_name"):
        connect(lambda _: ok()).client.iter_apps(stream_name=5)


def test_a_partition_is_a_number_or_an_id():
    check = CHECKS["partition_id"]
    assert {check("p", value) for value in (3, "3", np.int8(3), "shardId-0000000003")} == {"shardId-0000000003"}
