"""Partition cursors: base64url of compact JSON, as the service issues them.

Law: official clients decode cursors, so the shape is exact: ``getIteratorParam`` and ``generateTimestamp`` on top,
padding ``=`` kept off, nothing that needs escaping in a URL [SDK; vendor's page dis_06_0055]. A cursor holds the
number it stands at, resolved when it was issued; extra keys inside ``getIteratorParam`` are ignored by clients, so
``stream-id`` ties a cursor to one incarnation of a stream (ours).
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error

import msgspec

from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import MAX_CURSOR_CHARS
from beam_dis.wire.ranges import parse_number


class IteratorParam(msgspec.Struct, frozen=True, rename="kebab", omit_defaults=True):
    """Where a cursor stands."""

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
    """The cursor as it travels."""
    return urlsafe_b64encode(_ENCODER.encode(token)).rstrip(b"=").decode("ascii")


def decode_cursor(text: str) -> CursorToken:
    """What a cursor says; refused with DIS.4217 where it isn't one of ours."""
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
