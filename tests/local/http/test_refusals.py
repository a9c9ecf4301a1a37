"""Every documented refusal, in a table of the request and the code that answers it."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.integration

STREAM: dict[str, Any] = {"stream_name": "new", "partition_count": 1}
RECORD = {"data": "aGk=", "partition_key": "k"}
COMMIT = {
    "app_name": "a",
    "checkpoint_type": "LAST_READ",
    "stream_name": "s",
    "partition_id": "0",
    "sequence_number": "7",
}
AT = {"stream-name": "s", "partition-id": "0"}
CHECKPOINT = {"app_name": "a", "checkpoint_type": "LAST_READ", "stream_name": "s", "partition_id": "0"}

BODIES = [
    ("no body", "POST", "/streams", b"", 4202),
    ("not JSON", "POST", "/streams", b"{stream", 4300),
    ("not UTF-8", "POST", "/streams", b'{"stream_name":"\xff"}', 4300),
    ("not an object", "POST", "/streams", b"[1]", 4300),
    ("deep nesting", "POST", "/streams", b'{"x":' + b"[" * 100_000, 4300),
    ("bad base64", "POST", "/records", b'{"stream_name":"s","records":[{"data":"***"}]}', 4300),
    ("data not text", "POST", "/records", b'{"stream_name":"s","records":[{"data":5}]}', 4300),
    ("no records", "POST", "/records", b'{"stream_name":"s"}', 4202),
    ("null records", "POST", "/records", b'{"stream_name":"s","records":null}', 4202),
    ("empty records", "POST", "/records", b'{"stream_name":"s","records":[]}', 4202),
    ("no data", "POST", "/records", b'{"stream_name":"s","records":[{"partition_key":"k"}]}', 4200),
    ("null data", "POST", "/records", b'{"stream_name":"s","records":[{"data":null}]}', 4200),
    ("no stream named", "POST", "/records", b'{"records":[{"data":"aGk="}]}', 4200),
]

FIELDS = [
    ("name too long", "POST", "/streams", {**STREAM, "stream_name": "x" * 65}, 4200),
    ("name with a dot", "POST", "/streams", {**STREAM, "stream_name": "a.b"}, 4200),
    ("no name", "POST", "/streams", {"partition_count": 1}, 4200),
    ("no partitions", "POST", "/streams", {**STREAM, "partition_count": 0}, 4200),
    ("count not a number", "POST", "/streams", {**STREAM, "partition_count": "two"}, 4300),
    ("unknown type", "POST", "/streams", {**STREAM, "stream_type": "BIG"}, 4200),
    ("unknown data type", "POST", "/streams", {**STREAM, "data_type": "XML"}, 4200),
    ("short retention", "POST", "/streams", {**STREAM, "data_duration": 23}, 4200),
    ("long retention", "POST", "/streams", {**STREAM, "data_duration": 169}, 4200),
    ("unknown compression", "POST", "/streams", {**STREAM, "compression_format": "xz"}, 4200),
    ("scale without bounds", "POST", "/streams", {**STREAM, "auto_scale_enabled": True}, 4200),
    ("schema not Avro", "POST", "/streams", {**STREAM, "data_schema": "{}"}, 4360),
    ("eleven tags", "POST", "/streams", {**STREAM, "tags": [{"key": f"k{n}"} for n in range(11)]}, 4601),
    ("bad tag", "POST", "/streams", {**STREAM, "tags": [{"key": "a b"}]}, 4200),
    ("stream exists", "POST", "/streams", {**STREAM, "stream_name": "s"}, 4307),
    ("too many partitions", "POST", "/streams", {**STREAM, "partition_count": 51}, 4308),
    ("too many advanced", "POST", "/streams", {**STREAM, "partition_count": 11, "stream_type": "ADVANCED"}, 4308),
    ("scale missing stream", "PUT", "/streams/no", {"target_partition_count": 2}, 4301),
    ("scale to nothing", "PUT", "/streams/s", {"target_partition_count": 0}, 4200),
    ("scale without target", "PUT", "/streams/s", {}, 4200),
    ("scale beyond quota", "PUT", "/streams/s", {"target_partition_count": 51}, 4308),
    (
        "policy of another id",
        "POST",
        "/streams/s/policies",
        {"stream_id": "x", "principal_name": "d.*", "action_type": "putRecords"},
        4301,
    ),
    (
        "policy of an unknown action",
        "POST",
        "/streams/s/policies",
        {"stream_id": "x", "principal_name": "d.*", "action_type": "fly"},
        4200,
    ),
    ("app name too long", "POST", "/apps", {"app_name": "x" * 201}, 4200),
    ("app name with a blank", "POST", "/apps", {"app_name": "a b"}, 4200),
    ("app exists", "POST", "/apps", {"app_name": "a"}, 4330),
    ("commit of an unknown type", "POST", "/checkpoints", {**COMMIT, "checkpoint_type": "FIRST"}, 4200),
    ("commit without a number", "POST", "/checkpoints", {**COMMIT, "sequence_number": None}, 4200),
    ("commit of no number", "POST", "/checkpoints", {**COMMIT, "sequence_number": "-1"}, 4216),
    ("commit of a huge number", "POST", "/checkpoints", {**COMMIT, "sequence_number": str(2**63)}, 4216),
    ("commit of much metadata", "POST", "/checkpoints", {**COMMIT, "metadata": "m" * 1001}, 4200),
    ("commit in no stream", "POST", "/checkpoints", {**COMMIT, "stream_name": "no"}, 4301),
    ("commit by no app", "POST", "/checkpoints", {**COMMIT, "app_name": "no"}, 4332),
    ("commit in no partition", "POST", "/checkpoints", {**COMMIT, "partition_id": "1"}, 4302),
    ("commit in a misnamed partition", "POST", "/checkpoints", {**COMMIT, "partition_id": "x"}, 4201),
    ("put to no stream", "POST", "/records", {"stream_name": "no", "records": [RECORD]}, 4301),
]

QUERIES = [
    ("limit 0", "GET", "/streams", {"limit": 0}, 4200),
    ("limit 101", "GET", "/streams", {"limit": 101}, 4200),
    ("limit not a number", "GET", "/streams", {"limit": "x"}, 4200),
    ("describe missing", "GET", "/streams/no", {}, 4301),
    ("describe from a misnamed partition", "GET", "/streams/s", {"start_partitionId": "x"}, 4201),
    ("describe limit", "GET", "/streams/s", {"limit_partitions": 1001}, 4200),
    ("delete missing stream", "DELETE", "/streams/no", {}, 4301),
    ("policies of no stream", "GET", "/streams/no/policies", {}, 4301),
    ("app limit", "GET", "/apps", {"limit": 101}, 4200),
    ("apps of no stream", "GET", "/apps", {"stream_name": "no"}, 4301),
    ("describe no app", "GET", "/apps/no", {}, 4332),
    ("delete no app", "DELETE", "/apps/no", {}, 4332),
    ("state without a type", "GET", "/apps/a/streams/s", {}, 4200),
    ("state of no app", "GET", "/apps/no/streams/s", {"checkpoint_type": "LAST_READ"}, 4332),
    ("state in no stream", "GET", "/apps/a/streams/no", {"checkpoint_type": "LAST_READ"}, 4301),
    (
        "checkpoint without a partition",
        "GET",
        "/checkpoints",
        {k: v for k, v in CHECKPOINT.items() if k != "partition_id"},
        4200,
    ),
    ("checkpoint of an unknown type", "GET", "/checkpoints", {**CHECKPOINT, "checkpoint_type": "FIRST"}, 4200),
    ("checkpoint of no app", "GET", "/checkpoints", {**CHECKPOINT, "app_name": "no"}, 4332),
    ("checkpoint in no stream", "GET", "/checkpoints", {**CHECKPOINT, "stream_name": "no"}, 4301),
    ("checkpoint in no partition", "GET", "/checkpoints", {**CHECKPOINT, "partition_id": "9"}, 4302),
    ("delete without a checkpoint", "DELETE", "/checkpoints", CHECKPOINT, 4375),
    ("delete by no app", "DELETE", "/checkpoints", {**CHECKPOINT, "app_name": "no"}, 4332),
    ("cursor in no stream", "GET", "/cursors", {**AT, "stream-name": "no", "cursor-type": "LATEST"}, 4301),
    ("cursor without a stream", "GET", "/cursors", {"partition-id": "0", "cursor-type": "LATEST"}, 4200),
    ("cursor without a partition", "GET", "/cursors", {"stream-name": "s"}, 4200),
    ("cursor in no partition", "GET", "/cursors", {**AT, "partition-id": "1", "cursor-type": "LATEST"}, 4302),
    ("cursor in a misnamed partition", "GET", "/cursors", {**AT, "partition-id": "shard-0"}, 4201),
    ("cursor of an unknown type", "GET", "/cursors", {**AT, "cursor-type": "MIDDLE"}, 4215),
    ("cursor without a number", "GET", "/cursors", {**AT, "cursor-type": "AT_SEQUENCE_NUMBER"}, 4216),
    ("cursor at no number", "GET", "/cursors", {**AT, "starting-sequence-number": "one"}, 4216),
    ("cursor after the end", "GET", "/cursors", {**AT, "starting-sequence-number": "1"}, 4224),
    ("cursor without a time", "GET", "/cursors", {**AT, "cursor-type": "AT_TIMESTAMP"}, 4200),
    ("cursor at no time", "GET", "/cursors", {**AT, "cursor-type": "AT_TIMESTAMP", "timestamp": "noon"}, 4200),
    ("get without a cursor", "GET", "/records", {}, 4200),
    ("get at garbage", "GET", "/records", {"partition-cursor": "garbage"}, 4217),
    ("get at base64 of garbage", "GET", "/records", {"partition-cursor": "eyJhIjoxfQ"}, 4217),
    ("get at an endless cursor", "GET", "/records", {"partition-cursor": "e" * 513}, 4217),
]


@pytest.fixture
def asked(api):
    """A project with a stream ``s`` of one empty partition and an app ``a``."""
    api.stream("s")
    assert api("POST", "/apps", {"app_name": "a"}).status == 201
    return api


def _ids(row):
    return row[0] if isinstance(row, tuple) else None


@pytest.mark.parametrize("row", BODIES, ids=_ids)
def test_a_body_that_is_no_message_is_refused(asked, row):
    _, method, path, raw, code = row
    assert asked(method, path, raw=raw)[:2] == (400, f"DIS.{code}")


@pytest.mark.parametrize("row", FIELDS, ids=_ids)
def test_a_message_that_breaks_a_rule_is_refused(asked, row):
    _, method, path, body, code = row
    assert asked(method, path, body)[:2] == (400, f"DIS.{code}")


@pytest.mark.parametrize("row", QUERIES, ids=_ids)
def test_a_query_that_breaks_a_rule_is_refused(asked, row):
    _, method, path, query, code = row
    assert asked(method, path, **query)[:2] == (400, f"DIS.{code}")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("PATCH", "/streams", 405), ("DELETE", "/records", 405), ("PUT", "/apps/", 405)],
)
def test_an_unknown_route_is_refused_with_the_code_of_the_gateway(api, method, path, status):
    assert api(method, path)[:2] == (status, "APIG.0101")


def test_an_error_has_code_and_text_under_every_name_that_clients_read(api):
    body = api("GET", "/streams/no").body
    text = f"Stream does not exist. [no][{api.root.rpartition('/')[2]}]"
    assert body == {"errorCode": "DIS.4301", "message": text, "error_code": "DIS.4301", "error_msg": text}


def test_a_number_out_of_range_is_named_in_the_text_that_clients_parse(asked):
    asked.put(RECORD, RECORD)
    body = asked("GET", "/cursors", **AT, **{"starting-sequence-number": "5280"}).body
    assert body["message"] == "Sequence_number out of range. [5280][ should be within ][0][ ][2]"
