"""The Java SDK puts and gets records, in every form of body that it knows."""

from base64 import b64decode, b64encode

import pytest
from client_programs import ClientError

pytestmark = [pytest.mark.integration, pytest.mark.java_client]

P0, P1 = "shardId-0000000000", "shardId-0000000001"
PROTOBUF = {"body.serialize.type": "protobuf"}
BODIES = {
    "json": {},
    "protobuf": PROTOBUF,
    **{
        f"{name} in {compression}": {
            **serialized,
            "body.compress.enabled": "true",
            "body.compress.type": compression,
        }
        for name, serialized in {"json": {}, "protobuf": PROTOBUF}.items()
        for compression in ("lz4", "snappy", "zstd")
    },
}
DATA = [b"\x00\xff", "größer".encode(), bytes(range(256)) * 40]


@pytest.fixture(params=BODIES)
def client(request, java_operations, java_settings):
    """The SDK with each form of body, and a stream of two partitions."""
    java_operations.open(**java_settings, **BODIES[request.param])
    java_operations.call("createStream", {"stream_name": "s", "partition_count": 2})
    return java_operations


def put(client, *data, **target):
    records = [{"data": b64encode(datum).decode(), **target} for datum in data]
    return client.call("putRecords", {"stream_name": "s", "records": records})


def cursor(client, **position):
    asked = {"stream-name": "s", "partition-id": P0, "cursor-type": "TRIM_HORIZON", **position}
    return client.call("getPartitionCursor", asked)["partition_cursor"]


def page(client, cursor):
    return client.call("getRecords", {"partition-cursor": cursor})


def test_what_was_put_is_read_in_order(client):
    result = put(client, *DATA, partition_id=P0, partition_key="k")
    assert result["failed_record_count"] == 0
    assert [(r["partition_id"], r["sequence_number"]) for r in result["records"]] == [(P0, "0"), (P0, "1"), (P0, "2")]
    records = page(client, cursor(client))["records"]
    assert [b64decode(r["data"]) for r in records] == DATA
    assert [(r["partition_key"], r["sequence_number"], r["timestamp_type"]) for r in records] == [
        ("k", str(n), "CreateTime") for n in range(3)
    ]


def test_a_page_ends_with_the_cursor_of_the_next(client):
    put(client, b"a", b"b", partition_id=P1)
    first = page(
        client,
        cursor(client, **{"partition-id": P1, "cursor-type": "AT_SEQUENCE_NUMBER"} | {"starting-sequence-number": "1"}),
    )
    put(client, b"c", partition_id=P1)
    second = page(client, first["next_partition_cursor"])
    assert [[b64decode(r["data"]) for r in p["records"]] for p in (first, second)] == [[b"b"], [b"c"]]


def test_one_wrong_record_fails_alone(client):
    records = [{"data": "YQ==", "partition_id": partition} for partition in ("0", "9")]
    result = client.call("putRecords", {"stream_name": "s", "records": records})
    assert result["failed_record_count"] == 1
    assert [r.get("error_code") for r in result["records"]] == [None, "DIS.4302"]


@pytest.mark.parametrize(
    ("error", "code", "ask"),
    [
        (
            "DISSequenceNumberOutOfRangeException",
            4224,
            lambda java: cursor(java, **{"cursor-type": "AT_SEQUENCE_NUMBER", "starting-sequence-number": "7"}),
        ),
        ("DISPartitionNotExistsException", 4302, lambda java: cursor(java, **{"partition-id": "9"})),
        ("DISStreamNotExistsException", 4301, lambda java: cursor(java, **{"stream-name": "another"})),
        ("DISClientException", 4217, lambda java: page(java, "bm8gY3Vyc29y")),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else None,
)
def test_a_refusal_is_the_exception_of_its_code(client, error, code, ask):
    with pytest.raises(ClientError, match=rf"400 : .*DIS\.{code}") as refused:
        ask(client)
    assert refused.value.name == error


def test_a_wrong_secret_is_refused(java, java_settings):
    java.open(**java_settings | {"sk": "another"})
    with pytest.raises(ClientError, match=r"441 : .*DIS\.4100"):
        java.call("listStreams", {"limit": 1})
