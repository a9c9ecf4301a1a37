"""Every method of the client refuses wrong arguments before anything is sent."""

import inspect
from contextlib import suppress

import pytest

from beam_dis.client import DISClient
from beam_dis.client.arguments import Arguments
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
    "action_type": "getRecords",
    "partition_cursor": "c",
    "records": [PutRecord(b"x")],
}
"""A valid value of every argument that a call needs."""

WRONG = {
    "str": (5, b"s", ["s"], {"s": 1}, True),
    "int": ("5", b"5", 1.5, [5], True, -1),
    "int | str": ("x", b"0", 1.5, [0], True, -1),
    "bool": (0, 1, "yes", []),
    "Sequence[str]": (5, "d.*", b"d.*", [5], [None], {"d.*"}),
    "Mapping[str, str]": (5, "k", [("k", "v")], {"k": 1}, {1: "v"}),
    "Iterable[PutRecord]": (5, "x", b"x", {"data": b"x"}, PutRecord(b"x"), ["x"], [b"x"], [None]),
}
"""Wrong values by the annotation of an argument."""

METHODS = sorted(name for name in dir(DISClient) if not name.startswith("_") and name not in ("close", "connection"))
CALLED_BY = {"iter_apps": "list_apps", "iter_consumer_states": "consumer_state"}
"""The iterators that leave the checks to the operation that they call, with its first page."""


def parameters_of(method):
    return [p for p in inspect.signature(getattr(DISClient, method)).parameters.values() if p.name != "self"]


def wrong_arguments():
    """Method, argument and value for each wrong value; None is wrong for an argument whose annotation doesn't have it."""
    for method in METHODS:
        for parameter in parameters_of(method):
            kind = parameter.annotation.removesuffix(" | None")
            yield from ((method, parameter.name, value) for value in WRONG[kind])
            if kind == parameter.annotation and kind != "bool":
                yield method, parameter.name, None


def call(client, method, **arguments):
    """Call a method, or take the first value of an iterator."""
    needed = [p.name for p in parameters_of(method) if p.default is p.empty]
    needed += ["starting_sequence_number"] * (method == "get_cursor")
    result = getattr(client, method)(**{name: VALID[name] for name in needed} | arguments)
    return next(result) if inspect.isgenerator(result) else result


@pytest.mark.parametrize(("method", "argument", "value"), [*wrong_arguments()])
def test_a_wrong_argument_is_refused_before_anything_is_sent(method, argument, value, connect, ok):
    rig = connect(lambda _: ok())
    named = "records? .*'s'" if argument == "records" else f"^{CALLED_BY.get(method, method)}: {argument}"
    with pytest.raises(EncodeError if argument == "records" else ConfigurationError, match=named):
        call(rig.client, method, **{argument: value})
    assert rig.transport.sent == []


def test_valid_arguments_reach_the_service(connect, ok):
    """Otherwise a wrong one could be refused because of another argument."""
    for method in METHODS:
        rig = connect(lambda _: ok({}))
        with suppress(TransportError):  # an empty answer is an error of some operations
            call(rig.client, method)
        assert rig.transport.sent, method


@pytest.mark.parametrize(
    ("check", "arguments", "message"),
    [
        ("required", {"stream_name": None}, "op: stream_name=None is missing"),
        (
            "streams",
            {"stream_name": "a b"},
            r"op: stream_name='a b' is not the name or the id of a stream \(1 to 64 of",
        ),
        ("apps", {"app_name": "a.b"}, r"op: app_name='a.b' is not the name of an app \(1 to 200 of"),
        ("numbers", {"limit": 0}, "op: limit=0 is not an int of 1 or more"),
        (
            "milliseconds",
            {"timestamp": 1.5},
            r"op: timestamp=1.5 is not an int .*: give int\(time.timestamp\(\) \* 1000",
        ),
        ("texts", {"metadata": b"x"}, "op: metadata=b'x' is not text"),
        ("lists", {"names": "x"}, "op: names='x' is not a list of texts"),
        ("maps", {"tags": {"k": 1}}, "op: tags={'k': 1} is not a map of text to text"),
        ("flags", {"retry_lost": "yes"}, "op: retry_lost='yes' is neither True nor False"),
    ],
)
def test_a_message_names_operation_argument_and_value(check, arguments, message):
    with pytest.raises(ConfigurationError, match=f"^{message}"):
        getattr(Arguments("op"), check)(**arguments)


@pytest.mark.parametrize("check", ["streams", "apps", "numbers", "milliseconds", "texts", "maps", "flags"])
def test_none_is_accepted_if_it_is_not_required(check):
    getattr(Arguments("op"), check)(value=None)


def test_a_partition_is_a_number_or_an_id():
    check = Arguments("op")
    assert {check.partition("p", value) for value in (3, "3", "shardId-0000000003")} == {"shardId-0000000003"}
    with pytest.raises(ConfigurationError, match=r"^op: p: partition 'x' is neither a number nor a partition id"):
        check.partition("p", "x")


def test_a_sequence_number_becomes_text():
    assert Arguments("op").sequence_number("n", 2**63 - 1) == "9223372036854775807"
    with pytest.raises(ConfigurationError, match=f"^op: n={2**63} is not an int of 0 to {2**63 - 1}"):
        Arguments("op").sequence_number("n", 2**63)
