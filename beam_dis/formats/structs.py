"""msgspec structs, made from a schema once, so that records are checked in C.

Rules:
1. A struct for values only checks: text is no datetime, and 1 is no boolean.
2. A struct for JSON reads what the table of scalars says.
3. A struct knows defaults. A nullable field without a default may be left out in JSON only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, Literal

import msgspec

from beam_dis.formats.defaults import default_of
from beam_dis.formats.mismatch import mismatch_of
from beam_dis.formats.scalars import SCALARS, VALUE_TYPES
from beam_dis.formats.schema import NO_DEFAULT, ArrayOf, Enumeration, Nullable, RecordField, RecordType, Scalar, Type

ScalarType = Callable[[str], Any]

_LIST: Any = list
_DICT: Any = dict
_REALS = frozenset({"float", "double"})


def json_struct(record: RecordType) -> type[msgspec.Struct]:
    """The struct that JSON of a record is read into. Nullable fields may be missing; unknown ones are ignored."""
    return _struct(record, lambda name: SCALARS[name].json, lenient=True)


def value_struct(record: RecordType, *, finite: bool = False) -> type[msgspec.Struct]:
    """The struct that a value of a record is checked with. ``finite`` refuses NaN and infinities."""
    return _struct(
        record, lambda name: SCALARS[name].json if finite and name in _REALS else SCALARS[name].value, lenient=False
    )


def checked(value: Mapping[str, Any], struct: type[msgspec.Struct]) -> msgspec.Struct:
    """``value`` as an instance of ``struct``. Raises ValueMismatch if it doesn't fit."""
    try:
        return msgspec.convert(value, struct, builtin_types=VALUE_TYPES)
    except msgspec.ValidationError as error:
        raise mismatch_of(error, value) from error


def plain(struct: msgspec.Struct) -> dict[str, Any]:
    """A struct as new dicts and lists: fields in order, maps by key."""
    value: dict[str, Any] = msgspec.to_builtins(struct, builtin_types=VALUE_TYPES, order="deterministic")
    return value


def _struct(record: RecordType, scalar: ScalarType, *, lenient: bool) -> type[msgspec.Struct]:
    fields = [_member(field, scalar, lenient=lenient) for field in record.fields]
    return msgspec.defstruct(record.name.rpartition(".")[2], fields, kw_only=True, forbid_unknown_fields=not lenient)


def _member(field: RecordField, scalar: ScalarType, *, lenient: bool) -> Any:
    type_ = _type(field.type, scalar, lenient=lenient)
    if field.default is not NO_DEFAULT:
        default = default_of(field)
        return field.name, type_, msgspec.field(default_factory=lambda: deepcopy(default))
    if lenient and isinstance(field.type, Nullable):
        return field.name, type_, None
    return field.name, type_


def _type(type_: Type, scalar: ScalarType, *, lenient: bool) -> Any:
    if isinstance(type_, Scalar):
        return scalar(type_.name)
    if isinstance(type_, Enumeration):
        return Literal[type_.symbols]
    if isinstance(type_, RecordType):
        return _struct(type_, scalar, lenient=lenient)
    inner = _type(type_.of, scalar, lenient=lenient)
    if isinstance(type_, Nullable):
        return inner | None
    return _LIST[inner] if isinstance(type_, ArrayOf) else _DICT[str, inner]
