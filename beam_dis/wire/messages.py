"""How messages are encoded and decoded.

Rules:

1. Unknown fields are ignored and null means absent, in both directions, because real clients send both [SDK captures].
2. A body that doesn't parse, or has a wrong type, is refused with DIS.4300; a required field that is missing or null with
   DIS.4200 (ours).
3. Query parameters are messages too: text, which is converted to the field's type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from beam_dis.wire.error_codes import Refusal


class Message(msgspec.Struct, omit_defaults=True):
    """A JSON object of the protocol; None is not sent."""


class WireAnswer(msgspec.Struct):
    """A JSON object that the service sends, always with every field: clients access fields without checking [SDK]."""


class Query(Message):
    """The parameters after the ``?`` of a GET or DELETE."""


M = TypeVar("M")

_ENCODER = msgspec.json.Encoder()

_NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""The errors of decoding: the text isn't JSON, or is nested too deeply for any message."""

_MISSING = "Object missing required field"
"""How msgspec's text begins about a field that is missing in an object inside of the message."""


def encode(message: Any) -> bytes:
    """Encode a message as JSON; record data becomes base64."""
    return _ENCODER.encode(message)


def decode(kind: type[M], body: bytes | bytearray | memoryview) -> M:
    """Decode a request body; refused with DIS.4202 if empty, 4300 if it doesn't parse, 4200 if a field is missing."""
    if not body:
        raise Refusal(4202)
    try:
        return msgspec.json.decode(body, type=kind)
    except _NOT_JSON as error:
        fields = _parsed_object(body, error)
        return _convert(kind, fields, strict=True, malformed=4300)


def decode_query(kind: type[M], fields: Mapping[str, str]) -> M:
    """Convert query parameters to a message; refused with DIS.4200 if one is missing or has a wrong form."""
    return _convert(kind, {name: value for name, value in fields.items() if value != ""}, strict=False, malformed=4200)


def parse_query(raw: bytes | str) -> dict[str, str]:
    """Parse ``a=b&c=`` as the service does: a trailing ``&`` and a raw ``=`` in a value are allowed [SDK]."""
    text = raw.decode("latin-1") if isinstance(raw, bytes) else raw
    return dict(parse_qsl(text, keep_blank_values=True))


def without_nulls(value: Any) -> Any:
    """Drop the fields that are null from a parsed value and the objects inside it; a null in a list stays."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def query_fields(query: Query) -> dict[str, str]:
    """Convert a query message to text parameters: without None, booleans in lower case."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in msgspec.to_builtins(query).items()
        if value is not None
    }


def _parsed_object(body: bytes | bytearray | memoryview, error: Exception) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(body)
    except _NOT_JSON:
        raise Refusal(4300, f"the body is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise Refusal(4300, "the body is not a JSON object") from error
    return fields


def _convert(kind: type[M], fields: dict[str, Any], *, strict: bool, malformed: int) -> M:
    """Convert parsed fields, without nulls: the slow path, which tells a missing field from a wrong one."""
    present = without_nulls(fields)
    missing = [f.encode_name for f in msgspec.structs.fields(kind) if f.required and f.encode_name not in present]  # type: ignore[arg-type]
    if missing:
        raise Refusal(4200, f"{missing[0]} is missing")
    try:
        return msgspec.convert(present, kind, strict=strict)
    except msgspec.ValidationError as error:
        code = 4200 if str(error).startswith(_MISSING) else malformed
        raise Refusal(code, str(error)) from error
