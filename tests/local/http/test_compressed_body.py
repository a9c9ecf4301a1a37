"""Bodies that are compressed as the Java client does it are taken on every POST and PUT, and none beyond its limit."""

from __future__ import annotations

import json
import sys

import cramjam
import pytest

from beam_dis.local.http.compressed_body import ENCODINGS, decompressed, decompressed_size
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import MIB

COMPRESS = {
    "lz4": lambda data: bytes(cramjam.lz4.compress_block(data, store_size=False)),
    "snappy": lambda data: bytes(cramjam.snappy.compress_raw(data)),
    "zstd": lambda data: bytes(cramjam.zstd.compress(data)),
}
BODY = b'{"stream_name":"s","records":[{"data":"aGk="}]}' * 50


def headers_of(encoding: str, size: int | None = None) -> dict[bytes, bytes]:
    given = {b"content-encoding": encoding.encode()}
    if size is not None and encoding != "snappy":
        given[f"x-dis-{encoding}-content-length".encode()] = str(size).encode()
    return given


def refusal_of(headers: dict[bytes, bytes], body: bytes, limit: int = MIB) -> Refusal:
    with pytest.raises(Refusal) as refused:
        decompressed(headers, body, limit)
    return refused.value


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("data", [BODY, b"x", b""], ids=len)
@pytest.mark.parametrize("sized", [True, False])
def test_a_body_is_decompressed_with_and_without_its_size(encoding, data, sized):
    headers = headers_of(encoding, len(data) if sized else None)
    assert decompressed(headers, COMPRESS[encoding](data), MIB) == data


@pytest.mark.parametrize("encoding", ["", "identity", "IDENTITY"])
def test_a_body_without_an_encoding_is_as_it_is(encoding):
    assert decompressed({b"content-encoding": encoding.encode()}, BODY, 1) == BODY


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_body_is_not_decompressed_beyond_the_limit(encoding):
    body = COMPRESS[encoding](bytes(64 * MIB))
    sized = refusal_of(headers_of(encoding, 64 * MIB), body)
    assert (sized.code, sized.status) == ("DIS.4200", 413)
    assert refusal_of(headers_of(encoding, MIB), body).status in {400, 413}
    assert refusal_of(headers_of(encoding), body).status in {400, 413}


@pytest.mark.parametrize("encoding", ["lz4", "zstd"])
@pytest.mark.parametrize("wrong", [-1, 1, 100])
def test_a_size_that_is_not_the_bodys_is_refused(encoding, wrong):
    assert refusal_of(headers_of(encoding, len(BODY) + wrong), COMPRESS[encoding](BODY)).code == "DIS.4300"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("damage", [lambda b: b[:-2], lambda b: b[:4], lambda _: BODY])
def test_a_damaged_body_is_refused(encoding, damage):
    assert refusal_of(headers_of(encoding), damage(COMPRESS[encoding](BODY))).code == "DIS.4300"


def test_an_unknown_encoding_is_refused_by_its_name():
    refusal = refusal_of({b"content-encoding": b"br"}, BODY)
    assert refusal.message == "Request error. [Content-Encoding 'br' is none of lz4, snappy, zstd]"


def test_without_its_library_the_extra_that_has_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cramjam", None)
    refusal = refusal_of(headers_of("lz4", 1), b"x")
    assert "pip install 'beam-dis[local]' there" in refusal.message


def test_the_room_for_a_body_counts_its_data_too():
    assert decompressed_size({}) == 0
    assert decompressed_size(headers_of("lz4", 700)) == 700
    assert decompressed_size(headers_of("snappy")) is None


@pytest.mark.parametrize("size", [b"9" * 5000, b"-1", b"1.5", "٣".encode(), b""])
def test_a_size_that_is_no_number_is_none(size):
    headers = {**headers_of("lz4"), b"x-dis-lz4-content-length": size}
    assert decompressed_size(headers) is None
    assert decompressed(headers, COMPRESS["lz4"](BODY), MIB) == BODY


CALLS = [
    ("POST", "/streams", {"stream_name": "t", "partition_count": 1}, 201),
    ("PUT", "/streams/s", {"stream_name": "s", "target_partition_count": 2}, 200),
    ("POST", "/apps", {"app_name": "a"}, 201),
    ("POST", "/records", {"stream_name": "s", "records": [{"data": "aGk="}]}, 200),
]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_post_and_put_may_be_compressed(in_process, encoding):
    app = in_process()
    app.json("POST", "/v2/p/streams", {"stream_name": "s", "partition_count": 1})
    for method, path, message, status in CALLS:
        body = json.dumps(message).encode()
        headers = [(name.decode(), value.decode()) for name, value in headers_of(encoding, len(body)).items()]
        assert app(method, f"/v2/p{path}", headers, COMPRESS[encoding](body)).status == status, path
    assert app("GET", "/v2/p/streams/s").body["partitions"][0]["sequence_number_range"] in {"[0 : 0]", "[0 : 1]"}


def test_an_answer_is_not_compressed_whatever_the_request_accepts(in_process):
    answer = in_process()("GET", "/v2/p/streams", [("accept-encoding", "lz4, snappy, zstd, gzip")])
    assert "content-encoding" not in answer.headers
    assert answer.body["total_number"] == 0
