"""What every message shares: how it becomes bytes and comes back.

Law: unknown fields are ignored and null means absent, in both directions, because real clients send both [SDK captures].
A body that doesn't parse, or has a wrong type, is refused with DIS.4300; a required field that is missing or null with
DIS.4200 (ours). Query parameters are messages too: text that is read leniently as the field's type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec

from beam_dis.wire.error_codes import Refusal


class Message(msgspec.Struct, omit_defaults=True):
    """A JSON object of the protocol; None is not sent."""


class Answer(msgspec.Struct):
    """A JSON object that the service sends: every field is there, clients index into it without looking [SDK]."""


class Query(Message):
    """The parameters behind the ``?`` of a GET or DELETE."""


M = TypeVar("M")

_ENCODER = msgspec.json.Encoder()

_NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises on what isn't JSON, or is nested too deep to be any of ours."""


def encode(message: Any) -> bytes:
    """A message as JSON bytes; record data becomes base64."""
    return _ENCODER.encode(message)


def decode(kind: type[M], body: bytes | bytearray | memoryview) -> M:
    """A request body as ``kind``; refused with DIS.4202 if empty, 4300 if it doesn't parse, 4200 if a field lacks."""
    if not body:
        raise Refusal(4202)
    try:
        return msgspec.json.decode(body, type=kind)
    except _NOT_JSON as error:
        fields = _parsed_object(body, error)
        return _convert(kind, fields, strict=True, malformed=4300)


def decode_query(kind: type[M], fields: Mapping[str, str]) -> M:
    """Query parameters as ``kind``; refused with DIS.4200 where one is missing or isn't what it should be."""
    return _convert(kind, {name: value for name, value in fields.items() if value != ""}, strict=False, malformed=4200)


def parse_query(raw: bytes | str) -> dict[str, str]:
    """``a=b&c=`` as a dict, as the service reads it: a trailing ``&`` and a raw ``=`` in a value are fine [SDK]."""
    text = raw.decode("latin-1") if isinstance(raw, bytes) else raw
    return dict(parse_qsl(text, keep_blank_values=True))


def query_fields(query: Query) -> dict[str, str]:
    """A query message as text parameters, None left out, booleans in lower case."""
    return {name: _text(value) for name, value in msgspec.to_builtins(query).items() if value is not None}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parsed_object(body: bytes | bytearray | memoryview, error: Exception) -> dict[str, Any]:
    try:
        fields = msgspec.json.decode(body)
    except _NOT_JSON:
        raise Refusal(4300, f"the body is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise Refusal(4300, "the body is not a JSON object") from error
    return fields


def _without_nulls(value: Any) -> Any:
    """A parsed value whose objects, however deep, hold no field that is null; a null in a list stays."""
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _convert(kind: type[M], fields: dict[str, Any], *, strict: bool, malformed: int) -> M:
    """The slow path, which drops nulls and tells a missing field from a wrong one."""
    present = _without_nulls(fields)
    missing = [f.encode_name for f in msgspec.structs.fields(kind) if f.required and f.encode_name not in present]  # type: ignore[arg-type]
    if missing:
        raise Refusal(4200, f"{missing[0]} is missing")
    try:
        return msgspec.convert(present, kind, strict=strict)
    except msgspec.ValidationError as error:
        raise Refusal(malformed, str(error)) from error
