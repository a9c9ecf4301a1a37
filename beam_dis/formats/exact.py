"""Checks in C that the values of a record are exactly what the schema says, so that usual rows cost little.

Rules:
1. Only plain scalars and symbols are checked. A field of any other type is left to its own function.
2. A record that fails may still be right: its values may be numpy's, or enum members. So a failure is no error, only slower.
3. A subclass of str passes, as it is.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from beam_dis.formats.scalars import MAX_DOUBLE, RANGES
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
_FINITE = Annotated[float, msgspec.Meta(ge=-MAX_DOUBLE, le=MAX_DOUBLE)]


FEWEST = 8
"""From so many plain fields on, a check of all of them in C is faster than one of each in Python."""


def exact_struct(record: RecordType, *, finite: bool = False) -> type[msgspec.Struct]:
    """The struct into which ``msgspec.convert`` makes the tuple of a record's values; its fields are f0, f1, ….

    msgspec raises ValidationError for a value that isn't exactly of its type. ``finite`` refuses NaN and infinities.
    """
    fields = [(f"f{place}", _type(field.type, finite=finite)) for place, field in enumerate(record.fields)]
    return msgspec.defstruct("Values", fields, array_like=True, gc=False)


def has_doubles(record: RecordType) -> bool:
    """Whether a value may have been made a double, which isn't the same number if it was a large int."""
    return any(_type(field.type, finite=False) in (float, float | None) for field in record.fields)


def is_exact(type_: Type) -> bool:
    """Whether the check of a type says everything about its values."""
    inner = type_.of if isinstance(type_, Nullable) else type_
    return isinstance(inner, Enumeration) or (isinstance(inner, Scalar) and inner.name in _EXACT)


def _type(type_: Type, *, finite: bool) -> Any:
    if isinstance(type_, Nullable):
        inner = _type(type_.of, finite=finite)
        return inner if inner is Any else inner | None
    if isinstance(type_, Enumeration) and type_.symbols:
        return _LITERAL[type_.symbols]
    if isinstance(type_, Scalar):
        return _FINITE if finite and type_.name == "double" else _EXACT.get(type_.name, Any)
    return Any
