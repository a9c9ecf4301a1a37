"""A stream's data_schema as a tree of types.

Rules:
1. The text is an Avro schema; fastavro decides whether it is one, and this module whether rows can have it.
2. A schema that isn't supported raises ConfigurationError with the name of the field, here and not at the first record.
3. Fields and records may have the same name, and records need no namespace, as in the vendor's example [API dis_02_0016].
4. Fields become attributes and records become classes, so their names are Python identifiers.
5. Nesting is bounded, because Beam keeps a row's schema in a protobuf message, which has at most 100 levels.
6. A byte order mark in front of the text is dropped.
"""

from __future__ import annotations

import json
import keyword
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from unicodedata import normalize

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from beam_dis.errors import ConfigurationError
from beam_dis.formats.byte_order_mark import TEXT_MARK
from beam_dis.formats.scalars import SCALARS
from beam_dis.plain_values import shown


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

_MAX_NESTING = 50
"""In arrays and maps around a value; a record counts twice, since Beam's schema has twice as many levels for it."""

_IN_ARRAY_OR_MAP = "[]"

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

    Raises ConfigurationError if it isn't an Avro schema, isn't a record, or has a type or a name that isn't supported.
    """
    try:
        text = schema.removeprefix(TEXT_MARK) if isinstance(schema, str) else json.dumps(schema)
        avro: Any = fastavro.parse_schema(json.loads(text))
    except _NO_SCHEMA as error:
        raise ConfigurationError(f"data_schema {shown(schema)} is not an Avro schema: {error!r}") from error
    if not isinstance(avro, dict) or avro["type"] != "record":
        raise ConfigurationError(f"data_schema {shown(schema)} is not a record: rows need one, with fields")
    return Schema(text, _record(avro, dict(avro["__named_schemas"]), "", ()), avro)


def is_avro(text: str) -> bool:
    """Whether a text is an Avro schema of any kind, also one that isn't supported for rows."""
    try:
        fastavro.parse_schema(json.loads(text.removeprefix(TEXT_MARK)))
    except _NO_SCHEMA:
        return False
    return True


def _type(avro: Any, named: dict[str, Any], path: str, inside: tuple[str, ...]) -> Type:
    """``inside`` has the name of each enclosing record, so that recursion is found, and "[]" for each array and map."""
    if len(inside) + sum(name != _IN_ARRAY_OR_MAP for name in inside) > _MAX_NESTING:
        raise ConfigurationError(
            f"field {path!r} is nested too deeply: {_MAX_NESTING} levels are supported, and a record counts as two"
        )
    if isinstance(avro, list):
        return _union(avro, named, path, inside)
    if isinstance(avro, str):
        avro = named.get(avro, {"type": avro})
    kind = avro["type"]
    if kind == "record":
        return _record(avro, named, path, inside)
    if kind == "array":
        return ArrayOf(_type(avro["items"], named, f"{path}[]", (*inside, _IN_ARRAY_OR_MAP)))
    if kind == "map":
        return MapOf(_type(avro["values"], named, f"{path}[]", (*inside, _IN_ARRAY_OR_MAP)))
    if kind == "enum":
        return _enumeration(avro, path)
    logical = avro.get("logicalType")
    return _scalar(kind, logical if isinstance(logical, str) else "", path)


def _enumeration(avro: Any, path: str) -> Enumeration:
    name, symbols = avro["name"], avro["symbols"]
    if not _is_identifier(name.rpartition(".")[2]):
        raise ConfigurationError(
            f"field {path!r} is the enum {name!r}, which isn't a name of Avro: give it letters, digits and _"
        )
    if not isinstance(symbols, list) or not symbols:
        raise ConfigurationError(f"field {path!r} is the enum {name!r} with symbols {shown(symbols)}: give it a list")
    return Enumeration(name, tuple(symbols))


def _scalar(kind: str, logical: str, path: str) -> Scalar:
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
    if len(others) != 1 or len(branches) != 2 or isinstance(others[0], list):
        raise ConfigurationError(
            f"field {path!r} is a union of {shown(branches)}: only unions of null and one other type are supported"
        )
    return Nullable(_type(others[0], named, path, inside))


def _record(avro: Any, named: dict[str, Any], path: str, inside: tuple[str, ...]) -> RecordType:
    name = avro["name"]
    if not _is_identifier(name.rpartition(".")[2]) or keyword.iskeyword(name.rpartition(".")[2]):
        at = f" at {path!r}" if path else ""
        raise ConfigurationError(
            f"record {name!r}{at} can't be a type of rows: its name must be a Python identifier and no keyword;"
            " rename it in the schema"
        )
    if name in inside:
        raise ConfigurationError(
            f"field {path!r} contains its own record {name!r}: recursive schemas are not supported"
        )
    fields = tuple(_field(member, named, path, (*inside, name)) for member in avro["fields"])
    if not fields:
        raise ConfigurationError(f"record {name!r} at {path!r} has no fields: give it at least one")
    names = [member.name for member in fields]
    if len(set(names)) < len(names):
        raise ConfigurationError(f"record {name!r} at {path!r} has two fields of one name: {', '.join(names)}")
    return RecordType(name, fields)


def _field(avro: Any, named: dict[str, Any], path: str, inside: tuple[str, ...]) -> RecordField:
    name = avro["name"]
    if not _is_identifier(name) or keyword.iskeyword(name) or name.startswith("_"):
        raise ConfigurationError(
            f"field {name!r} of {inside[-1]!r} can't be an attribute of a row: names of fields are Python identifiers"
            " that are no keywords and don't begin with _. Decode and encode such records with functions"
        )
    where = f"{path}.{name}".removeprefix(".")
    return RecordField(name, _type(avro["type"], named, where, inside), avro.get("default", NO_DEFAULT))


def _is_identifier(name: Any) -> bool:
    """Whether Python takes a name as it is; Python itself turns some letters of identifiers into others (NFKC)."""
    return isinstance(name, str) and name.isidentifier() and normalize("NFKC", name) == name
