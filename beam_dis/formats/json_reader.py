"""Reads JSON: msgspec reads a record into a struct made for its schema, and a function made for it makes the value.

Rules:
1. Unknown fields are ignored. A missing field has its default; without one it is null if it is nullable.
2. Timestamps, dates and times of day are the schema's numbers, or ISO 8601 text.
3. A value of a union stands alone, or in an object with the name of its branch, as in Avro's JSON encoding. If it stands alone,
   branches that are written as its kind come before those that only read it, such as a timestamp from text.
4. A symbol that an enum doesn't have is the enum's default, if it has one.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from datetime import date, datetime, time
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from beam_dis.formats import times
from beam_dis.formats.defaults import default_of
from beam_dis.formats.mismatch import ValueMismatch, expected, mismatch_of
from beam_dis.formats.nesting import Nesting
from beam_dis.formats.scalars import RANGES, check_of, integral, single
from beam_dis.formats.source import Source, function, guarded, indented, items_made, lines, steps_of
from beam_dis.formats.type_tree import (
    NO_DEFAULT,
    ArrayOf,
    DecimalType,
    Duration,
    Enumeration,
    Fixed,
    JSONText,
    MapOf,
    Nullable,
    RecordField,
    RecordType,
    Scalar,
    Schema,
    Type,
    UnionOf,
)
from beam_dis.formats.value_types import ValueTypes

_UNSET = msgspec.UNSET
_LIST: Any = list
_DICT: Any = dict
_LITERAL: Any = Literal

_KINDS = {"boolean": "boolean", "int": "number", "long": "number", "float": "number", "double": "number"}
_STARTS = {b'"': "string", b"{": "object", b"[": "array", b"t": "boolean", b"f": "boolean"}
"""The kind of a value in JSON by its first byte; any other byte starts a number."""

_INT = Annotated[int, msgspec.Meta(ge=RANGES["int"][0], le=RANGES["int"][1])]
_LONG = Annotated[int, msgspec.Meta(ge=RANGES["long"][0], le=RANGES["long"][1])]
_UNSIGNED = Annotated[int, msgspec.Meta(ge=RANGES["unsigned-int"][0], le=RANGES["unsigned-int"][1])]

_WIRE: dict[str, Any] = {
    "null": None,
    "boolean": bool,
    "int": _INT,
    "long": _LONG,
    "unsigned-int": _UNSIGNED,
    "float": float,
    "double": float,
    "string": str,
    "bytes": bytes,
    "uuid": str,
    "date": date | _INT,
    "time-millis": times.NaiveTime | _INT,
    "time-micros": times.NaiveTime | _LONG,
    "timestamp-millis": times.AwareDatetime | _LONG,
    "timestamp-micros": times.AwareDatetime | _LONG,
    "local-timestamp-millis": times.NaiveDatetime | _LONG,
    "local-timestamp-micros": times.NaiveDatetime | _LONG,
}
"""The msgspec types of scalars in JSON."""

_ENTRIES = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""The values of an object, not read yet."""

_LENIENT: dict[str, Any] = {**_WIRE, "int": _INT | float, "long": _LONG | float, "unsigned-int": _UNSIGNED | float}
"""The same for records that write a whole number as 5.0."""


class JSONReader:
    """Makes the functions that read the types of a schema.

    Args:
        schema: the schema.
        types: what its values are in Python.
        lenient: read 5.0 as an int too, which takes longer for every int.
    """

    def __init__(self, schema: Schema, types: ValueTypes, *, lenient: bool = False) -> None:
        self._scalars = _LENIENT if lenient else _WIRE
        self._lenient = lenient
        self._schema = schema
        self._types = types
        self._nesting = Nesting()
        self._source = Source()
        self._source.use(integral=integral, single=single, UNSET=_UNSET, astuple=msgspec.structs.astuple)
        self._structs: dict[int, Any] = {}

    def reader_of(self, type_: Type) -> Callable[[bytes | str], Any]:
        """The function that reads a value of a type. It raises ValueMismatch."""
        type_ = self._schema.resolve(type_)
        name = self._function(type_)
        decode = msgspec.json.Decoder(self._wire(type_)).decode
        self._source.compile(name)
        convert = self._source.get(name)
        lenient: list[Callable[[bytes | str], Any]] = []

        def read(data: bytes | str) -> Any:
            try:
                return convert(decode(data))
            except msgspec.MsgspecError as error:
                if self._lenient or not _is_float_for_int(str(error)):
                    raise mismatch_of(error, data) from error
            except UnicodeDecodeError as error:
                raise ValueMismatch(f"not a JSON object, because it isn't UTF-8: {error.reason}") from error
            if not lenient:
                lenient.append(JSONReader(self._schema, self._types, lenient=True).reader_of(type_))
            return lenient[0](data)

        return read

    def _wire(self, type_: Type) -> Any:
        """The msgspec type of a type."""
        if isinstance(type_, Scalar):
            return self._scalars[type_.name]
        if isinstance(type_, Nullable):
            inner = self._wire(type_.of)
            return inner if inner is msgspec.Raw else inner | None
        if isinstance(type_, (RecordType, Duration)):
            return self._struct(type_.record if isinstance(type_, Duration) else type_)
        if isinstance(type_, ArrayOf):
            return _LIST[self._wire(type_.of)]
        if isinstance(type_, MapOf):
            return _DICT[str, self._wire(type_.of)]
        if isinstance(type_, Enumeration):
            return str if type_.default is not None or not type_.symbols else _LITERAL[type_.symbols]
        if isinstance(type_, Fixed):
            return str if type_.uuid else bytes
        if isinstance(type_, DecimalType):
            return Decimal
        return msgspec.Raw  # a union or JSON text

    def _struct(self, record: RecordType) -> Any:
        known = self._structs.get(id(record))
        if known is None:
            fields = [(f"f{place}", *self._member(field, f"f{place}")) for place, field in enumerate(record.fields)]
            for place, names in _aliases(record).items():
                wire = self._or_unset(record.fields[place].type)
                fields[place] = (f"f{place}", wire, msgspec.field(name=record.fields[place].name, default=_UNSET))
                for number, name in enumerate(names):
                    fields.append((f"f{place}_{number}", wire, msgspec.field(name=name, default=_UNSET)))
            known = self._structs[id(record)] = msgspec.defstruct("Record", fields, kw_only=True, gc=False)
        return known

    def _member(self, field: RecordField, label: str) -> tuple[Any, Any]:
        """The type of a field and how msgspec finds it: its name, and what it is when it is missing."""
        wire = self._wire(field.type)
        if field.default is NO_DEFAULT:
            if isinstance(field.type, Nullable) or (isinstance(field.type, UnionOf) and field.type.null is not None):
                return wire, msgspec.field(name=field.name, default=None)
            return wire, msgspec.field(name=field.name)
        default = default_of(self._schema, field, self._types)
        if default is None or _is_itself(field.type):
            return wire, msgspec.field(name=field.name, default=default)
        return self._or_unset(field.type), msgspec.field(name=field.name, default=_UNSET)

    def _or_unset(self, type_: Type) -> Any:
        wire = self._wire(type_)
        return wire if wire is msgspec.Raw else wire | msgspec.UnsetType

    def _function(self, type_: Type) -> str:
        type_ = self._schema.resolve(type_)
        if isinstance(type_, RecordType):
            return self._source.function_of((type_,), "record", lambda name: self._record(name, type_))
        if isinstance(type_, (ArrayOf, MapOf)):
            return self._source.function_of((type_,), "items", lambda name: self._items(name, type_))
        return self._source.function_of(
            (type_,), "value", lambda name: function(f"{name}(v)", self._convert(type_, "v"), "return v")
        )

    def _record(self, name: str, record: RecordType) -> str:
        use = self._source.name_of
        shape = self._types.record(record)
        body, aliases = [], _aliases(record)
        for place, field in enumerate(record.fields):
            if place in aliases:
                body.append(lines(f"at = {place}", self._aliased(field, f"s.f{place}", len(aliases[place]))))
                continue
            convert = self._field(field, "v")
            if convert:
                body.append(lines(f"at = {place}", f"v = s.f{place}", convert, f"s.f{place} = v"))
        steps = use(steps_of(field.name for field in record.fields), "steps")
        return function(
            f"{name}(s)",
            guarded(lines(*body), f"{steps}[at]") if body else "",
            f"return {use(shape.make, 'make')}(astuple(s){f'[:{len(record.fields)}]' if aliases else ''})",
        )

    def _aliased(self, field: RecordField, place: str, count: int) -> str:
        """Source that sets a field that may have one of several names."""
        if field.default is not NO_DEFAULT:
            default = default_of(self._schema, field, self._types)
            absent = f"v = {self._source.name_of(lambda: deepcopy(default), 'default')}()"
        elif isinstance(field.type, Nullable) or (isinstance(field.type, UnionOf) and field.type.null is not None):
            absent = "v = None"
        else:
            absent = f"raise {self._source.name_of(_missing, 'missing')}()"
        convert = self._convert(field.type, "v")
        return lines(
            f"v = {place}",
            *(f"if v is UNSET: v = {place}_{number}" for number in range(count)),
            f"if v is UNSET:\n    {absent}",
            f"else:\n{indented(convert)}" if convert else "",
            f"{place} = v",
        )

    def _field(self, field: RecordField, v: str) -> str:
        convert = self._convert(field.type, v)
        if field.default is NO_DEFAULT:
            return convert
        default = default_of(self._schema, field, self._types)
        if default is None or _is_itself(field.type):
            return convert
        copy = self._source.name_of(lambda: deepcopy(default), "default")
        return lines(f"if {v} is UNSET:", f"    {v} = {copy}()", f"else:\n{indented(convert)}" if convert else "")

    def _items(self, name: str, type_: ArrayOf | MapOf) -> str:
        convert = self._convert(type_.of, "v")
        if not convert:
            return function(f"{name}(value)", "return value")
        if isinstance(type_, MapOf):
            loop = lines("for key, v in value.items():", indented(lines(convert, "items[key] = v")))
            return function(f"{name}(value)", "items, key = {}, None", guarded(loop, 'f"[{key!r}]"'), "return items")
        return function(f"{name}(value)", items_made(convert))

    def _convert(self, type_: Type, v: str) -> str:
        """Source that makes the value of what msgspec has read; empty if it is the same."""
        use = self._source.name_of
        if isinstance(type_, Nullable):
            if isinstance(type_.of, JSONText):
                return f"{v} = None if {v} is None or bytes({v}) == b'null' else {use(self._text_of(type_.of), 'text')}({v})"
            if isinstance(type_.of, Scalar) and type_.of.name in RANGES:
                return self._convert(type_.of, v)
            inner = self._convert(type_.of, v)
            return lines(f"if {v} is not None:", indented(inner)) if inner else ""
        if isinstance(type_, Scalar):
            return self._convert_scalar(type_, v)
        if isinstance(type_, Enumeration):
            default = f"{use(type_.symbols, 'symbols')}"
            return "" if type_.default is None else f"if {v} not in {default}: {v} = {use(type_.default, 'default')}"
        if isinstance(type_, (Fixed, DecimalType)):
            return f"{v} = {use(check_of(type_).convert, 'convert')}({v})"
        if isinstance(type_, Duration):
            return f"{v} = {self._function(type_.record)}({v})"
        return self._convert_nested(type_, v)

    def _convert_nested(self, type_: Type, v: str) -> str:
        use = self._source.name_of
        if isinstance(type_, UnionOf):
            return f"{v} = {use(self._union(type_), 'read_union')}({v})"
        if isinstance(type_, JSONText):
            return f"{v} = {use(self._text_of(type_), 'text')}({v})"
        if isinstance(type_, (ArrayOf, MapOf)) and not self._convert(type_.of, "v"):
            return ""
        return f"{v} = {self._function(type_)}({v})"

    def _convert_scalar(self, scalar: Scalar, v: str) -> str:
        use = self._source.name_of
        if scalar.name in RANGES:
            low, high = RANGES[scalar.name]
            return "" if not self._lenient else f"if type({v}) is float: {v} = integral({v}, {low}, {high})"
        if scalar.name == "float":
            return f"{v} = single({v})"
        if scalar.name == "uuid":
            return f"{v} = {use(check_of(scalar).convert, 'uuid')}({v})"
        if scalar.name == scalar.avro:
            return ""
        to_number = use(_number_of(scalar.name), "number")
        number = self._types.number(scalar)
        text = f"if type({v}) is not int: {v} = {to_number}({v})"
        return text if number is None else lines(text, f"{v} = {use(number.value, 'value')}({v})")

    def _text_of(self, type_: JSONText) -> Callable[[Any], str]:
        """The function that checks a raw value and returns its text."""
        inner = self._schema.resolve(type_.of)
        name = self._function(inner)
        decoders: list[Any] = []  # made at the first value, because the struct may be the one that is being made

        def text(raw: Any) -> str:
            if not decoders:
                decoders.append(msgspec.json.Decoder(self._wire(inner)).decode)
            data = bytes(raw)
            try:
                self._source.get(name)(decoders[0](data))
            except msgspec.MsgspecError as error:
                raise mismatch_of(error, data) from error
            return data.decode()

        return self._nesting.bounded(text)

    def _union(self, union: UnionOf) -> Callable[[Any], Any]:
        shape = self._types.record(union.record)
        count = len(union.tags)
        stands_alone = branches_stand_alone(union)
        branches = [self._branch(field.type.of) for field in union.record.fields]  # type: ignore[union-attr]
        places = {name: place for names in (union.tags, shape.names) for place, name in enumerate(names)}
        kinds = [_kind(field.type.of) for field in union.record.fields]  # type: ignore[union-attr]

        def read(raw: Any) -> Any:
            data = b"null" if raw is None else bytes(raw)
            if data == b"null" and union.null is not None:
                return None
            kind = _STARTS.get(data[:1], "number")
            order = [(place, data) for place in sorted(range(count), key=lambda place: kinds[place] != kind)]
            entries = _ENTRIES(data) if data[:1] == b"{" else {}
            first = places.get(next(iter(entries))) if len(entries) == 1 else None
            if first is not None:
                order.insert(count if stands_alone else 0, (first, bytes(next(iter(entries.values())))))
            for place, inner in order:
                try:
                    made = branches[place](inner)
                except (ValueMismatch, msgspec.MsgspecError):
                    continue
                return shape.make(tuple(made if other == place else None for other in range(count)))
            raise expected(" | ".join(union.tags), msgspec.json.decode(data))

        return read

    def _branch(self, type_: Type) -> Callable[[bytes], Any]:
        """The function that reads the JSON of a branch, from text, because a part of it may be JSON text in the row."""
        name = self._function(type_)
        decode = msgspec.json.Decoder(self._wire(type_)).decode
        return lambda data: self._source.get(name)(decode(data))


def _aliases(record: RecordType) -> dict[int, list[str]]:
    """The other names of the fields that have some, by their places; the name of a field is no alias of another."""
    taken = {field.name for field in record.fields}
    found: dict[int, list[str]] = {}
    for place, field in enumerate(record.fields):
        for alias in field.aliases:
            if alias not in taken:
                taken.add(alias)
                found.setdefault(place, []).append(alias)
    return found


def _missing() -> ValueMismatch:
    return ValueMismatch("the required field is missing, and so are its aliases")


def branches_stand_alone(union: UnionOf) -> bool:
    """Whether the kind of a value in JSON says its branch, so that it needs no name of the branch."""
    kinds = [_kind(field.type.of) for field in union.record.fields]  # type: ignore[union-attr]
    return len(set(kinds)) == len(kinds)


def _kind(type_: Type) -> str:
    """What a value is in JSON."""
    if isinstance(type_, Scalar):
        return _KINDS.get(type_.avro, "string")
    if isinstance(type_, ArrayOf):
        return "array"
    return "string" if isinstance(type_, (Enumeration, Fixed, DecimalType)) else "object"


def _is_itself(type_: Type) -> bool:
    """Whether what msgspec reads is the value, so that a default can be there from the start."""
    inner = type_.of if isinstance(type_, Nullable) else type_
    return isinstance(inner, Enumeration) or (isinstance(inner, Scalar) and inner.name == inner.avro)


def _is_float_for_int(message: str) -> bool:
    return "`int`, got `float`" in message or "`int | null`, got `float`" in message


def _number_of(name: str) -> Callable[[Any], int]:
    """The function that makes the schema's number of what msgspec has read from ISO 8601 text."""
    if name == "date":
        return times.days_of
    unit = times.UNITS.get(name, 1000 if name == "time-millis" else 1)

    def number(moment: datetime | time) -> int:
        return (times.micros_of_day(moment) if isinstance(moment, time) else times.micros_of(moment)) // unit

    return number
