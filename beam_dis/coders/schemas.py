"""The Beam row type of a schema: a NamedTuple with a RowCoder.

Rules:
1. The same schema gives the same type and the same Beam schema id in every process. So rows, their types and their coders
   can be unpickled on a worker that has never seen the schema.
2. int and float are Beam's widest, not numpy's int32 and float32, because Beam's own combiners and users' annotations say
   ``int`` and ``float``. Formats keep values in the range of their Avro type.

=================  =========================================  ===================================
Avro               in a row                                   in Beam's schema
=================  =========================================  ===================================
int, long          int                                        INT64
float, double      float                                      DOUBLE
boolean            bool                                       BOOLEAN
string, enum       str                                        STRING
bytes              bytes                                      BYTES
timestamp-*        apache_beam.utils.timestamp.Timestamp      micros_instant (logical)
date               datetime.date                              date (logical)
array              Sequence                                   ARRAY
map                Mapping, str keys                          MAP
record             a row type of its own                      ROW
null and one       Optional                                   nullable
=================  =========================================  ===================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any, NamedTuple, Optional
from uuid import UUID, uuid5

from apache_beam import coders
from apache_beam.typehints import schemas
from apache_beam.utils.timestamp import Timestamp

from beam_dis.formats.schema import ArrayOf, Enumeration, MapOf, Nullable, RecordType, Scalar, Type

_NAMESPACE = UUID("1d2cb8a4-0cf1-4c5e-9a55-7f8f6a0b1d10")

_OPTIONAL: Any = Optional
_SEQUENCE: Any = Sequence
_MAPPING: Any = Mapping
"""As values, because mypy would take them for annotations, and types are made of them here from data."""

_SCALARS: dict[str, Any] = {
    "boolean": bool,
    "int": int,
    "long": int,
    "float": float,
    "double": float,
    "string": str,
    "bytes": bytes,
    "timestamp-millis": Timestamp,
    "timestamp-micros": Timestamp,
    "date": date,
}


@cache
def row_type(record: RecordType) -> Any:
    """The NamedTuple of a record, registered with its RowCoder and its schema."""
    fields = [(field.name, _type(field.type)) for field in record.fields]
    named_tuple: Any = NamedTuple
    made = named_tuple(record.name.rpartition(".")[2], fields)
    made.__module__ = __name__
    made.__doc__ = f"A row of the schema {record.name}."
    made.__reduce__ = _reduced_to(record)
    made._beam_schema_id = str(uuid5(_NAMESPACE, repr(record)))  # noqa: SLF001 - where Beam looks for it
    coders.registry.register_coder(made, coders.RowCoder)
    schemas.named_tuple_to_schema(made)  # registers it with Beam, under the id
    return made


def _reduced_to(record: RecordType) -> Callable[[Any], Any]:
    return lambda row: (_row, (record, tuple(row)))


def _row(record: RecordType, values: tuple[Any, ...]) -> Any:
    return row_type(record)(*values)


def _type(type_: Type) -> Any:
    if isinstance(type_, Scalar):
        return _SCALARS[type_.name]
    if isinstance(type_, Enumeration):
        return str
    if isinstance(type_, RecordType):
        return row_type(type_)
    inner = _type(type_.of)
    return _NESTED[type(type_)](inner)


_NESTED: dict[type, Callable[[Any], Any]] = {
    Nullable: lambda inner: _OPTIONAL[inner],
    ArrayOf: lambda inner: _SEQUENCE[inner],
    MapOf: lambda inner: _MAPPING[str, inner],
}
