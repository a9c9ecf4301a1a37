"""Whatever a client sends, it gets an answer of the protocol, and the server goes on."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beam_dis.v3io.messages import ERRORS, FUNCTIONS

NAMES = {"Records", "Data", "ShardId", "PartitionKey", "ClientInfo", "Type", "Location", "Limit", "StreamName"}
FIELDS = st.sampled_from(sorted(NAMES | {"ShardCount", "TimestampSec", "TimestampNSec", "StartingSequenceNumber"}))
PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from(["TIME", "SEQUENCE", "LATEST", "EARLIEST", "AAAA", "AQAAAAAAAAAAAAAAAAAAAA=="])
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4), max_leaves=8
)
BODIES = st.binary(max_size=50) | VALUES.map(lambda value: json.dumps(value).encode())
PATHS = st.sampled_from(
    ["/c/s/", "/c/s/0/", "/c/s", "/c/", "/c", "/", "//c//s//1", "/c/%", "/c/%00", "/c/%FF", "/c/s/9"]
)
METHODS = st.sampled_from(["PUT", "POST", "GET", "DELETE", "HEAD", "PATCH"])
FUNCTION_NAMES = st.sampled_from([*FUNCTIONS, "GetItem", "", "\u00ff"])
SURROGATES = b'{"Records": [{"Data": "YQ==", "ShardId": 0, "PartitionKey": "\\ud800"}]}'


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=METHODS, path=PATHS, function=FUNCTION_NAMES, body=BODIES)
def test_garbage_gets_an_answer_of_the_protocol(v3io, method, path, function, body):
    answer = v3io(path, function, raw=body, method=method)
    assert answer.status in {200, 204, 400, 404, 409}
    if answer.status >= 400:
        error = ERRORS[answer.body["ErrorMessage"]]
        assert answer.body == {"ErrorCode": error.number, "ErrorMessage": answer.body["ErrorMessage"]}
        assert answer.status == error.status
        assert answer.headers["x-error-detail"].isprintable()


@pytest.mark.parametrize("query", ["prefix=%FF", "prefix=s%2F&prefix=x", "=&&=", "prefix=%00", "\u00e9"])
def test_a_garbled_query_gets_an_answer(v3io, query):
    assert v3io(f"/c?{query}", method="GET").status in {200, 404}


def test_a_key_of_half_a_character_does_not_stop_the_shard(v3io):
    assert v3io("/c/s/", "PutRecords", raw=SURROGATES).status in {200, 400}
    v3io.put(b"after")
    assert v3io.page(v3io.location())["Records"][-1]["Data"] == "YWZ0ZXI="


def test_a_failing_disk_is_answered_with_an_error_of_the_server(v3io, monkeypatch):
    v3io.store.close()
    answer = v3io("/c/s/", "PutRecords", {"Records": [{"Data": ""}]})
    assert (answer.status, answer.body) == (500, {"ErrorCode": -5, "ErrorMessage": "Input/output error"})
    assert answer.headers["x-error-detail"] == "the store is closed: open it again"


def test_a_failure_of_the_program_is_logged_and_answered(v3io, monkeypatch, logged):
    monkeypatch.setattr(type(v3io.store), "stream", None)
    assert v3io("/c/s/", "DescribeStream").status == 500
    monkeypatch.undo()
    assert v3io("/c/s/", "DescribeStream").status == 200
    assert logged("local.v3io") == ["PUT /c/s/ failed"]
