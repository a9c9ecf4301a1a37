"""``beam-dis api`` calls every operation of the API by its name."""

from __future__ import annotations

import json
from base64 import b64encode

import click
import pytest

from beam_dis.cli.api_requests import fields_of, names_of, request_of, route_of
from beam_dis.cli.arguments import typed
from beam_dis.cli.main import main
from beam_dis.wire.messages import Query, query_fields
from beam_dis.wire.routes import ROUTES


def test_all_operations_are_listed_without_a_dis(capsys):
    assert main(["api", "--list"]) == 0
    listed = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in listed] == list(ROUTES)
    assert main(["api", "--json", "--list"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(ROUTES)


REQUIRED = {
    "partition_id": "0",
    "partition-id": "0",
    "partition-cursor": "c",
    "app_name": "a",
    "checkpoint_type": "LAST_READ",
}


@pytest.mark.parametrize("operation", ROUTES)
def test_each_operation_takes_the_names_of_its_path(operation):
    route = ROUTES[operation]
    given = {name: value for name, value in REQUIRED.items() if name in fields_of(route)}
    given |= dict.fromkeys(names_of(route), "x")
    names, message = request_of(route, given, {})
    assert names == dict.fromkeys(names_of(route), "x")
    if isinstance(message, Query):
        assert (
            query_fields(message).items() >= {name: given[name] for name in given if name in fields_of(route)}.items()
        )
    else:
        assert (message is None) == (route.request is None)


def test_a_name_stays_in_a_body_that_has_such_a_field():
    names, body = request_of(ROUTES["update_partition_count"], {"stream_name": "s", "target_partition_count": 2}, {})
    assert (names, body) == ({"stream_name": "s"}, {"stream_name": "s", "target_partition_count": 2})
    names, body = request_of(ROUTES["delete_policy"], {"stream_name": "s", "stream_id": "i"}, {})
    assert (names, body) == ({"stream_name": "s"}, {"stream_id": "i"})


def test_parameters_have_the_types_of_their_fields():
    params = {"stream_name": "7", "partition_count": "7", "auto_scale_enabled": "true", "tags": '[{"key": "a"}]'}
    _, body = request_of(ROUTES["create_stream"], {}, params)
    assert body == {"stream_name": "7", "partition_count": 7, "auto_scale_enabled": True, "tags": [{"key": "a"}]}


def test_hyphens_of_the_wire_may_be_underscores():
    _, query = request_of(ROUTES["get_cursor"], {"stream_name": "s", "partition-id": "0"}, {"cursor_type": "LATEST"})
    assert query_fields(query) == {"stream-name": "s", "partition-id": "0", "cursor-type": "LATEST"}


def test_the_action_that_tells_operations_apart_is_added():
    assert request_of(ROUTES["stop_dump_tasks"], {}, {"stream_name": "s"})[1] == {"action": "stop"}


@pytest.mark.parametrize(
    ("operation", "given", "params", "said"),
    [
        ("describe_stream", {}, {}, "describe_stream needs stream_name: give --param stream_name"),
        ("list_apps", {"limt": 1}, {}, r"list_apps has no field 'limt' \(did you mean 'limit'\?\)"),
        ("list_apps", {"limit": "x"}, {}, "list_apps: Expected `int"),
        ("list_quotas", {"a": 1}, {}, "list_quotas has no field 'a': its fields are none"),
        ("create_stream", {}, {"partition_count": "x"}, "partition_count='x': Expected `int`"),
        ("create_stream", {}, {"partitions": "1"}, "create_stream has no field 'partitions'"),
    ],
)
def test_a_wrong_field_is_named(operation, given, params, said):
    with pytest.raises(click.UsageError, match=said):
        request_of(ROUTES[operation], given, params)


def test_an_operation_that_is_misspelt_is_corrected():
    with pytest.raises(click.UsageError, match=r"no operation 'describe_streams' \(did you mean 'describe_stream'\?\)"):
        route_of("describe_streams")


@pytest.mark.parametrize(
    ("text", "type_", "value"),
    [("5", int, 5), ("5", str, "5"), ("5", int | str, "5"), ("0.5", float | None, 0.5), ("[1]", list[int], [1])],
)
def test_text_is_a_value_of_a_type(text, type_, value):
    assert typed(text, type_) == value


@pytest.mark.integration
def test_an_answer_is_printed_as_json_or_as_its_bytes(beam_dis, make_stream):
    make_stream("s")
    found = json.loads(beam_dis("api", "describe_stream", "--param", "stream_name=s").out)
    assert found["stream_name"] == "s"
    raw = beam_dis("api", "list_streams", "--raw")
    assert (raw.status, raw.out.startswith('{"total_number":1,')) == (0, True)
    assert beam_dis("api", "create_app", '{"app_name": "a"}') == (0, "", "")


@pytest.mark.integration
def test_a_request_is_read_from_standard_input(beam_dis, make_stream):
    request = {"stream_name": make_stream("s"), "records": [{"data": b64encode(b"x").decode()}]}
    ended = beam_dis("api", "put_records", "-", input=json.dumps(request).encode())
    assert json.loads(ended.out)["records"][0]["sequence_number"] == "0"


@pytest.mark.integration
def test_a_refusal_keeps_its_code_and_wrong_json_is_refused(beam_dis):
    refused = beam_dis("api", "delete_app", "--param", "app_name=missing")
    assert (refused.status, "DIS.4332" in refused.err) == (1, True)
    for body, said in (("{", "the request is not JSON"), ("[]", "the request is not a JSON object")):
        ended = beam_dis("api", "create_app", body)
        assert (ended.status, said in ended.err) == (2, True)


@pytest.mark.integration
@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"app_name": "\xe9"}'])
def test_a_request_that_is_nested_too_deep_or_not_utf8_is_refused(beam_dis, body):
    ended = beam_dis("api", "create_app", "-", input=body)
    assert (ended.status, "the request is not JSON" in ended.err) == (2, True)


@pytest.mark.integration
def test_a_name_in_the_path_that_is_not_utf8_is_one_line(beam_dis):
    ended = beam_dis("api", "describe_stream", "--param", "stream_name=\udcff")
    assert (ended.status, ended.err.count("\n")) == (1, 1)
    assert "can't be encoded as UTF-8" in ended.err
