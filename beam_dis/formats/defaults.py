"""What a field is where a record leaves it out.

Law: Avro spells defaults in JSON of its own kind: bytes as text of code points up to 255, timestamps and dates as numbers,
null as any branch of a nullable. A default that its own field could not hold is a ConfigurationError.
"""

from __future__ import annotations

from typing import Any

import msgspec

from beam_dis.errors import ConfigurationError
from beam_dis.formats.misfit import Misfit, misfit_of, shown
from beam_dis.formats.scalars import SCALARS
from beam_dis.formats.schema import NO_DEFAULT, ArrayOf, Enumeration, Field, MapOf, Nullable, Record, Scalar, Type


def default_of(field: Field) -> Any:
    """The Python value of a field's default."""
    try:
        return _value(field.type, field.default)
    except (Misfit, OverflowError, UnicodeEncodeError) as error:
        raise ConfigurationError(
            f"field {field.name!r} has a default that doesn't fit it, {shown(field.default)}: {error}"
        ) from error


def _value(type_: Type, spelling: Any) -> Any:
    if isinstance(type_, Nullable):
        return None if spelling is None else _value(type_.of, spelling)
    if isinstance(type_, ArrayOf):
        return [_value(type_.of, item) for item in _expect(list, spelling)]
    if isinstance(type_, MapOf):
        return {key: _value(type_.of, item) for key, item in _expect(dict, spelling).items()}
    if isinstance(type_, Record):
        return _record(type_, _expect(dict, spelling))
    if isinstance(type_, Enumeration):
        return _symbol(type_, spelling)
    return _scalar(type_, spelling)


def _record(record: Record, spelling: dict[str, Any]) -> dict[str, Any]:
    value = {}
    for field in record.fields:
        given = spelling.get(field.name, field.default)
        if given is NO_DEFAULT:
            raise Misfit(f"{field.name!r} is missing")
        value[field.name] = _value(field.type, given)
    return value


def _symbol(enumeration: Enumeration, spelling: Any) -> str:
    if spelling not in enumeration.symbols:
        raise Misfit(f"{shown(spelling)} is not one of {', '.join(enumeration.symbols)}")
    return str(spelling)


def _scalar(scalar: Scalar, spelling: Any) -> Any:
    if scalar.name == "bytes":
        return _expect(str, spelling).encode("latin-1")
    row = SCALARS[scalar.name]
    try:
        value = msgspec.convert(spelling, row.json)
    except msgspec.ValidationError as error:
        raise misfit_of(error, spelling) from error
    return value if row.from_json is None else row.from_json(value)


def _expect(kind: type, spelling: Any) -> Any:
    if not isinstance(spelling, kind):
        raise Misfit(f"{shown(spelling)} is not a {kind.__name__}")
    return spelling
