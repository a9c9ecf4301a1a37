"""Checks in C that the values of a record are exactly what the schema says, so that usual rows cost little.

Rules:
1. Only plain scalars and symbols are checked. A field of any other type is left to its own function.
2. A record that fails may still be right: its values may be numpy's, or enum members. So a failure is no error, only slower.
3. A subclass of str passes, as it is. An int for a double passes as the double, unless it would be rounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from beam_dis.formats.scalars import MAX_DOUBLE, RANGES
from beam_dis.formats.source import Source, indented, lines
from beam_dis.formats.type_tree import Enumeration, Nullable, RecordType, Scalar, Type

_LITERAL: Any = Literal

_EXACT: dict[str, Any] = {
    "null": None,
    "boolean": bool,
    "int": Annotated[int, msgspec.Meta(ge=RANGES["int"][0], le=RANGES["int"][1])],
    "long": Annotated[int, msgspec.Meta(ge=RANGES["long"][0], le=RANGES["long"][1])],
    "double": float,
    "string": str,
}
_NO_INT = Annotated[int, msgspec.Meta(ge=1, le=0)]
"""No int at all. msgspec takes an int for a float, and rounds it."""

_NO_INT_REFUSES = ("`int` >= 1", "`int` <= 0")

_FINITE = Annotated[float, msgspec.Meta(ge=-MAX_DOUBLE, le=MAX_DOUBLE)]
_NOT_EMPTY = Annotated[str, msgspec.Meta(min_length=1)]
_PLACE = re.compile(r" - at `\$\[(\d+)\]`$")

FEWEST = 8
"""From so many plain fields on, a check of all of them in C is faster than one of each in Python."""


def exact_struct(record: RecordType, *, finite: bool = False, empty_texts: bool = True) -> type[msgspec.Struct]:
    """The struct of a record's values, which :func:`exact_source` makes of their tuple; its fields are f0, f1, ….

    Args:
        record: the record.
        finite: True refuses NaN and infinities.
        empty_texts: False refuses an empty text in a field that may be null.
    """
    types = {**_EXACT, "double": _NO_INT | (_FINITE if finite else float)}
    return _struct(record, types, types if empty_texts else {**types, "string": _NOT_EMPTY})


def exact_source(record: RecordType, struct: type[msgspec.Struct], source: Source, otherwise: str) -> str:
    """Source that makes the struct ``s`` of the tuple ``row``; ``otherwise`` is source for a row that fails with ``error``."""
    source.use(convert=msgspec.convert, NotExact=msgspec.ValidationError)
    values = source.name_of(struct, "Values")
    attempt = f"try:\n    s = convert(row, {values})"
    if not any(_type(field.type, _EXACT, _EXACT) in (float, float | None) for field in record.fields):
        return lines(attempt, "except NotExact as error:", indented(otherwise))
    rounded = _struct(record, _EXACT, _EXACT)

    def with_doubles(row: tuple[Any, ...], error: msgspec.ValidationError) -> msgspec.Struct | None:
        """The struct of a row with doubles for ints; None if the error isn't about one, or one of them would be rounded."""
        if not str(error).partition(" - at ")[0].endswith(_NO_INT_REFUSES):
            return None
        try:
            values = msgspec.structs.astuple(msgspec.convert(row, rounded))
            return msgspec.convert(values, struct) if values == row else None
        except msgspec.ValidationError:
            return None

    again = f"s = {source.name_of(with_doubles, 'with_doubles')}(row, error)"
    return lines(
        attempt, "except NotExact as error:", f"    {again}", f"    if s is None:\n{indented(indented(otherwise))}"
    )


def place_of(error: msgspec.ValidationError) -> int:
    """The place of the field that a NotExact error of :func:`exact_source` is about."""
    found = _PLACE.search(str(error))
    return int(found[1]) if found else 0


def object_struct(values: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """A subclass of an exact struct that msgspec writes as an object.

    A struct of values becomes one when its ``__class__`` is set, without a copy.
    """
    return msgspec.defstruct("Record", [], bases=(values,), array_like=False, gc=False)


def is_exact(type_: Type) -> bool:
    """Whether the check of a type says everything about its values."""
    inner = type_.of if isinstance(type_, Nullable) else type_
    return isinstance(inner, Enumeration) or (isinstance(inner, Scalar) and inner.name in _EXACT)


def _struct(record: RecordType, types: Mapping[str, Any], nullable: Mapping[str, Any]) -> type[msgspec.Struct]:
    fields = [
        (f"f{place}", _type(field.type, types, nullable), msgspec.field(name=field.name))
        for place, field in enumerate(record.fields)
    ]
    return msgspec.defstruct("Values", fields, array_like=True, gc=False)


def _type(type_: Type, types: Mapping[str, Any], nullable: Mapping[str, Any]) -> Any:
    if isinstance(type_, Nullable):
        inner = _type(type_.of, nullable, nullable)
        return inner if inner is Any else inner | None
    if isinstance(type_, Enumeration) and type_.symbols:
        return _LITERAL[type_.symbols]
    return types.get(type_.name, Any) if isinstance(type_, Scalar) else Any
