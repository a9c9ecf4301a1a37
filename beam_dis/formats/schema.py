"""A stream's data_schema as a tree of types.

Rules:
1. Everything that Avro allows is read. What Avro says to ignore is ignored: unknown logical types, and those with wrong
   attributes.
2. A named type is one object, however often it is used, so that a tree is as big as its text.
3. A record that contains itself, or that makes a row too deep or too big for Beam, is a :class:`JSONText` at that field.
4. Fields and records may have the same name, and records need no namespace, as in the vendor's example [API dis_02_0016].
   Names may be any text, since JSON and CSV have such fields; ``is_avro`` alone is strict.
5. Anything else raises ConfigurationError with the name of the field, here and not at the first record.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import log10
from typing import Any, TypeVar

from beam_dis.errors import ConfigurationError
from beam_dis.formats.byte_order_mark import TEXT_MARK
from beam_dis.formats.mismatch import brief
from beam_dis.formats.type_tree import (
    NO_DEFAULT,
    ArrayOf,
    DecimalType,
    Duration,
    Enumeration,
    Fixed,
    JSONText,
    MapOf,
    Named,
    Nullable,
    RecordField,
    RecordType,
    Scalar,
    Schema,
    Type,
    UnionOf,
)
from beam_dis.plain_values import SCHEMA_ADVICE, described, is_json, shown

Sized = TypeVar("Sized", bound=Type)

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})

_LOGICAL = frozenset(
    {
        ("int", "date"),
        ("int", "time-millis"),
        ("long", "time-micros"),
        ("long", "timestamp-millis"),
        ("long", "timestamp-micros"),
        ("long", "local-timestamp-millis"),
        ("long", "local-timestamp-micros"),
        ("string", "uuid"),
    }
)
"""The logical types of a plain type. Nanoseconds have no type in Python or Beam: they are numbers."""

_MOST_DIGITS = 10_000
"""A decimal of more digits is plain bytes: the number is calculated with all of them for each value."""

_NO_NAME = re.compile(r"[\x00-\x1f\"\\\ud800-\udfff]").search
"""Characters that no name may have, in a schema that isn't strict either."""

_DEEPEST = 96
_MOST_FIELDS = 4000
_MOST_LEVELS = 64
"""What a row may have. Protobuf reads at most 100 nested messages, four for each nested record and two for an array or a
map; and Beam's schema has a nested record's fields again at each use."""


def read_schema(schema: str | Mapping[str, Any]) -> Schema:
    """Read a data_schema, as text or already parsed from JSON.

    Raises ConfigurationError if it isn't an Avro schema, or isn't a record.
    """
    if not isinstance(schema, Mapping | list) and not is_json(schema):
        raise ConfigurationError(f"data_schema {described(schema)} is not an Avro schema: {SCHEMA_ADVICE}")
    try:
        text = schema.removeprefix(TEXT_MARK) if isinstance(schema, str) else json.dumps(schema)
        parser = _Parser(strict=False)
        record = parser.type_of(json.loads(text), "", "")
    except ConfigurationError as error:
        raise ConfigurationError(f"data_schema {shown(schema)} is not an Avro schema: {error}") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigurationError(f"data_schema {shown(schema)} is not an Avro schema: {brief(error)}") from error
    if not isinstance(record, RecordType):
        raise ConfigurationError(f"data_schema {shown(schema)} is not a record: rows need one, with fields")
    return Schema(text, record, parser.named)


def full_name(name: str, namespace: str | None) -> str:
    """A name with its namespace. A name that has a dot has its own."""
    return name if "." in name or not namespace else f"{namespace}.{name}"


def is_avro(text: str) -> bool:
    """Whether a text is an Avro schema of any kind."""
    try:
        _Parser(strict=True).type_of(json.loads(text.removeprefix(TEXT_MARK)), "", "")
    except (ConfigurationError, ValueError, TypeError, RecursionError):
        return False
    return True


class _Parser:
    """Reads the types of one schema; ``named`` has the named ones by their full names."""

    def __init__(self, *, strict: bool) -> None:
        self.named: dict[str, Type] = {}
        self._strict = strict
        self._open: set[str] = set()
        self._depths: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._measured: list[Type] = []
        self._level = 0

    def type_of(self, avro: Any, namespace: str, path: str) -> Type:
        """The type of a schema's node. ``path`` leads to it in messages."""
        self._level += 1
        if self._level > _MOST_LEVELS:
            raise ConfigurationError(f"field {path!r} is nested too deeply: {_MOST_LEVELS} levels are supported")
        try:
            return self._type_of(avro, namespace, path)
        finally:
            self._level -= 1

    def _type_of(self, avro: Any, namespace: str, path: str) -> Type:
        if isinstance(avro, str):
            return self._reference(avro, namespace, path)
        if isinstance(avro, list):
            return self._union(avro, namespace, path)
        kind = avro.get("type") if isinstance(avro, dict) else None
        if isinstance(kind, (dict, list)):
            return self.type_of(kind, namespace, path)
        if kind in {"record", "error"}:
            return self._record(avro, namespace, path)
        if kind == "array":
            return self._sized(ArrayOf(self.type_of(_attribute(avro, "items", path), namespace, f"{path}[]")))
        if kind == "map":
            return self._sized(MapOf(self.type_of(_attribute(avro, "values", path), namespace, f"{path}[]")))
        if kind == "enum":
            return self._enumeration(avro, namespace, path)
        if kind == "fixed":
            return self._fixed(avro, namespace, path)
        if isinstance(kind, str):
            return _logical(kind, avro) if kind in PRIMITIVES else self._reference(kind, namespace, path)
        raise ConfigurationError(f"field {path!r} has no Avro type: {shown(avro)}")

    def _reference(self, name: str, namespace: str, path: str) -> Type:
        if name in PRIMITIVES:
            return Scalar(name)
        for candidate in (full_name(name, namespace), name):
            if candidate in self._open:
                return JSONText(Named(candidate))
            if candidate in self.named:
                return self.named[candidate]
        raise ConfigurationError(f"field {path!r} is of type {name!r}, which is neither Avro's nor defined before")

    def _union(self, branches: list[Any], namespace: str, path: str) -> Type:
        types = [self.type_of(branch, namespace, path) for branch in branches]
        if any(isinstance(type_, (UnionOf, Nullable)) for type_ in types):
            raise ConfigurationError(f"field {path!r} is a union that contains a union directly: {shown(branches)}")
        names = [_branch_name(type_) for type_ in types]
        if len(set(names)) < len(names):
            raise ConfigurationError(f"field {path!r} is a union with two branches of one type: {shown(branches)}")
        if not types:
            raise ConfigurationError(f"field {path!r} is a union without branches")
        return self._sized(_union_of(types, names))

    def _record(self, avro: dict[str, Any], namespace: str, path: str) -> RecordType:
        name, inner = self._define(avro, namespace, path)
        self._open.add(name)
        members = _attribute(avro, "fields", path)
        if not isinstance(members, list):
            raise ConfigurationError(f"record {name!r}{_at(path)} has no list of fields: {shown(members)}")
        fields = [self._field(member, inner, path) for member in members]
        names = [member.name for member in fields]
        if len(set(names)) < len(names):
            raise ConfigurationError(f"record {name!r}{_at(path)} has two fields of one name: {', '.join(names)}")
        self._open.discard(name)
        record = RecordType(name, tuple(self._bounded(fields)), _names(avro.get("aliases")))
        self.named[name] = record
        self._sized(record)
        return record

    def _field(self, avro: Any, namespace: str, path: str) -> RecordField:
        name = _attribute(avro, "name", path)
        where = f"{path}.{name}".removeprefix(".")
        self._check_name(name, where)
        type_ = self.type_of(_attribute(avro, "type", where), namespace, where)
        return RecordField(name, type_, avro.get("default", NO_DEFAULT), _names(avro.get("aliases")))

    def _bounded(self, fields: list[RecordField]) -> list[RecordField]:
        """The fields, with JSON text in place of what makes a row too deep or too big, the biggest first."""
        sizes = [self._sizes.get(id(field.type), 1) for field in fields]
        for index in sorted(range(len(fields)), key=sizes.__getitem__, reverse=True):
            type_ = fields[index].type
            too_big = sum(sizes) > _MOST_FIELDS and sizes[index] > 1
            if too_big or self._depths.get(id(type_), 0) > _DEEPEST:
                inner = type_.of if isinstance(type_, Nullable) else type_
                text = JSONText(Named(inner.name) if isinstance(inner, RecordType) else inner)
                sizes[index] = 1
                fields[index] = fields[index].with_type(
                    Nullable(text, type_.null_first) if isinstance(type_, Nullable) else text
                )
        return fields

    def _sized(self, type_: Sized) -> Sized:
        """Note how deep and how big a type makes the row that it is in; the same type."""
        if isinstance(type_, RecordType):
            inner, step = [field.type for field in type_.fields], 4
        elif isinstance(type_, UnionOf):
            inner, step = [branch.type for branch in type_.record.fields], 4
        else:
            inner, step = [type_.of] if hasattr(type_, "of") else [], 0 if isinstance(type_, Nullable) else 2
        self._measured.append(type_)  # an id is only unique among living objects
        self._depths[id(type_)] = step + max((self._depths.get(id(item), 0) for item in inner), default=0)
        self._sizes[id(type_)] = sum(self._sizes.get(id(item), 1) for item in inner) or 1
        return type_

    def _enumeration(self, avro: dict[str, Any], namespace: str, path: str) -> Enumeration:
        name, _ = self._define(avro, namespace, path)
        symbols = _attribute(avro, "symbols", path)
        if not isinstance(symbols, list) or not symbols:
            raise ConfigurationError(f"enum {name!r}{_at(path)} has no list of symbols: {shown(symbols)}")
        for symbol in symbols:
            if not isinstance(symbol, str) or not symbol.isidentifier():
                raise ConfigurationError(f"enum {name!r}{_at(path)} has the symbol {shown(symbol)}, which is no name")
        if len(set(symbols)) < len(symbols):
            raise ConfigurationError(f"enum {name!r}{_at(path)} has a symbol twice: {shown(symbols)}")
        default = avro.get("default")
        if default is not None and default not in symbols:
            raise ConfigurationError(f"enum {name!r}{_at(path)} has the default {shown(default)}, which is no symbol")
        enumeration = Enumeration(name, tuple(symbols), default, _names(avro.get("aliases")))
        self.named[name] = enumeration
        return enumeration

    def _fixed(self, avro: dict[str, Any], namespace: str, path: str) -> Type:
        name, _ = self._define(avro, namespace, path)
        size = _attribute(avro, "size", path)
        if type(size) is not int or not 0 <= size < 2**31:
            raise ConfigurationError(f"fixed {name!r}{_at(path)} has no size in bytes, up to 2147483647: {shown(size)}")
        logical = avro.get("logicalType")
        type_: Type = Fixed(name, size, uuid=logical == "uuid" and size == 16)
        if logical == "duration" and size == 12:
            type_ = self._sized(Duration(name))
        elif logical == "decimal":
            type_ = _decimal(avro, name, size) or type_
        self.named[name] = type_
        return type_

    def _define(self, avro: dict[str, Any], namespace: str, path: str) -> tuple[str, str]:
        """The full name of a new named type, and the namespace inside of it."""
        name = _attribute(avro, "name", path)
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"{avro['type']}{_at(path)} has no name: {shown(name)}")
        full = full_name(name, avro.get("namespace", namespace))
        for part in full.split("."):
            self._check_name(part, path or full)
        if full in self.named or full in self._open or full in PRIMITIVES:
            raise ConfigurationError(f"{avro['type']} {full!r}{_at(path)} has a name that is taken")
        return full, full.rpartition(".")[0]

    def _check_name(self, name: Any, path: str) -> None:
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"field {path!r} has a name that is not text: {shown(name)}")
        if _NO_NAME(name) if not self._strict else not name.isidentifier():
            raise ConfigurationError(f"field {path!r} has the name {name!r}: use letters, digits and '_'")


def _attribute(avro: Any, name: str, path: str) -> Any:
    if not isinstance(avro, dict) or name not in avro:
        raise ConfigurationError(f"field {path!r} has no {name!r}: {shown(avro)}")
    return avro[name]


def _names(aliases: Any) -> tuple[str, ...]:
    return tuple(name for name in aliases if isinstance(name, str)) if isinstance(aliases, list) else ()


def _logical(kind: str, avro: dict[str, Any]) -> Type:
    logical = avro.get("logicalType")
    if logical == "decimal" and kind == "bytes":
        return _decimal(avro, "", None) or Scalar(kind)
    return Scalar(logical) if isinstance(logical, str) and (kind, logical) in _LOGICAL else Scalar(kind)


def _at(path: str) -> str:
    """Where in the schema a message is about; nothing for the record of the rows."""
    return f" at {path!r}" if path else ""


def _decimal(avro: dict[str, Any], name: str, size: int | None) -> DecimalType | None:
    """The decimal of a schema; None if its attributes are wrong, so that the plain type counts."""
    precision, scale = avro.get("precision"), avro.get("scale", 0)
    if (
        type(precision) is not int
        or type(scale) is not int
        or not 0 <= scale <= precision <= _MOST_DIGITS
        or precision == 0
    ):
        return None
    if size is not None and precision > (8 * size - 1) * log10(
        2
    ):  # 10 ** precision would take forever for a large size
        return None
    return DecimalType(precision, scale, name, size)


def _branch_name(type_: Type) -> str:
    """The name of a type in a union; no two branches have the same."""
    if isinstance(type_, Scalar):
        return type_.avro
    if isinstance(type_, JSONText):
        return type_.of.name if isinstance(type_.of, Named) else "string"
    if isinstance(type_, DecimalType):
        return type_.name or "bytes"
    if isinstance(type_, (ArrayOf, MapOf)):
        return "array" if isinstance(type_, ArrayOf) else "map"
    return type_.name  # type: ignore[union-attr]


def _union_of(types: list[Type], names: list[str]) -> Type:
    others = [(name, type_) for name, type_ in zip(names, types, strict=True) if name != "null"]
    if len(others) == 1 and len(types) == 2:
        return Nullable(others[0][1], null_first=names[0] == "null")
    simple = [name.rpartition(".")[2] for name, _ in others]
    labels = [
        name.replace(".", "_") if simple.count(short) > 1 else short
        for short, (name, _) in zip(simple, others, strict=True)
    ]
    fields = tuple(
        RecordField(label, Nullable(type_, null_first=True), None)
        for label, (_, type_) in zip(labels, others, strict=True)
    )
    null = names.index("null") if "null" in names else None
    tags = tuple(name for name, _ in others)
    return UnionOf(RecordType("_or_".join(labels) or "null", fields), tags, null)
