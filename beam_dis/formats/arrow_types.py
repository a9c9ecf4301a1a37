"""The Arrow type of each type of a schema, and values on their way into Arrow columns and out of them.

Rules:
1. A column is of the type that says most in Arrow: timestamps have their unit and UTC, decimals their digits.
2. Values go in as the schema's numbers and come out as Python's values. ``from_arrow`` makes of these what they are in a row.
3. pyarrow takes long to import, so it is imported only when a function of this module is called.

======================  =============================================
Avro                    Arrow
======================  =============================================
null                    null
boolean                 bool
int, long               int32, int64
float, double           float, double
string, enum, uuid      string
bytes, fixed            binary
decimal                 decimal128 or decimal256; string above 76 digits
timestamp-*             timestamp[ms or us, tz=UTC]
local-timestamp-*       timestamp[ms or us]
date                    date32
time-millis, -micros    time32[ms], time64[us]
duration                struct of three int64
array, map              list, map of string
record, union           struct
a record inside itself  string, JSON text
======================  =============================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from beam_dis.formats.type_tree import (
    ArrayOf,
    DecimalType,
    Duration,
    Fixed,
    MapOf,
    Nullable,
    RecordType,
    Scalar,
    Type,
    UnionOf,
)
from beam_dis.formats.value_types import ValueTypes

Convert = Callable[[Any], Any]


def arrow_schema(record: RecordType, names: Sequence[str]) -> Any:
    """The Arrow schema of a record; ``names`` are the names of its columns."""
    import pyarrow as pa

    return pa.schema([_field(name, field.type) for name, field in zip(names, record.fields, strict=True)])


def _field(name: str, type_: Type) -> Any:
    import pyarrow as pa

    nullable = isinstance(type_, Nullable) or (isinstance(type_, UnionOf) and type_.null is not None)
    return pa.field(name, arrow_type(type_), nullable=nullable or type_ == Scalar("null"))


def arrow_type(type_: Type) -> Any:
    """The Arrow type of a type."""
    import pyarrow as pa

    if isinstance(type_, Nullable):
        return arrow_type(type_.of)
    if isinstance(type_, Scalar):
        return _scalars()[type_.name]
    if isinstance(type_, ArrayOf):
        return pa.list_(_field("item", type_.of))
    if isinstance(type_, MapOf):
        return pa.map_(pa.string(), _field("value", type_.of))
    if isinstance(type_, (RecordType, UnionOf, Duration)):
        record = type_ if isinstance(type_, RecordType) else type_.record
        return pa.struct([_field(field.name, field.type) for field in record.fields])
    if isinstance(type_, DecimalType):
        if type_.precision > 76:
            return pa.string()
        make = pa.decimal128 if type_.precision <= 38 else pa.decimal256
        return make(type_.precision, type_.scale)
    return pa.binary() if isinstance(type_, Fixed) and not type_.uuid else pa.string()


def _scalars() -> dict[str, Any]:
    import pyarrow as pa

    return {
        "null": pa.null(),
        "boolean": pa.bool_(),
        "int": pa.int32(),
        "long": pa.int64(),
        "unsigned-int": pa.int64(),
        "float": pa.float32(),
        "double": pa.float64(),
        "string": pa.string(),
        "uuid": pa.string(),
        "bytes": pa.binary(),
        "date": pa.date32(),
        "time-millis": pa.time32("ms"),
        "time-micros": pa.time64("us"),
        "timestamp-millis": pa.timestamp("ms", "UTC"),
        "timestamp-micros": pa.timestamp("us", "UTC"),
        "local-timestamp-millis": pa.timestamp("ms"),
        "local-timestamp-micros": pa.timestamp("us"),
    }


NumberOf = Callable[[Scalar], "Convert | None"]
"""Returns the function that makes the number of a scalar's value; None if the value is what Arrow takes."""


def number_of_rows(types: ValueTypes) -> NumberOf:
    """For values of ``types``."""

    def number_of(scalar: Scalar) -> Convert | None:
        number = types.number(scalar)
        return None if number is None else number.number

    return number_of


def number_of_numbers(types: ValueTypes) -> NumberOf:
    """For values whose times are the schema's numbers already, except local ones, which are always text."""
    number_of = number_of_rows(types)
    return lambda scalar: number_of(scalar) if scalar.name.startswith("local-") else None


def to_arrow(type_: Type, number_of: NumberOf) -> Convert | None:
    """The function that makes what Arrow takes of a value; None if the value itself is taken."""
    if isinstance(type_, Nullable):
        return _unless_none(to_arrow(type_.of, number_of))
    if isinstance(type_, Scalar):
        return number_of(type_)
    if isinstance(type_, ArrayOf):
        item = to_arrow(type_.of, number_of)
        return None if item is None else lambda values: [item(value) for value in values]
    if isinstance(type_, MapOf):
        of = to_arrow(type_.of, number_of) or _same
        return lambda value: [(key, of(item)) for key, item in value.items()]
    if isinstance(type_, (RecordType, UnionOf, Duration)):
        record = type_ if isinstance(type_, RecordType) else type_.record
        names = [field.name for field in record.fields]
        parts = [to_arrow(field.type, number_of) or _same for field in record.fields]

        def fields(row: Any) -> dict[str, Any]:
            return {name: part(value) for name, part, value in zip(names, parts, row, strict=True)}

        return _unless_none(fields) if isinstance(type_, UnionOf) else fields
    return str if isinstance(type_, DecimalType) and type_.precision > 76 else None


def columns(record: RecordType, number_of: NumberOf, schema: Any, rows: Sequence[Sequence[Any]]) -> list[Any]:
    """The columns of rows, by an Arrow schema."""
    import pyarrow as pa

    made = []
    values_of = zip(*rows, strict=True) if rows else iter([()] * len(record.fields))
    for field, column, values in zip(record.fields, schema, values_of, strict=True):
        convert = to_arrow(field.type, number_of)
        made.append(pa.array(values if convert is None else list(map(convert, values)), column.type))
    return made


def from_arrow(type_: Type, types: ValueTypes) -> Convert | None:
    """The function that makes a value of ``types`` of what Arrow's ``to_pylist`` returns; None if it is that already."""
    if isinstance(type_, Nullable):
        return _unless_none(from_arrow(type_.of, types))
    if isinstance(type_, Scalar):
        number = types.number(type_)
        return None if number is None else lambda time: number.value(number.number(time))
    if isinstance(type_, ArrayOf):
        item = from_arrow(type_.of, types)
        return None if item is None else lambda values: [item(value) for value in values]
    if isinstance(type_, MapOf):
        of = from_arrow(type_.of, types) or _same
        return lambda pairs: {key: of(value) for key, value in pairs}
    if isinstance(type_, (RecordType, UnionOf, Duration)):
        record = type_ if isinstance(type_, RecordType) else type_.record
        make = types.record(record).make
        parts = [from_arrow(field.type, types) or _same for field in record.fields]

        def row(fields: dict[str, Any]) -> Any:
            return make(tuple(part(value) for part, value in zip(parts, fields.values(), strict=True)))

        return _unless_none(row) if isinstance(type_, UnionOf) else row
    return Decimal if isinstance(type_, DecimalType) and type_.precision > 76 else None


def values(type_: Type, types: ValueTypes, column: Any) -> list[Any]:
    """The values of ``types`` in a column."""
    import pyarrow as pa

    inner = type_.of if isinstance(type_, Nullable) else type_
    number = types.number(inner) if isinstance(inner, Scalar) else None
    if number is None:
        convert = from_arrow(type_, types)
    else:  # a number is made faster of the column's numbers than of Python's times
        column = column.cast(pa.int32()) if column.type in {pa.date32(), pa.time32("ms")} else column
        column, convert = column.cast(pa.int64()), _unless_none(number.value)
    listed = column.to_pylist()
    return listed if convert is None else list(map(convert, listed))


def _unless_none(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _same(value: Any) -> Any:
    return value
