"""The default of a field, which JSON records and elements to write may leave out.

Rules:
1. Avro writes defaults in JSON of its own kind: bytes, fixed and decimals as text of code points up to 255, timestamps and
   dates as numbers, and a union's default as the value of a branch.
2. A default that doesn't fit its own field raises ConfigurationError.
"""

from __future__ import annotations

from typing import Any

from beam_dis.errors import ConfigurationError
from beam_dis.formats.mismatch import FAULTS, ValueMismatch, brief, expected
from beam_dis.formats.scalars import RANGES, check_of, from_unscaled, to_integer
from beam_dis.formats.type_tree import (
    NO_DEFAULT,
    ArrayOf,
    DecimalType,
    Duration,
    Enumeration,
    Fixed,
    JSONText,
    MapOf,
    Nullable,
    RecordField,
    RecordType,
    Scalar,
    Schema,
    Type,
    UnionOf,
)
from beam_dis.formats.value_types import ValueTypes
from beam_dis.plain_values import shown


def defaults_of(schema: Schema, record: RecordType, types: ValueTypes) -> dict[str, Any]:
    """The values of the fields of a record that have defaults, by their names. Raises ConfigurationError."""
    return {field.name: default_of(schema, field, types) for field in record.fields if field.default is not NO_DEFAULT}


def default_of(schema: Schema, field: RecordField, types: ValueTypes) -> Any:
    """The value of a field's default. Raises ConfigurationError."""
    try:
        return _Defaults(schema, types).value(field.type, field.default)
    except (ValueMismatch, *FAULTS) as error:
        raise ConfigurationError(
            f"field {field.name!r} has a default that doesn't fit it, {shown(field.default)}: {brief(error)}"
        ) from error


class _Defaults:
    def __init__(self, schema: Schema, types: ValueTypes) -> None:
        self._schema = schema
        self._types = types

    def value(self, type_: Type, given: Any) -> Any:
        if isinstance(type_, Nullable):
            return None if given is None else self.value(type_.of, given)
        if isinstance(type_, ArrayOf):
            return [self.value(type_.of, item) for item in _expect(list, given)]
        if isinstance(type_, MapOf):
            return {key: self.value(type_.of, item) for key, item in _expect(dict, given).items()}
        if isinstance(type_, RecordType):
            return self._types.record(type_).make(tuple(self._members(type_, _expect(dict, given))))
        if isinstance(type_, UnionOf):
            return self._branch(type_, given)
        if isinstance(type_, JSONText):
            self.value(self._schema.resolve(type_.of), given)
            return given
        return self._scalar(type_, given)

    def _members(self, record: RecordType, given: dict[str, Any]) -> list[Any]:
        values = []
        for field in record.fields:
            member = given.get(field.name, field.default)
            if member is NO_DEFAULT:
                raise ValueMismatch(f"{field.name!r} is missing")
            values.append(self.value(field.type, member))
        return values

    def _branch(self, union: UnionOf, given: Any) -> Any:
        if given is None and union.null is not None:
            return None
        for place, field in enumerate(union.record.fields):
            try:
                value = self.value(field.type.of, given)  # type: ignore[union-attr]
            except (ValueMismatch, *FAULTS):
                continue
            count = len(union.record.fields)
            return self._types.record(union.record).make(
                tuple(value if place == other else None for other in range(count))
            )
        raise expected(" | ".join(union.tags), given)

    def _scalar(self, type_: Any, given: Any) -> Any:
        if isinstance(type_, (Fixed, Duration, DecimalType)) or type_ == Scalar("bytes"):
            data = _expect(str, given).encode("latin-1")
            if isinstance(type_, DecimalType):
                return from_unscaled(int.from_bytes(data, "big", signed=True), type_)
            if isinstance(type_, Duration):
                raise ValueMismatch("durations have no defaults")
            return check_of(type_).convert(data) if isinstance(type_, Fixed) and not type_.uuid else data
        if isinstance(type_, Enumeration):
            return check_of(type_).convert(given)
        number = self._types.number(type_)
        if number is not None:
            return number.value(to_integer(*RANGES[type_.avro])(_expect(int, given)))
        return check_of(type_).convert(given)


def _expect(kind: type, given: Any) -> Any:
    if not isinstance(given, kind) or isinstance(given, bool):
        raise ValueMismatch(f"{shown(given)} is not a {kind.__name__}")
    return given
