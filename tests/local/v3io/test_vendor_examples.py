"""The examples of the vendor's pages: the same requests get answers with the same fields, and the same errors."""

from __future__ import annotations

import base64

PUT = b"""{
    "Records": [
        {
            "ClientInfo": "MTIzNA0K",
            "Data":       "ZGF0YQ0K"
        }
    ]
}"""
STREAM = "/mycontainer/MyDirectory/MyStream/"
KEY = "e8bd4ca2-537b-4175-bf01-8c74963e90bf"


def call(v3io, path, function, body):
    return v3io(path, function, raw=body, method="POST", content_type="application/json", x_v3io_session_key=KEY)


def create(make_v3io, shards=b"1000"):
    v3io = make_v3io(access_key=KEY)
    body = b'{\n    "ShardCount": %b,\n    "RetentionPeriodHours": 1\n}' % shards
    assert call(v3io, STREAM, "CreateStream", body)[:2] == (204, b"")
    return v3io


def test_create_update_and_describe_have_the_fields_of_the_pages(make_v3io):
    v3io = create(make_v3io, b"100")
    assert call(v3io, STREAM, "UpdateStream", b'{\n    "ShardCount": 200\n}')[:2] == (204, b"")
    described = call(v3io, STREAM, "DescribeStream", b"{}")
    assert described[:2] == (200, {"ShardCount": 200, "RetentionPeriodHours": 1})


def test_put_records_answers_with_a_number_and_a_shard(make_v3io):
    answer = call(create(make_v3io), STREAM, "PutRecords", PUT)
    [record] = answer.body["Records"]
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert set(answer.body) == {"FailedRecordCount", "Records"}
    assert (answer.body["FailedRecordCount"], set(record)) == (0, {"SequenceNumber", "ShardId"})


def test_seek_answers_with_a_location_of_sixteen_bytes(make_v3io):
    answer = call(create(make_v3io), f"{STREAM}199", "Seek", b'{\n    "Type": "EARLIEST"\n}')
    assert (answer.status, set(answer.body)) == (200, {"Location"})
    assert len(base64.b64decode(answer.body["Location"])) == len(base64.b64decode("AQAAAAAAAAAAAAAAAAAAAA==")) == 16


def test_get_records_answers_with_the_fields_of_the_page(make_v3io):
    v3io = create(make_v3io, b"1")
    put = call(v3io, STREAM, "PutRecords", PUT).body["Records"][0]
    at = call(v3io, f"{STREAM}0", "Seek", b'{"Type": "TIME", "TimestampSec": 0, "TimestampNSec": 0}').body["Location"]
    page = call(v3io, f"{STREAM}0", "GetRecords", b'{"Location": "%b", "Limit": 10}' % at.encode()).body
    [record] = page.pop("Records")
    location = page.pop("NextLocation")
    assert (page, location != at) == ({"MSecBehindLatest": 0, "RecordsBehindLatest": 0}, True)
    assert record == {
        "ArrivalTimeSec": 1_700_000_000,
        "ArrivalTimeNSec": 250_000_000,
        "SequenceNumber": put["SequenceNumber"],
        "ClientInfo": "MTIzNA0K",
        "Data": "ZGF0YQ0K",
    }


def test_an_error_has_a_number_and_a_name_and_nothing_else(make_v3io):
    v3io = create(make_v3io, b"1")
    refused = {
        (400, -201326592, "InvalidArgumentException"): call(v3io, STREAM, "PutRecords", b'{"Records": 1}'),
        (400, -201326594, "ShardIDOutOfRangeException"): call(v3io, f"{STREAM}1", "Seek", b'{"Type": "LATEST"}'),
        (404, -2, "ResourceNotFoundException"): call(v3io, "/mycontainer/other/", "PutRecords", PUT),
        (400, -201326595, "InvalidShardCountException"): call(v3io, STREAM, "UpdateStream", b'{"ShardCount": 1}'),
        (409, -17, "ResourceInUseException"): call(v3io, STREAM, "CreateStream", b"{}"),
    }
    for (status, number, name), answer in refused.items():
        assert (answer.status, answer.body) == (status, {"ErrorCode": number, "ErrorMessage": name})
