"""The requests of a load, and how many records their answers have: DIS in JSON and in protobuf, and Kinesis for an emulator.

As little work per record as possible: data is prepared in advance, except the keys, which never repeat. Answers are counted, not parsed.
"""

from __future__ import annotations

import itertools
import json
import re
import time
from base64 import b64encode
from collections.abc import Iterator
from random import randbytes
from typing import Any, NamedTuple

from beam_dis.wire.signing import SigningRequest, sign
from beam_dis.wire.timestamps import sdk_date

ACCESS_KEY, SECRET_KEY = "BENCHMARKACCESSKEY00", "benchmark-secret-key"
ROOT = "/v2/benchmark"
PROTOBUF = "application/x-protobuf"


class Call(NamedTuple):
    """One request."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Load(NamedTuple):
    """What is put into each request, and into how many partitions of a stream; ``host`` is the server's address."""

    host: str
    records: int
    size: int
    partitions: int


class DISJSON:
    """DIS in JSON, signed if ``signed``."""

    content_type = "application/json"
    creation_seconds = 0.0
    """After which time a new stream can be used."""

    def __init__(self, load: Load, *, signed: bool) -> None:
        self._load = load
        self._signed = signed
        self._keys = itertools.count(time.time_ns())
        self._data = [self.data_of(randbytes(load.size)) for _ in range(64)]

    def create(self, stream: str) -> Call:
        """Create a stream."""
        made = {"stream_name": stream, "partition_count": self._load.partitions}
        return self._signed_call("POST", f"{ROOT}/streams", body=json.dumps(made).encode())

    def put(self, stream: str) -> Call:
        """A put of new keys."""
        return self._signed_call("POST", f"{ROOT}/records", body=self.put_body(stream), kind=self.content_type)

    def check_put(self, answer: bytes) -> None:
        """RuntimeError unless every record was stored."""
        if not answer.startswith(b'{"failed_record_count":0,'):
            raise RuntimeError(answer[:500])

    def cursor(self, stream: str, number: int, at: str = "TRIM_HORIZON") -> Call:
        """A cursor in a partition."""
        query = f"cursor-type={at}&partition-id={number % self._load.partitions}&stream-name={stream}"
        return self._signed_call("GET", f"{ROOT}/cursors", query)

    def cursor_of(self, answer: bytes) -> str:
        """The cursor of an answer to that."""
        return str(json.loads(answer)["partition_cursor"])

    def page(self, cursor: str) -> Call:
        """A page of as many records as a put has."""
        query = f"max_fetch_bytes={self._load.records * self._load.size}&partition-cursor={cursor}"
        return self._signed_call("GET", f"{ROOT}/records", query, kind=self.content_type)

    def page_of(self, answer: bytes) -> tuple[int, str]:
        """The number of records of a page, and the next cursor."""
        cursor = answer.rpartition(b'"next_partition_cursor":"')[2].rstrip(b'"}')
        return answer.count(b'"sequence_number"'), cursor.decode()

    def put_body(self, stream: str) -> bytes:
        """The body of a put."""
        entries = [b'{"data":"%b","partition_key":"%d"}' % one for one in self.entries()]
        return b'{"stream_name":"%b","records":[%b]}' % (stream.encode(), b",".join(entries))

    def data_of(self, data: bytes) -> bytes:
        """The data of a record as a body has it."""
        return b64encode(data)

    def entries(self) -> Iterator[tuple[bytes, int]]:
        """The data and the key of each record of a put."""
        return zip(itertools.islice(itertools.cycle(self._data), self._load.records), self._keys, strict=False)

    def _signed_call(self, method: str, path: str, query: str = "", body: bytes = b"", kind: str = "") -> Call:
        headers = {"host": self._load.host, "content-type": kind or "application/json"}
        if self._signed:
            headers["x-sdk-date"] = sdk_date(time.time())
            request = SigningRequest(method, path, query, headers, body)
            headers["authorization"] = sign(
                request, access_key=ACCESS_KEY, secret_key=SECRET_KEY, signed_headers=list(headers)
            )
        return Call(method, path, query, headers, body)


class DISProtobuf(DISJSON):
    """DIS in protobuf, as its SDKs send it."""

    content_type = PROTOBUF

    def put_body(self, stream: str) -> bytes:
        """The name of the stream is field 1, each record field 2, its data 3 and its key 5."""
        entries = [_field(0x12, data + _field(0x2A, b"%d" % key)) for data, key in self.entries()]
        return _field(0x0A, stream.encode()) + b"".join(entries)

    def data_of(self, data: bytes) -> bytes:
        """The data of a record as a body has it."""
        return _field(0x1A, data)

    def check_put(self, answer: bytes) -> None:
        """RuntimeError unless every record was stored."""
        if not answer.startswith(b"\xa8\x01\x00"):
            raise RuntimeError(answer[:500])

    def page_of(self, answer: bytes) -> tuple[int, str]:
        """The cursor is field 14, each record field 2."""
        count, cursor, position = 0, "", 0
        while position < len(answer):
            tag, start = _number(answer, position)
            size, start = _number(answer, start)
            position = start + size
            if tag >> 3 == 14:
                cursor = answer[start:position].decode()
            else:
                count += 1
        return count, cursor


class Kinesis:
    """The requests that an emulator of Kinesis answers. It doesn't verify the signature, so that is a constant."""

    creation_seconds = 1.0

    def __init__(self, load: Load, *, signed: bool = False) -> None:
        del signed
        self._load = load
        self._keys = itertools.count(time.time_ns())
        self._data = [b64encode(randbytes(load.size)) for _ in range(64)]

    def create(self, stream: str) -> Call:
        """Create a stream."""
        return self._call("CreateStream", {"StreamName": stream, "ShardCount": self._load.partitions})

    def put(self, stream: str) -> Call:
        """A put of new keys."""
        data = itertools.cycle(self._data)
        entries = [
            b'{"Data":"%b","PartitionKey":"%d"}' % (next(data), next(self._keys)) for _ in range(self._load.records)
        ]
        return self._call("PutRecords", b'{"StreamName":"%b","Records":[%b]}' % (stream.encode(), b",".join(entries)))

    def check_put(self, answer: bytes) -> None:
        """RuntimeError unless every record was stored."""
        if re.search(rb'"FailedRecordCount": *0[,}]', answer) is None:
            raise RuntimeError(answer[:500])

    def cursor(self, stream: str, number: int, at: str = "TRIM_HORIZON") -> Call:
        """A cursor in a shard."""
        shard = f"shardId-{number % self._load.partitions:012d}"
        return self._call("GetShardIterator", {"StreamName": stream, "ShardId": shard, "ShardIteratorType": at})

    def cursor_of(self, answer: bytes) -> str:
        """The cursor of an answer to that."""
        return str(json.loads(answer)["ShardIterator"])

    def page(self, cursor: str) -> Call:
        """A page of as many records as a put has."""
        return self._call("GetRecords", {"ShardIterator": cursor, "Limit": self._load.records})

    def page_of(self, answer: bytes) -> tuple[int, str]:
        """The number of records of a page, and the next cursor."""
        after = answer.rpartition(b'"NextShardIterator":')[2]
        return answer.count(b'"SequenceNumber"'), after.split(b'"')[1].decode()

    def _call(self, operation: str, message: Any) -> Call:
        headers = {
            "host": self._load.host,
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"Kinesis_20131202.{operation}",
            "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            "authorization": f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/us-east-1/kinesis/aws4_request,"
            f" SignedHeaders=host;x-amz-date;x-amz-target, Signature={'0' * 64}",
        }
        return Call("POST", "/", "", headers, message if isinstance(message, bytes) else json.dumps(message).encode())


PROTOCOLS: dict[str, type[DISJSON | Kinesis]] = {"JSON": DISJSON, "protobuf": DISProtobuf, "Kinesis": Kinesis}


def _field(tag: int, value: bytes) -> bytes:
    size, length = len(value), bytearray((tag,))
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    return bytes(length) + value


def _number(body: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = body[position]
        value |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return value, position
