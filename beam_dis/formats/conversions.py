"""Functions that convert the scalars and records inside a nested value, made from a schema once.

Rules:
1. A type without anything to convert has None as its function, so that it costs nothing.
2. A value of another type than the schema says is returned as it is; the check that follows names it.
3. A ValueMismatch is raised with the path to its value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from beam_dis.formats.mismatch import ValueMismatch
from beam_dis.formats.schema import ArrayOf, Enumeration, MapOf, Nullable, RecordType, Type
from beam_dis.plain_values import shown

Conversion = Callable[[Any], Any]


def conversion_of(
    type_: Type,
    scalar: Callable[[str], Conversion | None],
    record: Callable[[RecordType, Conversion | None], Conversion | None] | None = None,
) -> Conversion | None:
    """The function that converts values of a type; None if there is nothing to convert.

    Args:
        type_: the type, with its nested types.
        scalar: returns the conversion of a scalar type, by its name.
        record: returns the conversion of a record, from that of its fields, which takes a dict and returns a new one.
            By default the conversion of the fields is used.
    """
    if isinstance(type_, Enumeration):
        return None
    if isinstance(type_, RecordType):
        fields = _fields(type_, scalar, record)
        return fields if record is None else record(type_, fields)
    if not isinstance(type_, (Nullable, ArrayOf, MapOf)):
        conversion = scalar(type_.name)
        return None if conversion is None else _named(conversion)
    inner = conversion_of(type_.of, scalar, record)
    return None if inner is None else _NESTED[type(type_)](inner)


def _fields(record: RecordType, scalar: Callable[[str], Conversion | None], wrap: Any) -> Conversion | None:
    conversions = [(field.name, conversion_of(field.type, scalar, wrap)) for field in record.fields]
    pending = [(name, conversion) for name, conversion in conversions if conversion is not None]
    return _in_fields(pending) if pending else None


def _in_fields(pending: list[tuple[str, Conversion]]) -> Conversion:
    def convert_fields(value: Any) -> Any:
        if not isinstance(value, (dict, Mapping)):
            return value
        converted = dict(value)
        for name, conversion in pending:
            try:
                if name in converted:
                    converted[name] = conversion(converted[name])
            except ValueMismatch as mismatch:  # noqa: PERF203 - free if nothing is raised, except on 3.10
                raise mismatch.inside(f".{name}") from mismatch
        return converted

    return convert_fields


def _named(conversion: Conversion) -> Conversion:
    def convert_scalar(value: Any) -> Any:
        try:
            return conversion(value)
        except (ValueError, OverflowError) as error:
            raise ValueMismatch(f"{shown(value)} is out of range: {error}") from error

    return convert_scalar


def _unless_none(conversion: Conversion) -> Conversion:
    return lambda value: None if value is None else conversion(value)


def _in_items(conversion: Conversion) -> Conversion:
    def convert_items(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return value
        converted = []
        for index, item in enumerate(value):
            try:
                converted.append(conversion(item))
            except ValueMismatch as mismatch:  # noqa: PERF203 - free if nothing is raised, except on 3.10
                raise mismatch.inside(f"[{index}]") from mismatch
        return converted

    return convert_items


def _in_values(conversion: Conversion) -> Conversion:
    def convert_values(value: Any) -> Any:
        if not isinstance(value, (dict, Mapping)):
            return value
        converted = {}
        for key, item in value.items():
            try:
                converted[key] = conversion(item)
            except ValueMismatch as mismatch:  # noqa: PERF203 - free if nothing is raised, except on 3.10
                raise mismatch.inside(f"[{key!r}]") from mismatch
        return converted

    return convert_values


_NESTED: dict[type, Callable[[Conversion], Conversion]] = {
    Nullable: _unless_none,
    ArrayOf: _in_items,
    MapOf: _in_values,
}
