"""Compressed records: read with a limit, written by the same bytes each time."""

from __future__ import annotations

import gzip
import zipfile
from contextlib import suppress
from io import BytesIO

import pyarrow as pa
import pytest

from beam_dis.errors import ConfigurationError, DecodeError
from beam_dis.formats.compression import MOST_BYTES, compression_of

NAMES = ["gzip", "snappy", "zip"]


def archive(*files: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", method) as file:
        for number, data in enumerate(files):
            file.writestr(str(number), data)
    return packed.getvalue()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", [b"", b"a", b"abc" * 100_000])
def test_data_survive_and_always_have_the_same_bytes(name, data):
    compress, decompress = compression_of(name)
    assert decompress(compress(data)) == data
    assert compress(data) == compress(data)


def test_other_libraries_records_are_read():
    assert compression_of("gzip").decompress(gzip.compress(b"a") + gzip.compress(b"b")) == b"ab"
    assert compression_of("zip").decompress(archive(b"a")) == b"a"
    assert compression_of("zip").decompress(archive(b"a", method=zipfile.ZIP_STORED)) == b"a"
    assert compression_of("snappy").decompress(pa.compress(b"a" * 99, codec="snappy", asbytes=True)) == b"a" * 99
    assert gzip.decompress(compression_of("gzip").compress(b"a")) == b"a"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("gzip", gzip.compress(bytes(MOST_BYTES + 1))),
        ("gzip", gzip.compress(bytes(MOST_BYTES)) + gzip.compress(b"a")),
        ("zip", archive(bytes(MOST_BYTES + 1))),
        ("snappy", pa.compress(bytes(MOST_BYTES + 1), codec="snappy", asbytes=True)),
        ("snappy", b"\xff\xff\xff\xff\x0fabc"),
    ],
)
def test_a_bomb_is_not_read_beyond_the_limit(name, data):
    with pytest.raises(DecodeError, match=f"more than {MOST_BYTES} bytes"):
        compression_of(name).decompress(data)


def test_the_limit_itself_is_read():
    assert len(compression_of("gzip").decompress(gzip.compress(bytes(MOST_BYTES)))) == MOST_BYTES


def test_thousands_of_empty_parts_are_refused():
    with pytest.raises(DecodeError, match="more than 100 parts"):
        compression_of("gzip").decompress(gzip.compress(b"") * 10_000)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("keep", range(0, 24, 3))
def test_damaged_data_are_a_decode_error(name, keep):
    compress, decompress = compression_of(name)
    whole = compress(b"some data of a record, some data of a record")
    for data in (whole[:keep], whole[:-4], b"plain"):
        with pytest.raises(DecodeError):
            decompress(data)
    with suppress(DecodeError):
        decompress(whole[:keep] + b"\xff" + whole[keep + 1 :])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (archive(), "a zip archive with 0 files"),
        (archive(b"a", b"b"), "a zip archive with 2 files"),
        (archive(b"a", method=zipfile.ZIP_BZIP2), "with method 12"),
    ],
)
def test_an_archive_that_is_no_record_is_refused(data, message):
    with pytest.raises(DecodeError, match=message):
        compression_of("zip").decompress(data)


@pytest.mark.parametrize("name", ["GZIP", "lz4", 5, None, ["gzip"]])
def test_an_unknown_compression_is_refused_with_the_known_ones(name):
    with pytest.raises(ConfigurationError, match="is none of 'gzip', 'snappy', 'zip'"):
        compression_of(name)
