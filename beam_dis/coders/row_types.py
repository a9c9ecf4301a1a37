"""The Beam row type of a schema: a NamedTuple with a RowCoder.

Rules:
1. A row type is made from its layout alone: the names and types of its fields. The same layout gives the same type and the
   same Beam schema id in every process and every release.
2. A row type is pickled by its name in this module, and its name contains its layout. So rows, their types and their coders
   can be unpickled on a worker that has never seen the schema, and no row carries more than its type's name.
3. int and float are Beam's widest, not numpy's int32 and float32, because Beam's own combiners and users' annotations say
   ``int`` and ``float``. Formats keep values in the range of their Avro type.
4. A field whose name can't be an attribute has another one in a row: see :func:`attributes`.

======================  =========================================  ===================================
Avro                    in a row                                   in Beam's schema
======================  =========================================  ===================================
null                    None                                       nullable STRING
int, long               int                                        INT64
float, double           float                                      DOUBLE
boolean                 bool                                       BOOLEAN
string, enum, uuid      str                                        STRING
bytes, fixed            bytes                                      BYTES
decimal                 decimal.Decimal                            decimal (logical)
timestamp-*             apache_beam.utils.timestamp.Timestamp      micros_instant (logical)
date                    datetime.date                              date (logical)
time-*                  int, microseconds since midnight           INT64
local-timestamp-*       str, ISO 8601 without a time zone          STRING
duration                a row of months, days and millis           ROW
array                   Sequence                                   ARRAY
map                     Mapping, str keys                          MAP
record                  a row type of its own                      ROW
null and one other      Optional                                   nullable
any other union         a row with a nullable field per branch     ROW
a record inside itself  str, JSON text                             STRING
======================  =========================================  ===================================
"""

from __future__ import annotations

import json
import keyword
import re
import unicodedata
import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple, Optional
from uuid import UUID, uuid5

from apache_beam import coders
from apache_beam.typehints import schemas
from apache_beam.typehints.row_type import RowTypeConstraint
from apache_beam.utils.timestamp import Timestamp

from beam_dis.formats.type_tree import (
    ArrayOf,
    DecimalType,
    Duration,
    Enumeration,
    Fixed,
    MapOf,
    Nullable,
    RecordType,
    Scalar,
    Type,
    UnionOf,
)

_NAMESPACE = UUID("1d2cb8a4-0cf1-4c5e-9a55-7f8f6a0b1d10")

_OPTIONAL: Any = Optional
_SEQUENCE: Any = Sequence
_MAPPING: Any = Mapping
"""As values, because mypy would take them for annotations, and types are made of them here from data."""

_CLASSES: dict[str, Any] = {
    "null": _OPTIONAL[str],
    "boolean": bool,
    "int": int,
    "long": int,
    "float": float,
    "double": float,
    "string": str,
    "bytes": bytes,
    "decimal": Decimal,
    "timestamp-millis": Timestamp,
    "timestamp-micros": Timestamp,
    "date": date,
}
"""The class of each type that a layout has by its name."""

_TEXTS = frozenset({"uuid", "local-timestamp-millis", "local-timestamp-micros"})
_NO_LETTER = re.compile(r"\W")


def attributes(names: Sequence[str]) -> tuple[str, ...]:
    """The attributes of a row for the names of fields: the names themselves, as far as they can be.

    Underscores at the start go to the end (``_id`` is ``id_``), keywords get one (``from_``), other characters become one
    (``user-agent`` is ``user_agent``), and ``field_`` comes before a digit. A name that is taken gets further underscores.
    """
    made: dict[str, str] = {}
    taken = {name for name in names if _is_attribute(name)}
    for name in names:
        attribute = name
        if not _is_attribute(name):
            attribute = _nearest(name)
            while attribute in taken:
                attribute += "_"
            taken.add(attribute)
        made[name] = attribute
    return tuple(made[name] for name in names)


def _is_attribute(name: str) -> bool:
    usual = name.isidentifier() and not name.startswith("_") and not keyword.iskeyword(name)
    return usual and unicodedata.normalize("NFKC", name) == name


def _nearest(name: str) -> str:
    text = _NO_LETTER.sub("_", unicodedata.normalize("NFKC", name))
    body = text.lstrip("_")
    attribute = body + "_" * (len(text) - len(body))
    if not body or not attribute.isidentifier():
        attribute = f"field_{attribute}"
    return f"{attribute}_" if keyword.iskeyword(attribute) else attribute


def layout_of(record: RecordType, *, numbers: frozenset[str] = frozenset(), texts: frozenset[str] = frozenset()) -> str:
    """The layout of a record's rows, as text.

    Args:
        record: the record.
        numbers: names of logical types that are numbers in the row.
        texts: names of logical types that are ISO 8601 text in the row.
    """
    text = {**dict.fromkeys(numbers, "long"), **dict.fromkeys(texts, "string")}
    return json.dumps(_layout(record, text), separators=(",", ":"), ensure_ascii=False)


def _layout(type_: Type, shown_as: Mapping[str, str]) -> Any:
    if isinstance(type_, Scalar):
        if type_.name in _TEXTS:
            return "string"
        return shown_as.get(type_.name, type_.name if type_.name in _CLASSES else "long")
    if isinstance(type_, Nullable):
        return ["?", _layout(type_.of, shown_as)]
    if isinstance(type_, (ArrayOf, MapOf)):
        return ["[]" if isinstance(type_, ArrayOf) else "{}", _layout(type_.of, shown_as)]
    if isinstance(type_, RecordType):
        fields = [[field.name, _layout(field.type, shown_as)] for field in type_.fields]
        return ["()", type_.name, fields]
    if isinstance(type_, UnionOf):
        row = _layout(type_.record, shown_as)
        return row if type_.null is None else ["?", row]
    if isinstance(type_, Duration):
        return _layout(type_.record, shown_as)
    if isinstance(type_, Fixed):
        return "string" if type_.uuid else "bytes"
    if isinstance(type_, DecimalType):
        return shown_as.get("decimal", "decimal")
    return "enum" if isinstance(type_, Enumeration) else "string"


@cache
def row_type(layout: str) -> Any:
    """The NamedTuple of a layout, registered with its RowCoder and its schema."""
    _, name, fields = json.loads(layout)
    names = attributes([field for field, _ in fields])
    named_tuple: Any = NamedTuple
    simple = attributes([name.rpartition(".")[2]])[0]
    made = named_tuple(simple, [(label, _class(type_)) for label, (_, type_) in zip(names, fields, strict=True)])
    packed = urlsafe_b64encode(zlib.compress(layout.encode(), 9)).decode("ascii").rstrip("=")
    made.__module__ = __name__
    made.__qualname__ = f"{simple}:{packed}"
    made.__doc__ = f"A row of the schema {name}."
    made._beam_schema_id = str(uuid5(_NAMESPACE, layout))  # noqa: SLF001 - where Beam looks for it
    coders.registry.register_coder(made, coders.RowCoder)
    schemas.named_tuple_to_schema(made)  # registers it with Beam, under the id
    return made


def __getattr__(name: str) -> Any:
    """A row type by the name that it is pickled with."""
    _, colon, packed = name.partition(":")
    if not colon:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return row_type(zlib.decompress(urlsafe_b64decode(packed + "=" * (-len(packed) % 4))).decode())


class RowTypeHint(RowTypeConstraint):
    """A row type as Beam's own type hint.

    Beam knows the types of the fields by it, as by RowTypeConstraint, also those of keys that are made of them; and it keeps the
    row type, which a coder made from a RowTypeConstraint doesn't.
    """

    def __init__(self, made: Any) -> None:
        super().__init__([(name, made.__annotations__[name]) for name in made._fields], made)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RowTypeConstraint) and self._fields == other._fields

    def __hash__(self) -> int:
        return hash(self._fields)

    def __reduce__(self) -> Any:
        return RowTypeHint, (self._user_type,)


class HintedRowCoder(coders.RowCoder):
    """Makes the RowCoder of a :class:`RowTypeHint`."""

    @classmethod
    def from_type_hint(cls, hint: RowTypeHint, _registry: Any) -> Any:
        """The coder of a hint's rows."""
        return coders.RowCoder(schemas.named_tuple_to_schema(hint.user_type))


coders.registry.register_coder(RowTypeHint, HintedRowCoder)


def _class(layout: Any) -> Any:
    if isinstance(layout, str):
        return _CLASSES.get(layout, str)
    kind = layout[0]
    if kind == "()":
        return row_type(json.dumps(layout, separators=(",", ":"), ensure_ascii=False))
    inner = _class(layout[1])
    return _OPTIONAL[inner] if kind == "?" else _SEQUENCE[inner] if kind == "[]" else _MAPPING[str, inner]
