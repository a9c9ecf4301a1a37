"""A batch of consecutive records of one partition as one blob.

Rule 1: pure functions, from values to bytes and back.
Rule 2: a blob contains its version, the range of its numbers, its arrival time, and the CRC32 of everything after the CRC.
Rule 3: the layout is little-endian on every machine::

    crc32 u32 | version u8, keyed u8, 0 u16 | count u32 | key bytes u32 | first i64 | time i64
    data lengths u32 * count | key lengths in characters u32 * count, if keyed | keys in UTF-8 | data

Columns keep the work per record in C: appending or reading a record takes a fraction of a microsecond.
"""

from __future__ import annotations

import struct
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from zlib import crc32

from beam_dis.local.store.values import StoredRecords

VERSION = 1
MAX_BLOB_BYTES = 256 * 1024
"""No blob is larger, except one with a single larger record."""

_HEADER = struct.Struct("<IBBHIIqq")
_CRC = struct.Struct("<I")
_RECORD_COST = 8
_NO_KEY = 0xFFFFFFFF
_SWAP = sys.byteorder == "big"


class DamagedBlob(Exception):  # noqa: N818 - a finding, which the reader turns into the store's error
    """The bytes are not those that were written; the text says how they differ."""


def encode(first: int, time_ms: int, keys: Sequence[str | None], datas: Sequence[bytes]) -> bytes:
    """Encode consecutive records as a blob; the first of them has the number ``first``."""
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


def decode(
    blob: bytes, start: int = 0, max_bytes: int | None = None, max_records: int | None = None
) -> tuple[StoredRecords, bool]:
    """Decode the records from number ``start`` on, at most ``max_records``, as many as fit into ``max_bytes`` of data.

    Returns:
        The records, and whether they include the blob's last one.

    Raises:
        DamagedBlob: The bytes are not those that were written.
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
    if max_records is not None:
        stop = min(stop, skip + max_records)
    keys: list[str | None] = [None] * max(0, stop - skip)
    if keyed and stop > skip:
        text = blob[text_start : text_start + key_bytes].decode("utf-8", "surrogatepass")
        keys = _keys(text, _lengths(blob, lengths_end, count), skip, stop)
    datas = [blob[lo:hi] for lo, hi in zip(ends[skip:stop], ends[skip + 1 : stop + 1], strict=True)]
    return StoredRecords(first + skip, time_ms, keys, datas), stop == count


def header_of(blob: bytes) -> tuple[int, int, int]:
    """The first number, the count of records and the arrival time in the header of a blob; raises DamagedBlob."""
    _, _, _, _, count, _, first, time_ms = _checked_header(blob)
    return first, count, time_ms


def blob_ranges(keys: Sequence[str | None], datas: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    """Index ranges ``[start, stop)`` that cover all records in order, one for each blob of at most ``MAX_BLOB_BYTES``.

    A record that is larger has a range of its own.
    """
    # A key's UTF-8 has at most four bytes per character: counting four overestimates, but no key is encoded twice.
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
        raise DamagedBlob(f"{len(blob)} bytes are not a blob")
    header = _HEADER.unpack_from(blob)
    if header[0] != crc32(memoryview(blob)[_CRC.size :]):
        raise DamagedBlob("its checksum does not match")
    if header[1] != VERSION:
        raise DamagedBlob(f"its version is {header[1]}, not {VERSION}")
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
