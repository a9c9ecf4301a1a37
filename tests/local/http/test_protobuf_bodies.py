"""A put and a get in protobuf are answered in protobuf, and their errors in JSON."""

from __future__ import annotations

import pytest
import vendor_protobuf

PROTOBUF = [("content-type", "application/x-protobuf; charset=utf-8")]


@pytest.fixture
def app(in_process):
    made = in_process()
    made.json("POST", "/v2/p/streams", {"stream_name": "s", "partition_count": 1})
    return made


def put(app, *records, **fields):
    request = vendor_protobuf.PutRecordsRequest(streamName="s", records=records, **fields)
    return app("POST", "/v2/p/records", PROTOBUF, request.SerializeToString())


def cursor(app) -> str:
    return str(app("GET", "/v2/p/cursors?stream-name=s&partition-id=0").body["partition_cursor"])


def test_records_that_were_put_in_protobuf_are_got_in_protobuf(app):
    answer = put(app, {"data": b"\x00\xff", "partitionKey": "k"}, {"data": b"b"})
    result = vendor_protobuf.PutRecordsResult.FromString(answer.body)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/x-protobuf")
    assert [(r.shardId, r.sequenceNumber) for r in result.records] == [("shardId-0000000000", n) for n in "01"]
    got = app("GET", f"/v2/p/records?partition-cursor={cursor(app)}", PROTOBUF)
    page = vendor_protobuf.GetRecordsResult.FromString(got.body)
    assert [(r.partitionKey, r.sequenceNumber, r.data, r.timestampType) for r in page.records] == [
        ("k", "0", b"\x00\xff", "CreateTime"),
        ("", "1", b"b", "CreateTime"),
    ]
    assert page.nextShardIterator


def test_an_empty_page_is_protobuf_too(app):
    got = app("GET", f"/v2/p/records?partition-cursor={cursor(app)}", PROTOBUF)
    page = vendor_protobuf.GetRecordsResult.FromString(got.body)
    assert (got.headers["content-type"], len(page.records)) == ("application/x-protobuf", 0)
    assert page.nextShardIterator


@pytest.mark.parametrize("name", ["content-type", "accept"])
@pytest.mark.parametrize("value", ["application/x-protobuf", "application/x-protobuf;charset=utf-8"])
def test_a_get_asks_for_protobuf_by_its_type_or_by_what_it_accepts(app, name, value):
    got = app("GET", f"/v2/p/records?partition-cursor={cursor(app)}", [(name, value)])
    assert got.headers["content-type"] == "application/x-protobuf"


def test_records_put_in_json_and_in_protobuf_are_the_same(app):
    put(app, {"data": b"hi", "partitionKey": "k", "partitionId": "0"})
    record = {"data": "aGk=", "partition_key": "k", "partition_id": "0"}
    app.json("POST", "/v2/p/records", {"stream_name": "s", "records": [record]})
    first, second = app("GET", f"/v2/p/records?partition-cursor={cursor(app)}").body["records"]
    assert {**first, "sequence_number": "1", "timestamp": second["timestamp"]} == second


def test_the_code_of_a_refused_record_is_in_the_protobuf(app):
    result = vendor_protobuf.PutRecordsResult.FromString(put(app, {"data": b"x", "partitionId": "9"}).body)
    assert (result.failedRecordCount, result.records[0].errorCode) == (1, "DIS.4302")
    assert (result.records[0].shardId, result.records[0].sequenceNumber) == ("", "")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "DIS.4202"),
        (b"{}", "DIS.4300"),
        (b"\x0a\x01s", "DIS.4202"),
        (b"\x0a\x02no\x12\x03\x1a\x01x", "DIS.4301"),
        (b"\x0a\x01s\x12\x00", "DIS.4200"),
    ],
)
def test_an_error_is_json_in_protobuf_mode(app, body, code):
    answer = app("POST", "/v2/p/records", PROTOBUF, body)
    assert (answer.status, answer.body["errorCode"]) == (400, code)
    assert answer.headers["content-type"].startswith("application/json")


def test_a_wrong_cursor_is_refused_in_json_in_protobuf_mode(app):
    assert app("GET", "/v2/p/records?partition-cursor=x", PROTOBUF).body["errorCode"] == "DIS.4217"


def test_more_records_than_a_put_may_have_are_refused_with_413(app):
    answer = app("POST", "/v2/p/records", PROTOBUF, b"\x0a\x01s" + b"\x12\x00" * 10_001)
    assert (answer.status, answer.body["errorCode"]) == (413, "DIS.4200")


def test_other_operations_are_json_whatever_their_type(app):
    answer = app("GET", "/v2/p/streams", PROTOBUF)
    assert answer.body["stream_names"] == ["s"]
