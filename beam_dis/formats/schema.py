"""A stream's data_schema as a tree of types.

Rules:
1. The text is an Avro schema; fastavro decides whether it is one, and this module whether rows can have it.
2. A schema that isn't supported raises ConfigurationError with the name of the field, here and not at the first record.
3. Fields and records may have the same name, and records need no namespace, as in the vendor's example [API dis_02_0016].
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from beam_dis.errors import ConfigurationError
from beam_dis.formats.mismatch import shown
from beam_dis.formats.scalars import SCALARS


class _Default(Enum):
    """An enum, because a bare ``object()`` would not be the same object after pickling."""

    NONE = "none"


NO_DEFAULT: Any = _Default.NONE

_LOGICAL = {
    ("long", "timestamp-millis"): "timestamp-millis",
    ("long", "timestamp-micros"): "timestamp-micros",
    ("int", "date"): "date",
}
_REFUSED_LOGICAL = frozenset(
    {
        ("bytes", "decimal"),
        ("int", "time-millis"),
        ("long", "local-timestamp-micros"),
        ("long", "local-timestamp-millis"),
        ("long", "local-timestamp-nanos"),
        ("long", "time-micros"),
        ("long", "timestamp-nanos"),
        ("string", "uuid"),
    }
)

_NO_SCHEMA = (SchemaParseException, UnknownType, LookupError, TypeError, ValueError, AttributeError, RecursionError)
"""The errors of parsing text that isn't JSON, or JSON that isn't a schema."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A type of the table in ``scalars``, by its name."""

    name: str


@dataclass(frozen=True, slots=True)
class Enumeration:
    """One of the symbols."""

    name: str
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Nullable:
    """A value or None: Avro's union of null and one other type."""

    of: Type


@dataclass(frozen=True, slots=True)
class ArrayOf:
    """A list."""

    of: Type


@dataclass(frozen=True, slots=True)
class MapOf:
    """A dict with str keys."""

    of: Type


@dataclass(frozen=True, slots=True)
class RecordField:
    """A field; ``default`` is as the schema has it, :data:`NO_DEFAULT` if there is none.

    Two records that differ in defaults alone have the same values, so they are equal.
    """

    name: str
    type: Type
    default: Any = field(default=NO_DEFAULT, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class RecordType:
    """Fields in order; at least one."""

    name: str
    fields: tuple[RecordField, ...]


Type = Scalar | Enumeration | Nullable | ArrayOf | MapOf | RecordType


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema: its ``text``, the ``record`` that it describes, and ``avro``, as fastavro takes it."""

    text: str
    record: RecordType
    avro: Any


def read_schema(schema: str | Mapping[str, Any]) -> Schema:
    """Read a data_schema, as text or already parsed from JSON.

    Raises ConfigurationError if it isn't an Avro schema, isn't a record, or has a type that isn't supported.
    """
    text = schema if isinstance(schema, str) else json.dumps(schema)
    try:
        avro: Any = fastavro.parse_schema(json.loads(text))
    except _NO_SCHEMA as error:
        raise ConfigurationError(f"data_schema {shown(schema)} is not an Avro schema: {error!r}") from error
    if not isinstance(avro, dict) or avro["type"] != "record":
        raise ConfigurationError(f"data_schema {shown(schema)} is not a record: rows need one, with fields")
    return Schema(text, _record(avro, dict(avro["__named_schemas"]), "", ()), avro)


def is_avro(text: str) -> bool:
    """Whether a text is an Avro schema of any kind, also one that isn't supported for rows."""
    try:
        fastavro.parse_schema(json.loads(text))
    except _NO_SCHEMA:
        return False
    return True


def _type(avro: Any, named: dict[str, Any], path: str, inside: tuple[str, ...]) -> Type:
    """``inside`` names the enclosing records, so that recursion is found."""
    if isinstance(avro, list):
        return _union(avro, named, path, inside)
    if isinstance(avro, str):
        avro = named.get(avro, {"type": avro})
    kind = avro["type"]
    if kind == "record":
        return _record(avro, named, path, inside)
    if kind == "array":
        return ArrayOf(_type(avro["items"], named, f"{path}[]", inside))
    if kind == "map":
        return MapOf(_type(avro["values"], named, f"{path}[]", inside))
    if kind == "enum":
        return Enumeration(avro["name"], tuple(avro["symbols"]))
    return _scalar(kind, avro.get("logicalType"), path)


def _scalar(kind: Any, logical: Any, path: str) -> Scalar:
    if (kind, logical) in _REFUSED_LOGICAL:
        raise ConfigurationError(f"field {path!r} is of type {logical!r}, which is not supported: use {kind!r} alone")
    name = _LOGICAL.get((kind, logical), kind)
    if name not in SCALARS:
        raise ConfigurationError(
            f"field {path!r} is of type {name!r}, which is not supported; these are: {', '.join(SCALARS)}"
        )
    return Scalar(name)


def _union(branches: list[Any], named: dict[str, Any], path: str, inside: tuple[str, ...]) -> Nullable:
    others = [branch for branch in branches if branch != "null"]
    if len(others) != 1 or len(branches) != 2:
        raise ConfigurationError(
            f"field {path!r} is a union of {shown(branches)}: only unions of null and one other type are supported"
        )
    return Nullable(_type(others[0], named, path, inside))


def _record(avro: Any, named: dict[str, Any], path: str, inside: tuple[str, ...]) -> RecordType:
    name = avro["name"]
    if name in inside:
        raise ConfigurationError(
            f"field {path!r} contains its own record {name!r}: recursive schemas are not supported"
        )
    names = [member["name"] for member in avro["fields"]]
    if not names:
        raise ConfigurationError(f"record {name!r} at {path!r} has no fields: give it at least one")
    if len(set(names)) < len(names):
        raise ConfigurationError(f"record {name!r} at {path!r} has two fields of one name: {', '.join(names)}")
    return RecordType(name, tuple(_field(member, named, path, (*inside, name)) for member in avro["fields"]))


def _field(avro: Any, named: dict[str, Any], path: str, inside: tuple[str, ...]) -> RecordField:
    where = f"{path}.{avro['name']}".removeprefix(".")
    return RecordField(avro["name"], _type(avro["type"], named, where, inside), avro.get("default", NO_DEFAULT))
