"""A batch of records of one partition as one blob.

Law: pure, bytes to values and back; every blob says its version, its place, its time and the CRC32 of all that follows
the CRC. Little-endian on every machine::

    crc32 u32 | version u8, keyed u8, 0 u16 | count u32 | key bytes u32 | first i64 | time i64
    data lengths u32 * count | key lengths in characters u32 * count, if keyed | keys in UTF-8 | data

Columns instead of records keep the work per record in C: appending and reading cost a fraction of a microsecond.
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from zlib import crc32

from beam_dis.local.store.values import Run

VERSION = 1
MAX_BLOB_BYTES = 256 * 1024
"""Blobs stay below this, but for a single larger record."""

_HEADER = struct.Struct("<IBBHIIqq")
_CRC = struct.Struct("<I")
_RECORD_COST = 8
_NO_KEY = 0xFFFFFFFF
_SWAP = sys.byteorder == "big"


class DamagedBlob(Exception):  # noqa: N818 - a finding, which the reader turns into the store's error
    """The bytes are not what was written; says how they differ."""


def encode(first: int, time_ms: int, keys: Sequence[str | None], datas: Sequence[bytes]) -> bytes:
    """The blob of consecutive records whose first has the number ``first``."""
    count = len(datas)
    keyed = any(key is not None for key in keys)
    lengths = array("I", map(len, datas))
    parts = [_little_endian(lengths)]
    text = b""
    if keyed:
        parts.append(_little_endian(array("I", [_NO_KEY if key is None else len(key) for key in keys])))
        text = "".join([key or "" for key in keys]).encode("utf-8", "surrogatepass")
    header = _HEADER.pack(0, VERSION, keyed, 0, count, len(text), first, time_ms)
    rest = b"".join([header[_CRC.size :], *parts, text, *datas])
    return _CRC.pack(crc32(rest)) + rest


def decode(blob: bytes, start: int = 0, max_bytes: int | None = None) -> tuple[Run, bool]:
    """The records from number ``start`` on whose data fits into ``max_bytes``, and whether those were all there were.

    Raises DamagedBlob where the bytes are not those that were written.
    """
    header = _checked_header(blob)
    _, _, keyed, _, count, key_bytes, first, time_ms = header
    skip = max(0, start - first)
    lengths_end = _HEADER.size + 4 * count
    text_start = lengths_end + 4 * count * keyed
    ends = list(accumulate(_lengths(blob, _HEADER.size, count), initial=text_start + key_bytes))
    if ends[-1] != len(blob):
        raise DamagedBlob(f"it has {len(blob)} bytes instead of {ends[-1]}")
    stop = count if max_bytes is None or skip >= count else bisect_right(ends, ends[skip] + max_bytes, skip) - 1
    keys: list[str | None] = [None] * max(0, stop - skip)
    if keyed and stop > skip:
        text = blob[text_start : text_start + key_bytes].decode("utf-8", "surrogatepass")
        keys = _keys(text, _lengths(blob, lengths_end, count), skip, stop)
    datas = [blob[lo:hi] for lo, hi in zip(ends[skip:stop], ends[skip + 1 : stop + 1], strict=True)]
    return Run(first + skip, time_ms, keys, datas), stop == count


def place_of(blob: bytes) -> tuple[int, int, int]:
    """The first number, the count and the time that a blob says it holds; raises DamagedBlob."""
    _, _, _, _, count, _, first, time_ms = _checked_header(blob)
    return first, count, time_ms


def cuts(keys: Sequence[str | None], datas: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Index ranges of consecutive records, each as one blob of at most ``MAX_BLOB_BYTES`` or one larger record."""
    # A key's UTF-8 is at most four bytes a character: counting it so overstates, and saves encoding it twice.
    costs = [_RECORD_COST + len(data) + 4 * len(key or "") for key, data in zip(keys, datas, strict=True)]
    totals = list(accumulate(costs, initial=_HEADER.size))
    start = 0
    while start < len(costs):
        fitting = bisect_right(totals, totals[start] + MAX_BLOB_BYTES - _HEADER.size) - 1
        stop = max(start + 1, fitting)
        yield start, stop
        start = stop


def _checked_header(blob: bytes) -> tuple[int, ...]:
    if len(blob) < _HEADER.size:
        raise DamagedBlob(f"{len(blob)} bytes are no batch")
    header = _HEADER.unpack_from(blob)
    if header[0] != crc32(memoryview(blob)[_CRC.size :]):
        raise DamagedBlob("its checksum does not match")
    if header[1] != VERSION:
        raise DamagedBlob(f"its version is {header[1]}, known is {VERSION}")
    return header


def _little_endian(numbers: array[int]) -> bytes:
    if _SWAP:
        numbers.byteswap()
    return numbers.tobytes()


def _lengths(blob: bytes, offset: int, count: int) -> array[int]:
    numbers = array("I")
    numbers.frombytes(memoryview(blob)[offset : offset + 4 * count])
    if _SWAP:
        numbers.byteswap()
    return numbers


def _keys(text: str, lengths: array[int], skip: int, stop: int) -> list[str | None]:
    ends = list(accumulate([0 if length == _NO_KEY else length for length in lengths[:stop]], initial=0))
    spans = zip(lengths[skip:stop], ends[skip:stop], ends[skip + 1 :], strict=True)
    return [None if length == _NO_KEY else text[lo:hi] for length, lo, hi in spans]
