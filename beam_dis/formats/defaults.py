"""The default of a field, which JSON records may leave out.

Rules:
1. Avro writes defaults in JSON of its own kind: bytes as text of code points up to 255, timestamps and dates as numbers,
   and null for any nullable type.
2. A default that doesn't fit its own field raises ConfigurationError.
"""

from __future__ import annotations

from typing import Any

import msgspec

from beam_dis.errors import ConfigurationError
from beam_dis.formats.mismatch import ValueMismatch, mismatch_of
from beam_dis.formats.scalars import SCALARS
from beam_dis.formats.schema import (
    NO_DEFAULT,
    ArrayOf,
    Enumeration,
    MapOf,
    Nullable,
    RecordField,
    RecordType,
    Scalar,
    Type,
)
from beam_dis.plain_values import shown


def default_of(field: RecordField) -> Any:
    """The Python value of a field's default."""
    try:
        return _value(field.type, field.default)
    except (ValueMismatch, OverflowError, UnicodeEncodeError) as error:
        raise ConfigurationError(
            f"field {field.name!r} has a default that doesn't fit it, {shown(field.default)}: {error}"
        ) from error


def _value(type_: Type, given: Any) -> Any:
    if isinstance(type_, Nullable):
        return None if given is None else _value(type_.of, given)
    if isinstance(type_, ArrayOf):
        return [_value(type_.of, item) for item in _expect(list, given)]
    if isinstance(type_, MapOf):
        return {key: _value(type_.of, item) for key, item in _expect(dict, given).items()}
    if isinstance(type_, RecordType):
        return _record(type_, _expect(dict, given))
    if isinstance(type_, Enumeration):
        return _symbol(type_, given)
    return _scalar(type_, given)


def _record(record: RecordType, given: dict[str, Any]) -> dict[str, Any]:
    value = {}
    for field in record.fields:
        member = given.get(field.name, field.default)
        if member is NO_DEFAULT:
            raise ValueMismatch(f"{field.name!r} is missing")
        value[field.name] = _value(field.type, member)
    return value


def _symbol(enumeration: Enumeration, given: Any) -> str:
    if given not in enumeration.symbols:
        raise ValueMismatch(f"{shown(given)} is not one of {', '.join(enumeration.symbols)}")
    return str(given)


def _scalar(scalar: Scalar, given: Any) -> Any:
    if scalar.name == "bytes":
        return _expect(str, given).encode("latin-1")
    codec = SCALARS[scalar.name]
    try:
        value = msgspec.convert(given, codec.json)
    except msgspec.ValidationError as error:
        raise mismatch_of(error, given) from error
    return value if codec.from_json is None else codec.from_json(value)


def _expect(kind: type, given: Any) -> Any:
    if not isinstance(given, kind):
        raise ValueMismatch(f"{shown(given)} is not a {kind.__name__}")
    return given
