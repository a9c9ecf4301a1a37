"""Answers that aren't V3IO's, or are to another request: errors that name the endpoint, never a crash or an empty result."""

import json

import pytest

from beam_dis.client.transport import Response
from beam_dis.errors import TransportError
from beam_dis.record import PutRecord

RECORD = {"SequenceNumber": 5, "ArrivalTimeSec": 1, "ArrivalTimeNSec": 0, "Data": "eA=="}
PAGE = {"NextLocation": "l", "MSecBehindLatest": 0, "RecordsBehindLatest": 0, "Records": [RECORD]}
RESULT = {"SequenceNumber": 5, "ShardId": 0}
NO_JSON = [b"", b"<html>", b"[]", b"{}", b"null", b"\xff\xff", b"[" * 10_000, b'{"a": 1}']


def record(**fields):
    return json.dumps({**PAGE, "Records": [{**RECORD, **fields}]}).encode()


def page(**fields):
    return json.dumps({**PAGE, **fields}).encode()


def two(first, second):
    return page(Records=[{**RECORD, "SequenceNumber": first}, {**RECORD, "SequenceNumber": second}])


def results(*results):
    return json.dumps({"FailedRecordCount": 0, "Records": results}).encode()


def description(shards, hours=24):
    return json.dumps({"ShardCount": shards, "RetentionPeriodHours": hours}).encode()


PAGES = [
    *NO_JSON,
    record(Data="not base64!"),
    record(Data=7),
    record(SequenceNumber="5"),
    record(SequenceNumber=2**63),
    record(SequenceNumber=10**400),
    record(SequenceNumber=-1),
    record(ArrivalTimeSec=10**30),
    record(ArrivalTimeNSec=10**9),
    record(ArrivalTimeNSec=-1),
    record(PartitionKey=["k"]),
    page(RecordsBehindLatest=-1),
    page(MSecBehindLatest=-1),
    page(NextLocation=None),
    page(NextLocation=""),
    page(Records=None),
    page(Records=[[]]),
    two(6, 5),
    two(5, 5),
]
RESULTS = [
    *NO_JSON,
    results(),
    results(RESULT, RESULT),
    results({}),
    results({"SequenceNumber": 5}),
    results({"SequenceNumber": -5, "ShardId": 0}),
    results({"SequenceNumber": 5, "ShardId": 10**12}),
    results({"SequenceNumber": "5", "ShardId": 0}),
]
CASES = [
    *[(lambda client: client.get_records("a/b", 0, "0-0"), body) for body in PAGES],
    *[(lambda client: client.put_records("a/b", [PutRecord(b"x")]), body) for body in RESULTS],
    *[(lambda client: client.seek("a/b", 0), body) for body in [*NO_JSON, b'{"Location": 7}']],
    *[
        (lambda client: client.describe_stream("a/b"), body)
        for body in [
            *NO_JSON,
            description(0),
            description(-1),
            description(10**9),
            description("3"),
            description(3, -1),
        ]
    ],
]


@pytest.mark.parametrize(("call", "body"), CASES)
def test_an_answer_that_is_not_the_functions_counts_as_none(call, body, connect, v3io):
    v3io.answers = [Response(200, {"content-type": "text/html"}, body)] * 60
    with pytest.raises(TransportError, match=r"https://v3io\.example answered") as raised:
        call(connect(deadline=0.5))
    assert raised.value.maybe_done
    assert v3io.renewals >= 1


def test_a_listing_of_objects_that_is_not_one_deletes_nothing(connect, v3io):
    v3io.answers = [None, *[Response(200, {}, b"<html><Key>a/b/0</Key></html>")] * 60]
    with pytest.raises(TransportError, match="is not an answer of V3IO"):
        connect(deadline=0.5).delete_stream("a/b")
    assert "DELETE" not in v3io.functions


def test_only_keys_inside_the_stream_are_deleted(connect, v3io):
    keys = "".join(f"<Key>{key}</Key>" for key in ("a/b/0", "a/c/0", "a/b/", "z", "a/b/1&amp;2"))
    v3io.answers = [None, Response(200, {}, f"<ListBucketResult>{keys}</ListBucketResult>".encode())]
    connect().delete_stream("a/b")
    deleted = [request.target for request in v3io.sent if request.method == "DELETE"]
    assert deleted == ["/c/a/b/0", "/c/a/b/1%262", "/c/a/b/"]
