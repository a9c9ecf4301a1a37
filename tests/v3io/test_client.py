"""The functions of V3IO as requests, and the errors of its answers."""

import json
import pickle
from traceback import TracebackException

import pytest

from beam_dis import errors
from beam_dis.client.transport import Response
from beam_dis.credentials import Credentials, Token
from beam_dis.errors import ConfigurationError, CredentialsError, DISError, EncodeError, ServiceError, TransportError
from beam_dis.record import PutRecord
from beam_dis.request_counts import RequestCounts
from beam_dis.v3io.client import V3IOClient
from beam_dis.v3io.messages import ERRORS, RecordResult

KEYS = ["old-key", "new-key"]


def next_key():
    """Returns another access key at each call."""
    return Token(value=KEYS.pop(0))


def sent(v3io):
    """The last request: function, method and target, body as JSON."""
    request = v3io.sent[-1]
    return (
        request.headers["x-v3io-function"],
        f"{request.method} {request.target}",
        json.loads(request.body),
    )


def test_a_stream_is_created(client, v3io):
    client.create_stream("new/stream", shard_count=3, retention_hours=48)
    assert sent(v3io) == (
        "CreateStream",
        "POST /c/new/stream/",
        {"ShardCount": 3, "RetentionPeriodHours": 48},
    )
    assert client.describe_stream("new/stream").shard_count == 3


def test_a_stream_gets_more_shards(client, v3io):
    client.update_stream("a/b", shard_count=2)
    assert sent(v3io) == ("UpdateStream", "POST /c/a/b/", {"ShardCount": 2})
    with pytest.raises(errors.InvalidRequestError, match="give more shards than the stream has"):
        client.update_stream("a/b", shard_count=2)


def test_records_are_put_with_their_key_shard_and_information(client, v3io):
    results = client.put_records(
        "a/b", [PutRecord(b"\x00", "key", partition_id=0, client_info=b"info"), PutRecord(b"y", partition_id=7)]
    )
    assert sent(v3io)[2]["Records"] == [
        {"Data": "AA==", "PartitionKey": "key", "ShardId": 0, "ClientInfo": "aW5mbw=="},
        {"Data": "eQ==", "ShardId": 7},
    ]
    assert results.failed_record_count == 1
    assert results.records == [
        RecordResult(sequence_number=5, shard_id=0),
        RecordResult(error_code=-201326594, error_message="ShardIDOutOfRangeException"),
    ]


def test_records_are_read_from_a_location_on(client, v3io):
    client.put_records("a/b", [PutRecord(b"x", "key", client_info=b"i")] * 3)
    location = client.seek("a/b", 0)
    assert sent(v3io)[:2] == ("Seek", "POST /c/a/b/0/")
    page = client.get_records("a/b", 0, location, limit=2)
    assert sent(v3io) == ("GetRecords", "POST /c/a/b/0/", {"Location": location, "Limit": 2})
    assert [(r.sequence_number, r.data, r.partition_key, r.client_info) for r in page.records] == [
        (5, b"x", "key", b"i"),
        (8, b"x", "key", b"i"),
    ]
    assert page.records_behind_latest == 1
    assert [r.sequence_number for r in client.get_records("a/b", 0, page.next_location).records] == [11]


def test_a_time_is_sought_in_seconds_and_nanoseconds(client, v3io):
    client.seek("a/b", 0, "TIME", nanoseconds=5_000_000_007)
    assert sent(v3io)[2] == {"Type": "TIME", "TimestampSec": 5, "TimestampNSec": 7}


def test_a_number_is_sought(client, v3io):
    client.put_records("a/b", [PutRecord(b"x")])
    client.seek("a/b", 0, "SEQUENCE", sequence_number=5)
    assert sent(v3io)[2] == {"Type": "SEQUENCE", "StartingSequenceNumber": 5}


def test_a_stream_is_deleted_with_its_shards_as_official_clients_do(connect, v3io):
    client = connect()
    client.update_stream("a/b", shard_count=2)
    client.delete_stream("a/b")
    assert [(request.method, request.target) for request in v3io.sent[2:]] == [
        ("GET", "/c?prefix=a%2Fb%2F"),
        ("DELETE", "/c/a/b/0"),
        ("DELETE", "/c/a/b/1"),
        ("DELETE", "/c/a/b/"),
    ]
    assert v3io.streams == {}


def test_a_path_that_is_no_stream_is_not_deleted(client, v3io):
    with pytest.raises(errors.StreamNotFoundError):
        client.delete_stream("a")
    assert v3io.functions == ["DescribeStream"]


def test_paths_are_percent_encoded(client, v3io):
    client.create_stream("a b/ä%?#")
    assert v3io.sent[-1].target == "/c/a%20b/%C3%A4%25%3F%23/"


@pytest.mark.parametrize("path", ["", "/", "a//b", "a/../b", ".", "a/\n", 7, None])
def test_a_path_that_is_not_that_of_a_stream_is_refused_before_sending(path, client, v3io):
    with pytest.raises(ConfigurationError, match="path"):
        client.describe_stream(path)
    assert v3io.sent == []


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.create_stream("s", shard_count=0),
        lambda client: client.create_stream("s", retention_hours=True),
        lambda client: client.update_stream("s", shard_count="2"),
        lambda client: client.seek("s", -1),
        lambda client: client.seek("s", 0, "SEQUENCE"),
        lambda client: client.seek("s", 0, "TIME", nanoseconds=-1),
        lambda client: client.get_records("s", 0, "x", limit=0),
    ],
)
def test_a_number_that_cannot_be_is_refused_before_sending(call, client, v3io):
    with pytest.raises(ConfigurationError, match="give a number"):
        call(client)
    assert v3io.sent == []


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "no records to put into stream 'a/b': give at least one"),
        (PutRecord(b"x"), "records for stream 'a/b': give a list of PutRecord"),
        ([b"x"], r"record 0 for stream 'a/b': it is b'x' \(bytes\): give PutRecord"),
        ([PutRecord(b"x"), PutRecord("text")], "record 1 for stream 'a/b': data='text' is of type str, not bytes"),
        ([PutRecord(b"x", "\ud800")], "record 0 for stream 'a/b': partition_key=.* can't be encoded"),
        ([PutRecord(b"x", explicit_hash_key=7)], "explicit_hash_key=7: V3IO streams have no hash ranges"),
        ([PutRecord(b"x", timestamp=7)], "timestamp=7: V3IO stores the time of arrival alone"),
        ([PutRecord(b"x", client_info="csv")], "client_info='csv' is of type str, not bytes"),
        ([PutRecord(b"x", partition_id="shard 1")], "partition 'shard 1' .*is neither a number nor a partition id"),
    ],
)
def test_records_that_cannot_be_sent_are_refused_before_sending(records, message, client, v3io):
    with pytest.raises(EncodeError, match=message):
        client.put_records("a/b", records)
    assert v3io.sent == []


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_the_class_of_its_name(name, client, v3io):
    row = ERRORS[name]
    v3io.answers = [v3io.refused(name, row.number, row.status)]
    with pytest.raises(ServiceError) as raised:
        client.describe_stream("a/b")
    assert type(raised.value).__name__ == row.error
    assert (raised.value.code, raised.value.status) == (f"V3IO.{name}", row.status)
    text = str(raised.value)
    assert text.startswith("describe_stream (container 'c', stream 'a/b'): ")
    assert row.advice in text


@pytest.mark.parametrize(
    ("name", "status", "kind", "code"),
    [
        ("No such file or directory", 404, "StreamNotFoundError", "V3IO.No such file or directory"),
        ("Operation not permitted", 403, "AccessDeniedError", "V3IO.Operation not permitted"),
        ("SomethingNew", 404, "StreamNotFoundError", "V3IO.OtherError"),
        ("SomethingNew", 400, "InvalidRequestError", "V3IO.OtherError"),
        ("SomethingNew", 401, "AuthenticationError", "V3IO.OtherError"),
        ("SomethingNew", 429, "ThrottledError", "V3IO.OtherError"),
        ("SomethingNew", 503, "ThrottledError", "V3IO.OtherError"),
        ("SomethingNew", 500, "ServerError", "V3IO.OtherError"),
    ],
)
def test_an_error_of_another_name_goes_by_its_status(name, status, kind, code, connect, v3io):
    v3io.answers = [v3io.refused(name, -1, status)] * 50
    with pytest.raises(ServiceError, match=name) as raised:
        connect(deadline=1.0).describe_stream("a/b")
    assert (type(raised.value).__name__, raised.value.code) == (kind, code)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"ErrorMessage": 1}', b"\xff", b"[" * 10_000])
@pytest.mark.parametrize("status", [302, 400, 403, 404, 502])
def test_an_error_that_is_not_that_of_a_v3io_has_no_code(status, body, connect, v3io):
    v3io.answers = [Response(status, {}, body)] * 50
    with pytest.raises(ServiceError, match=r"check that https://v3io\.example is a V3IO") as raised:
        connect(deadline=1.0).describe_stream("a/b")
    assert raised.value.code == ""
    assert not isinstance(raised.value, errors.StreamNotFoundError)


def test_a_put_whose_answer_is_lost_is_not_sent_again(client, v3io):
    v3io.answers = [TransportError("cut", maybe_done=True)]
    with pytest.raises(TransportError) as raised:
        client.put_records("a/b", [PutRecord(b"x")])
    assert raised.value.maybe_done
    assert v3io.functions == ["PutRecords"]


def test_reading_is_repeated_after_a_lost_answer(client, v3io):
    v3io.answers = [TransportError("cut", maybe_done=True), Response(502)]
    assert client.describe_stream("a/b").shard_count == 1
    assert len(v3io.sent) == 3


def test_requests_are_counted_by_what_they_do(client, v3io):
    counts = RequestCounts()
    with counts.counting():
        client.put_records("a/b", [PutRecord(b"x")])
        client.describe_stream("a/b")
        client.get_records("a/b", 0, client.seek("a/b", 0))
    assert {word: len(millis) for word, millis in counts.take().millis.items()} == {
        "put": 1,
        "list": 1,
        "read": 1,
        "other": 1,
    }


# the access key


def test_the_key_is_sent_with_each_request(client, v3io):
    client.describe_stream("a/b")
    assert v3io.sent[-1].headers["x-v3io-session-key"] == "the-key"


def test_the_key_of_the_environment_is_sent(connect, v3io, monkeypatch):
    monkeypatch.setenv("V3IO_ACCESS_KEY", "of-the-environment")
    connect(credentials=None).describe_stream("a/b")
    assert v3io.sent[-1].headers["x-v3io-session-key"] == "of-the-environment"


def test_without_a_key_nothing_is_sent_over_https(connect, v3io, monkeypatch):
    monkeypatch.delenv("V3IO_ACCESS_KEY", raising=False)
    with pytest.raises(CredentialsError, match=r"no access key for https://v3io.example.*V3IO_ACCESS_KEY"):
        connect(credentials=None).describe_stream("a/b")
    assert v3io.sent == []


def test_a_service_in_plain_http_needs_no_key(connect, v3io, monkeypatch):
    monkeypatch.delenv("V3IO_ACCESS_KEY", raising=False)
    connect(credentials=None, endpoint="http://v3io:8081").describe_stream("a/b")
    assert "x-v3io-session-key" not in v3io.sent[-1].headers


def test_a_key_is_sent_in_plain_http_only_within_a_network_of_ones_own(connect, v3io):
    with pytest.raises(CredentialsError, match=r"can't be sent to http://v3io\.example:8081 in plain http"):
        connect(endpoint="http://v3io.example:8081").describe_stream("a/b")
    assert v3io.sent == []
    connect(endpoint="http://v3io-webapi:8081").describe_stream("a/b")


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_was_refused_is_looked_up_again(status, connect, v3io):
    KEYS[:] = ["old-key", "new-key"]
    v3io.answers = [v3io.refused("Permission denied", -13, status)]
    assert connect(credentials=next_key).describe_stream("a/b").shard_count == 1
    assert [request.headers["x-v3io-session-key"] for request in v3io.sent] == ["old-key", "new-key"]


def test_no_error_shows_the_key(connect, v3io):
    v3io.answers = [v3io.refused("Permission denied", -13, 403)]
    client = connect()
    with pytest.raises(DISError) as raised:
        client.describe_stream("a/b")
    shown = f"{raised.value!r} {client!r} {v3io.sent[-1]!r}"
    assert "the-key" not in shown


@pytest.mark.parametrize("source", ["credentials", "environment"])
@pytest.mark.parametrize("answer", ["refused", "lost", "hostile"])
def test_no_local_variable_of_a_traceback_shows_the_key(source, answer, connect, v3io, monkeypatch):
    monkeypatch.setenv("V3IO_ACCESS_KEY", "the-key")
    v3io.answers = {
        "refused": [v3io.refused("Permission denied", -13, 403)],
        "lost": [TransportError("cut")] * 99,
        "hostile": [Response(200, {}, b"{}")] * 99,
    }[answer]
    fields = {"credentials": None} if source == "environment" else {}
    with pytest.raises(DISError) as raised:
        connect(deadline=1.0, **fields).describe_stream("a/b")
    shown = "".join(TracebackException.from_exception(raised.value, capture_locals=True).format())
    assert "describe_stream" in shown
    assert "the-key" not in shown


@pytest.mark.parametrize("value", ["two words", "ümlaut"])
def test_a_key_that_cannot_be_sent_is_refused_without_showing_it(value, connect, monkeypatch):
    monkeypatch.setenv("V3IO_ACCESS_KEY", value)
    with pytest.raises(CredentialsError, match="V3IO_ACCESS_KEY in the environment") as raised:
        connect(credentials=None).describe_stream("a/b")
    assert value not in str(raised.value)


def pair_of_keys():
    """Returns keys of DIS."""
    return Credentials(access_key="ak", secret_key="sk")


def test_a_function_that_returns_keys_of_dis_is_refused(connect):
    with pytest.raises(CredentialsError, match="one access key"):
        connect(credentials=pair_of_keys).describe_stream("a/b")


# the client


def test_a_closed_client_sends_nothing(connect, v3io):
    with connect() as client:
        client.describe_stream("a/b")
    assert v3io.closed
    with pytest.raises(ConfigurationError, match="closed"):
        client.describe_stream("a/b")


def test_a_client_cannot_be_pickled(client):
    with pytest.raises(TypeError, match="make one where it is used"):
        pickle.dumps(client)


def test_a_connection_of_another_kind_is_refused():
    with pytest.raises(ConfigurationError, match="give a V3IOConnection"):
        V3IOClient("https://v3io.example")
