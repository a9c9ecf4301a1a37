"""Sequence numbers and locations: how the number of a record in the store looks to clients.

Rules:

1. The sequence numbers of V3IO are unique in their shard, and later records have higher ones. They need not be consecutive
   [D]. Here they have gaps on purpose, so that nothing can rely on consecutive ones.
2. A number of the store and its sequence number give each other, without any state.
3. A location is base64 of 16 bytes, as those of the service are [D]. It is for one shard of one stream; if the stream is deleted
   and created again, it is refused. It doesn't expire before its records do.
"""

from __future__ import annotations

import binascii
import hashlib
import struct
from base64 import b64decode, b64encode

_TOKEN = struct.Struct(">QI4s")
_CHECK_BYTES = 4


def sequence_number(number: int) -> int:
    """The sequence number of a record: 1 for the first one, then 1 to 7 more for each."""
    return 4 * number + 1 + (number ^ number >> 2 ^ number >> 5) % 4


def number_of(sequence: int) -> int | None:
    """The number of the record that has a sequence number; None if none ever has it."""
    number = (sequence - 1) // 4
    return number if number >= 0 and sequence_number(number) == sequence else None


def number_after(sequence: int) -> int | None:
    """The number of the record after the one whose sequence number is just below; official consumers seek so [S]."""
    before = number_of(sequence - 1)
    return None if before is None else before + 1


def encode_location(stream_id: str, shard: int, number: int) -> str:
    """The location of a record, or of the end of a shard."""
    token = _TOKEN.pack(number, shard, _check(stream_id, shard, number))
    return b64encode(token).decode()


def decode_location(stream_id: str, shard: int, location: str) -> int | None:
    """The number at a location in a shard; None if it is none of this shard."""
    try:
        number, owner, check = _TOKEN.unpack(b64decode(location, validate=True))
    except (binascii.Error, ValueError, struct.error):
        return None
    return int(number) if (owner, check) == (shard, _check(stream_id, shard, number)) else None


def _check(stream_id: str, shard: int, number: int) -> bytes:
    return hashlib.blake2b(f"{stream_id} {shard} {number}".encode(), digest_size=_CHECK_BYTES).digest()
