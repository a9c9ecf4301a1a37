"""Puts and pages in protobuf agree with Google's library, and no bytes are taken for a put that aren't one."""

from __future__ import annotations

import pytest
import vendor_protobuf
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.protobuf import decode_put, encode_answer
from beam_dis.wire.records import (
    GetRecordsResult,
    PutRecordsRequest,
    PutRecordsRequestEntry,
    PutRecordsResult,
    PutRecordsResultEntry,
    ReadRecord,
)

CAPTURED = bytes.fromhex(
    "0a0464656d6f120b1a0568656c6c6f2a026b31120c1a0677c3b6726c642a026b3212171a01783212736861726449642d3030303030303030303012"
    "081a01792203313233f20100"
)
WIDE = st.integers(0, 2**63 - 1)
TEXTS = st.text(max_size=200)
DATA = st.binary(max_size=300)


def refusal_of(body: bytes, most: int = 100) -> Refusal:
    with pytest.raises(Refusal) as refused:
        decode_put(body, most)
    return refused.value


def vendor_put(**fields) -> bytes:
    return vendor_protobuf.PutRecordsRequest(**fields).SerializeToString()


def test_a_put_of_an_official_client_is_decoded():
    records = [
        PutRecordsRequestEntry(b"hello", "k1"),
        PutRecordsRequestEntry("wörld".encode(), "k2"),
        PutRecordsRequestEntry(b"x", None, None, "shardId-0000000000"),
        PutRecordsRequestEntry(b"y", None, "123"),
    ]
    assert decode_put(CAPTURED, 4) == PutRecordsRequest("demo", None, records)


@settings(deadline=None)
@given(
    name=TEXTS,
    stream_id=TEXTS,
    records=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "data": DATA,
                "partitionKey": TEXTS,
                "explicitHashKey": TEXTS,
                "partitionId": TEXTS,
                "timestamp": st.integers(-(2**63), 2**63 - 1),
                "extendedInfo": st.just({"fileName": "f", "deliverDataId": "d", "endFlag": True, "seqNum": 7}),
            },
        ),
        max_size=5,
    ),
)
def test_a_put_is_decoded_as_the_library_encodes_it(name, stream_id, records):
    expected = [
        PutRecordsRequestEntry(
            r.get("data"), r.get("partitionKey"), r.get("explicitHashKey"), r.get("partitionId") or None
        )
        for r in records
    ]
    found = decode_put(vendor_put(streamName=name, streamId=stream_id, records=records), 5)
    assert found == PutRecordsRequest(name or None, stream_id or None, expected)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.none() | TEXTS, WIDE, DATA, st.sampled_from([0, 1, 1_767_225_600_000])), max_size=5), TEXTS
)
def test_a_page_is_encoded_as_the_library_encodes_it(rows, cursor):
    records = [ReadRecord(key, str(number), data, time) for key, number, data, time in rows]
    fields = [
        {"sequenceNumber": str(number), "data": data, "timestamp": time, "timestampType": "CreateTime"}
        | ({} if key is None else {"partitionKey": key})
        for key, number, data, time in rows
    ]
    expected = vendor_protobuf.GetRecordsResult(nextShardIterator=cursor, records=fields)
    assert encode_answer(GetRecordsResult(records, cursor)) == expected.SerializeToString()


def test_the_result_of_a_put_is_encoded_as_the_library_encodes_it():
    stored = PutRecordsResultEntry("shardId-0000000000", "12")
    refused = PutRecordsResultEntry(error_code="DIS.4303", error_message="m" * 300)
    expected = vendor_protobuf.PutRecordsResult(
        failedRecordCount=200,
        records=[
            {"shardId": "shardId-0000000000", "sequenceNumber": "12"},
            {"errorCode": "DIS.4303", "errorMessage": "m" * 300},
        ],
    )
    assert encode_answer(PutRecordsResult(200, [stored, refused])) == expected.SerializeToString()


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2**20])
def test_data_of_every_size_are_decoded_and_encoded(size):
    data = b"\x12" * size
    put = vendor_put(streamName="s", records=[{"data": data, "partitionKey": "k"}])
    assert decode_put(put, 1).records == [PutRecordsRequestEntry(data, "k")]
    page = vendor_protobuf.GetRecordsResult.FromString(
        encode_answer(GetRecordsResult([ReadRecord("k", "1", data)], "c"))
    )
    assert page.records[0].data == data


def test_fields_of_any_kind_that_are_unknown_are_passed_over():
    varint, fixed64, fixed32, text = (
        b"\xf8\x07\x96\x01",
        b"\xf9\x07" + bytes(8),
        b"\xfd\x07" + bytes(4),
        b"\xfa\x07\x01x",
    )
    unknown = varint + fixed64 + fixed32 + text
    record = b"\x1a\x01d" + unknown
    body = unknown + b"\x12" + bytes([len(record)]) + record + unknown + b"\x0a\x01s"
    assert decode_put(body, 1) == PutRecordsRequest("s", None, [PutRecordsRequestEntry(b"d")])


@pytest.mark.parametrize(
    "body",
    [
        CAPTURED[:-1],
        CAPTURED[:40],
        b"\x12\x05\x1a\x01d",  # a record that is longer than the body
        b"\x12\x03\x1a\x05d\x0a\x01s",  # data that are longer than their record
        b"\x0a\x01\xff",
        b"\x12\x03\x2a\x01\xff",
        b"\x0b\x0c",
        b"\x02\x00",
        b"\x12" + b"\xff" * 10,
        b"\xff" * 20,
        b"{}",
        b"\x12",
    ],
)
def test_bytes_that_are_no_put_are_refused_with_4300(body):
    assert refusal_of(body).code == "DIS.4300"


def test_an_empty_body_is_refused_with_4202():
    assert refusal_of(b"").code == "DIS.4202"


def test_a_record_more_than_the_limit_is_refused_before_it_is_parsed():
    empty = b"\x12\x00"
    assert len(decode_put(empty * 3, 3).records) == 3
    refusal = refusal_of(empty * 3 + b"\xff", 2)
    assert (refusal.code, refusal.status) == ("DIS.4200", 413)


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_a_put_or_refused(body):
    try:
        found = decode_put(body, 10)
    except Refusal as refusal:
        found = refusal
    assert isinstance(found, PutRecordsRequest) or found.code in {"DIS.4202", "DIS.4300", "DIS.4200"}


@settings(deadline=None)
@given(st.lists(st.integers(0, 255), min_size=1, max_size=4), st.integers(0, len(CAPTURED) - 1))
def test_what_a_damaged_put_is_decoded_to_is_what_the_library_reads(damage, position):
    body = CAPTURED[:position] + bytes(damage) + CAPTURED[position + len(damage) :]
    try:
        found = decode_put(body, 100)
        read = vendor_protobuf.PutRecordsRequest.FromString(body)
    except (Refusal, DecodeError):
        return
    assert [(r.data or b"", r.partition_key or "") for r in found.records or []] == [
        (r.data, r.partitionKey) for r in read.records
    ]
