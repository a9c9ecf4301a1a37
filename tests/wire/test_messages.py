"""Every message is decoded as it was encoded; each malformed one is refused with its code."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.wire import messages
from beam_dis.wire.checkpoints import CommitCheckpointRequest
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.records import GetCursorQuery, PutRecordsRequest, PutRecordsRequestEntry
from beam_dis.wire.streams import CreateStreamRequest, DescribeStreamQuery, ListStreamsQuery, StreamDescription, Tag

PROPERTY = settings(deadline=None, max_examples=40)


MAPS = {"assignment"}
"""Fields whose value is a map with any keys, and not an object with fields."""


def with_unknown_fields(value):
    """The same JSON, with an additional unknown field in every object."""
    if isinstance(value, dict):
        known = {name: item if name in MAPS else with_unknown_fields(item) for name, item in value.items()}
        return {"x_unknown": [1, {"a": None}], **known}
    return [with_unknown_fields(item) for item in value] if isinstance(value, list) else value


@PROPERTY
@given(data=st.data())
def test_a_body_is_decoded_as_it_was_encoded(body_kind, strategy, data):
    message = data.draw(strategy(body_kind))
    assert messages.decode(body_kind, messages.encode(message)) == message


@PROPERTY
@given(data=st.data())
def test_unknown_fields_change_nothing(body_kind, strategy, data):
    message = data.draw(strategy(body_kind))
    body = msgspec.json.encode(with_unknown_fields(msgspec.json.decode(messages.encode(message))))
    assert messages.decode(body_kind, body) == message


@PROPERTY
@given(data=st.data())
def test_null_means_absent(body_kind, strategy, data):
    """Every field that can be left out can also be null."""
    message = data.draw(strategy(body_kind))
    sent = msgspec.json.decode(messages.encode(message))
    optional = [f for f in msgspec.structs.fields(body_kind) if not f.required]
    nulled = data.draw(st.sets(st.sampled_from([f.encode_name for f in optional]))) if optional else set()
    absent = msgspec.json.encode({name: value for name, value in sent.items() if name not in nulled})
    null = msgspec.json.encode({**sent, **dict.fromkeys(nulled)})
    assert messages.decode(body_kind, null) == messages.decode(body_kind, absent)


@PROPERTY
@given(data=st.data())
def test_a_query_is_decoded_as_it_was_encoded(query_kind, strategy, data):
    query = data.draw(strategy(query_kind).filter(lambda query: "" not in msgspec.structs.astuple(query)))
    raw = urlencode(messages.query_fields(query))
    assert messages.decode_query(query_kind, messages.parse_query(raw)) == query


def test_none_is_not_sent():
    assert messages.encode(CreateStreamRequest("s", 1)) == b'{"stream_name":"s","partition_count":1}'


def test_an_answer_contains_every_field():
    sent = msgspec.json.decode(messages.encode(StreamDescription(stream_name="s")))
    assert set(sent) == {f.encode_name for f in msgspec.structs.fields(StreamDescription)}


def test_the_data_of_a_record_is_sent_as_base64():
    body = messages.encode(PutRecordsRequest("s", records=[PutRecordsRequestEntry(b"\x00\xff\xfe", "k")]))
    assert body == b'{"stream_name":"s","records":[{"data":"AP/+","partition_key":"k"}]}'


def test_nulls_in_nested_objects_mean_absent():
    body = (
        b'{"stream_name":"s","partition_count":1,"tags":[{"key":"a","value":null}],"csv_properties":{"delimiter":null}}'
    )
    assert messages.decode(CreateStreamRequest, body).tags == [Tag("a")]
    answer = b'{"partitions":[{"status":null,"partition_id":"shardId-0000000000","hash_range":null}]}'
    assert messages.decode(StreamDescription, answer).partitions[0].status == ""


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "DIS.4202"),
        (b"null", "DIS.4300"),
        (b"[]", "DIS.4300"),
        (b'"text"', "DIS.4300"),
        (b'{"stream_name":', "DIS.4300"),
        (b'{"stream_name":"\xff"}', "DIS.4300"),
        (b'{"stream_name":7}', "DIS.4300"),
        (b'{"records":[null]}', "DIS.4300"),
        (b'{"records":{}}', "DIS.4300"),
        (b'{"records":[{"data":"not base64!"}]}', "DIS.4300"),
        (b'{"records":[{"data":17}]}', "DIS.4300"),
    ],
)
def test_a_body_that_does_not_parse_is_refused(body, code):
    with pytest.raises(Refusal) as refused:
        messages.decode(PutRecordsRequest, body)
    assert (refused.value.code, refused.value.status) == (code, 400)


@pytest.mark.parametrize("body", [b"{}", b'{"app_name":null}'])
def test_a_required_field_that_is_missing_or_null_is_named(body):
    with pytest.raises(Refusal, match=r"^DIS\.4200: Invalid request\. \[app_name is missing\]$"):
        messages.decode(CommitCheckpointRequest, body)


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        ("", {}),
        ("a=b&", {"a": "b"}),
        ("partition-cursor=abc==&limit=1&", {"partition-cursor": "abc==", "limit": "1"}),
        ("start_partitionId=", {"start_partitionId": ""}),
        ("n=%E7%94%A8", {"n": "用"}),
        (b"n=%E7%94%A8", {"n": "用"}),
    ],
)
def test_a_query_is_read_as_clients_send_it(raw, fields):
    assert messages.parse_query(raw) == fields


def test_empty_parameters_are_absent():
    fields = {"start_partitionId": "", "limit_partitions": "5"}
    assert messages.decode_query(DescribeStreamQuery, fields) == DescribeStreamQuery(limit_partitions=5)


def test_a_name_may_look_like_null_or_a_number():
    fields = {"stream-name": "null", "partition-id": "0", "starting-sequence-number": "17"}
    query = messages.decode_query(GetCursorQuery, fields)
    assert (query.stream_name, query.partition_id, query.starting_sequence_number) == ("null", "0", "17")


@pytest.mark.parametrize("limit", ["ten", "1.5", "9" * 5000])
def test_a_value_that_is_not_a_number_is_refused(limit):
    with pytest.raises(Refusal, match=r"DIS\.4200"):
        messages.decode_query(ListStreamsQuery, {"limit": limit})


def test_the_error_for_a_missing_parameter_names_it():
    with pytest.raises(Refusal, match=r"\[partition-id is missing\]"):
        messages.decode_query(GetCursorQuery, {"stream-name": "s"})
