"""Partition cursors: base64url of compact JSON, as the service issues them.

Rules:

1. The shape is exact, because official clients decode cursors: ``getIteratorParam`` and ``generateTimestamp`` on top, no ``=``
   as padding, no character that a URL must escape [SDK; vendor's page dis_06_0055].
2. A cursor contains its sequence number, which the service resolves when it issues the cursor.
3. ``stream-id`` tells a stream from another one of the same name (ours); clients ignore extra keys in ``getIteratorParam``.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error

import msgspec

from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import MAX_CURSOR_CHARS
from beam_dis.wire.ranges import parse_number


class IteratorParam(msgspec.Struct, frozen=True, rename="kebab", omit_defaults=True):
    """The position of a cursor."""

    stream_name: str
    partition_id: str
    cursor_type: str
    starting_sequence_number: str
    stream_id: str = ""


class CursorToken(msgspec.Struct, frozen=True, rename="camel"):
    """A decoded cursor; ``generate_timestamp`` is in milliseconds."""

    get_iterator_param: IteratorParam
    generate_timestamp: int


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(CursorToken)


def encode_cursor(token: CursorToken) -> str:
    """The cursor as text."""
    return urlsafe_b64encode(_ENCODER.encode(token)).rstrip(b"=").decode("ascii")


def decode_cursor(text: str) -> CursorToken:
    """Decode a cursor; anything else is refused with DIS.4217."""
    try:
        if not 1 <= len(text) <= MAX_CURSOR_CHARS:
            raise ValueError(len(text))
        raw = text.rstrip("=").encode("ascii")
        token = _DECODER.decode(urlsafe_b64decode(raw + b"=" * (-len(raw) % 4)))
        if parse_number(token.get_iterator_param.starting_sequence_number) is None:
            raise ValueError(token.get_iterator_param.starting_sequence_number)
    except (ValueError, Base64Error, msgspec.MsgspecError) as error:
        raise Refusal(4217, text[:MAX_CURSOR_CHARS]) from error
    return token
