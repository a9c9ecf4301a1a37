"""The upload that the reference prints for the .NET client has the results that it prints, in JSON and in protobuf."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest
import vendor_protobuf

from beam_dis.local.keys import AccessKeys
from beam_dis.wire.signing import SCOPED, SigningRequest, sign
from beam_dis.wire.timestamps import sdk_date

NOW = 1_800_000_000.0
PATH = "/v2/p/records/"
DATA = [f"shardId-0000000000{number}".encode() for number in range(3)]
PRINTED = [("shardId-0000000000", number, "", "") for number in "012"]


def in_json() -> tuple[str, bytes]:
    records = [
        {"data": b64encode(data).decode(), "explicit_hash_key": "123", "partition_key": "1", "partition_id": None}
        for data in DATA
    ]
    return "application/json; charset=utf-8", json.dumps({"stream_name": "streamName", "records": records}).encode()


def in_protobuf() -> tuple[str, bytes]:
    records = [{"data": data, "explicitHashKey": "123", "partitionKey": "1"} for data in DATA]
    put = vendor_protobuf.PutRecordsRequest(streamName="streamName", records=records)
    return "application/x-protobuf; charset=utf-8", put.SerializeToString()


def signed(method: str, path: str, body: bytes, content_type: str) -> list[tuple[str, str]]:
    """The headers of a request that is signed with a key for a day, a region and the service."""
    headers = {"host": "127.0.0.1:7700", "x-sdk-date": sdk_date(NOW), "content-type": content_type}
    request = SigningRequest(method, path, "", headers, body)
    scope = f"{headers['x-sdk-date'][:8]}/cn-north-1/dis/sdk_request"
    keys = {"access_key": "AK", "secret_key": "SK", "dialect": SCOPED, "scope": scope}
    return [*headers.items(), ("authorization", sign(request, signed_headers=headers, **keys))]


def results_of(body) -> list[tuple[str, str, str, str]]:
    if isinstance(body, bytes):
        parsed = vendor_protobuf.PutRecordsResult.FromString(body).records
        return [(r.shardId, r.sequenceNumber, r.errorCode, r.errorMessage) for r in parsed]
    names = ("partition_id", "sequence_number", "error_code", "error_message")
    return [tuple(record.get(name, "") for name in names) for record in body["records"]]


@pytest.mark.parametrize("encoded", [in_json, in_protobuf])
def test_the_upload_of_the_reference_has_the_results_of_the_reference(in_process, encoded):
    app = in_process(clock=lambda: NOW, keys=AccessKeys(access_key="AK", secret_key="SK"))
    stream = json.dumps({"stream_name": "streamName", "partition_count": 3}).encode()
    created = app("POST", "/v2/p/streams/", signed("POST", "/v2/p/streams/", stream, "application/json"), stream)
    content_type, body = encoded()
    answer = app("POST", PATH, signed("POST", PATH, body, content_type), body)
    assert (created.status, answer.status) == (201, 200)
    assert results_of(answer.body) == PRINTED
