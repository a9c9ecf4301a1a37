"""The types of a schema's tree.

Rules:
1. A type says what a value means and how Avro writes it; what the value is in Python is up to ``ValueTypes``.
2. A named type may be used many times. A record inside itself is there by its name, so a tree has no cycles.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any


class _Default(Enum):
    """An enum, because a bare ``object()`` would not be the same object after pickling."""

    NONE = "none"


NO_DEFAULT: Any = _Default.NONE

_WIRE = {
    "date": "int",
    "time-millis": "int",
    "time-micros": "long",
    "timestamp-millis": "long",
    "timestamp-micros": "long",
    "local-timestamp-millis": "long",
    "local-timestamp-micros": "long",
    "uuid": "string",
    "unsigned-int": "long",
}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A primitive type, or a logical type of one that has no attributes."""

    name: str

    @property
    def avro(self) -> str:
        """The primitive type."""
        return _WIRE.get(self.name, self.name)


@dataclass(frozen=True, slots=True)
class Enumeration:
    """One of the symbols. Readers take ``default`` for a symbol that they don't know."""

    name: str
    symbols: tuple[str, ...]
    default: str | None = field(default=None, compare=False)
    aliases: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Fixed:
    """So many bytes; with ``uuid`` the 16 bytes of one."""

    name: str
    size: int
    uuid: bool = False


@dataclass(frozen=True, slots=True)
class DecimalType:
    """A decimal of at most ``precision`` digits, ``scale`` of them after the point; ``size`` bytes, or None for bytes."""

    precision: int
    scale: int
    name: str
    size: int | None


@dataclass(frozen=True, slots=True)
class Nullable:
    """A value or None: Avro's union of null and one other type."""

    of: Type
    null_first: bool = True


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

    Two records that differ in defaults or aliases alone have the same values, so they are equal.
    """

    name: str
    type: Type
    default: Any = field(default=NO_DEFAULT, repr=False, compare=False)
    aliases: tuple[str, ...] = field(default=(), repr=False, compare=False)

    def with_name(self, name: str) -> RecordField:
        """The same field with another name."""
        return replace(self, name=name)

    def with_type(self, type_: Type) -> RecordField:
        """The same field with another type."""
        return replace(self, type=type_)


@dataclass(frozen=True, slots=True)
class RecordType:
    """Fields in order."""

    name: str
    fields: tuple[RecordField, ...]
    aliases: tuple[str, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class UnionOf:
    """A union of several types as a record with one nullable field for each branch except null.

    ``tags`` are the names of these branches in Avro; ``null`` is the place of null among the branches, None if there is none.
    """

    record: RecordType
    tags: tuple[str, ...]
    null: int | None


_INT = Scalar("int")


@dataclass(frozen=True, slots=True)
class Duration:
    """Months, days and milliseconds: three unsigned numbers of 32 bits in 12 bytes."""

    name: str

    @property
    def record(self) -> RecordType:
        """A duration as a record."""
        return DURATION


DURATION = RecordType(
    "Duration", tuple(RecordField(name, Scalar("unsigned-int")) for name in ("months", "days", "millis"))
)
"""Its numbers have 32 bits and no sign. Avro has no such type; elsewhere they are longs of that range."""


@dataclass(frozen=True, slots=True)
class Named:
    """A record by its full name, where it is inside itself."""

    name: str


@dataclass(frozen=True, slots=True)
class JSONText:
    """A value that is JSON text in the row, because a row can't have its type."""

    of: Type


Type = (
    Scalar
    | Enumeration
    | Fixed
    | DecimalType
    | Nullable
    | ArrayOf
    | MapOf
    | RecordType
    | UnionOf
    | Duration
    | Named
    | JSONText
)


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema: its ``text``, the ``record`` that it describes, and its named types by their full names."""

    text: str
    record: RecordType
    named: Mapping[str, Type]

    def writes_as(self, other: Schema) -> bool:
        """Whether another schema writes the same values as the same bytes."""
        return self.record == other.record and self.named == other.named

    def resolve(self, type_: Type) -> Type:
        """A type, or the one that a name is of."""
        return self.named[type_.name] if isinstance(type_, Named) else type_
