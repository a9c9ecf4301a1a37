"""Ranges as the service prints them, partition ids, and the hash that routes a record.

Rules:

1. The hash of a key is the first eight bytes of its MD5, big-endian, without the sign bit [SDK PartitionKeyUtils].
2. N partitions share 0 to 2^63-1 in equal parts; the last one ends at the top [§5.1.4 for 1 and 2, ours for more].
3. A range prints as ``[lo : hi]``. The end of a sequence number range is exclusive: ``[0 : 0]`` is empty.
"""

from __future__ import annotations

import re
from struct import Struct
from typing import NamedTuple

from beam_dis.wire.error_codes import Refusal

try:
    from _md5 import md5  # type: ignore[import-not-found]  # that of hashlib takes three times as long for a key
except ImportError:  # an interpreter that has only hashlib's
    from hashlib import md5

MAX_HASH = 2**63 - 1
MAX_SEQUENCE_NUMBER = 2**63 - 1

_FIRST_NUMBER = Struct(">Q8x").unpack
_PREFIX = "shardId-"
_PARTITION_ID = re.compile(r"(?:shardId-)?([0-9]{1,10})")
_NUMBER = re.compile(r"0*([0-9]{1,19})")
_RANGE = re.compile(r"\[\s*(\d+)\s*:\s*(\d+)\s*\]")


class Range(NamedTuple):
    """The two numbers of a printed range; ``end`` is inclusive for hashes and exclusive for sequence numbers."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"[{self.start} : {self.end}]"


def parse_range(text: str | None) -> Range | None:
    """Parse ``[lo : hi]``; None for anything else, as the service prints "[null : null]" if there is no range [SDK]."""
    match = _RANGE.fullmatch(text or "")
    return Range(int(match[1]), int(match[2])) if match else None


def parse_number(text: str) -> int | None:
    """Parse a decimal number of 0 to 2^63-1, such as a hash or a sequence number; None for any other text."""
    match = _NUMBER.fullmatch(text)
    number = int(match[1]) if match else None
    return number if number is not None and number <= MAX_SEQUENCE_NUMBER else None


def partition_id(number: int) -> str:
    """``0`` → ``"shardId-0000000000"``."""
    return f"{_PREFIX}{number:010d}"


def partition_number(text: str) -> int:
    """``"shardId-0000000003"`` or ``"3"`` → ``3``; anything else is refused with DIS.4201 [§5.4.1]."""
    match = _PARTITION_ID.fullmatch(text)
    if match is None:
        raise Refusal(4201, text)
    return int(match[1])


def hash_of(partition_key: str) -> int:
    """The hash of a partition key, in 0 to 2^63-1 [SDK; vectors]."""
    try:
        text = partition_key.encode()
    except UnicodeEncodeError:
        text = partition_key.encode("utf-8", "surrogatepass")
    (number,) = _FIRST_NUMBER(md5(text, usedforsecurity=False).digest())
    return int(number) & MAX_HASH


def explicit_hash(text: str) -> int:
    """Parse an explicit hash key; refused with DIS.4200 unless it is a decimal number of 0 to 2^63-1 [T5-66]."""
    number = parse_number(text)
    if number is None:
        raise Refusal(4200, f"explicit_hash_key {text[:64]!r} is not a decimal number of 0 to {MAX_HASH}")
    return number


def hash_ranges(count: int) -> list[Range]:
    """The hash ranges of ``count`` partitions, both ends inclusive, by partition number."""
    share = MAX_HASH // count
    starts = [index * share for index in range(count)]
    return [Range(lo, hi - 1) for lo, hi in zip(starts, [*starts[1:], MAX_HASH + 1], strict=True)]
