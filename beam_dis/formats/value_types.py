"""What the values of a schema are in Python: dicts, aware datetimes, dates and times of day; or what a subclass says.

Rules:
1. A format reads and writes numbers, texts and bytes. Only this object knows what a record, a timestamp or a date is.
2. A record to write may have its fields by the names of the schema, or by the names that they have in a row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from operator import itemgetter
from typing import Any

from beam_dis.formats import times
from beam_dis.formats.mismatch import FAULTS, ValueMismatch, expected, reason_of
from beam_dis.formats.scalars import Convert, mapping_of, to_decimal
from beam_dis.formats.source import Source, lines
from beam_dis.formats.type_tree import NO_DEFAULT, DecimalType, RecordType, Scalar


@dataclass(frozen=True, slots=True)
class NumberType:
    """What a type that is a number in Avro is in Python.

    Attributes:
        value: makes the value of a number.
        number: the number of a value, in the range of its type; raises ValueMismatch, or an error of Python's.
        kind: the class of usual values, whose number is written inline; None if there is none.
        usual: an expression of ``{v}`` that is true for usual values of the class.
        inline: an expression of ``{v}`` for the number of one.
    """

    value: Callable[[int], Any]
    number: Callable[[Any], int]
    kind: type | None = None
    usual: str = ""
    inline: str = ""


@dataclass(frozen=True, slots=True)
class RecordShape:
    """What a record is in Python.

    Attributes:
        kind: the class of records whose values can be taken as a tuple in the order of the schema; None if there is none.
        make: makes a record from the tuple of its values.
        names: the fields' names in a row, in the order of the schema.
        ignored: names of fields of records to write that are left out unless the schema has them.
    """

    kind: type | None
    make: Callable[[tuple[Any, ...]], Any]
    names: tuple[str, ...]
    ignored: frozenset[str] = frozenset()


class ValueTypes:
    """Values without Beam."""

    def record(self, record: RecordType) -> RecordShape:
        """What a record is: a dict."""
        names = tuple(field.name for field in record.fields)
        return RecordShape(None, lambda values: dict(zip(names, values, strict=True)), names)

    def number(self, scalar: Scalar) -> NumberType | None:
        """What a type that is a number in Avro is; None if it is just that number."""
        return _NUMBERS.get(scalar.name)

    def to_decimal(self, type_: DecimalType) -> Convert:
        """The conversion of a decimal to write to Python's; raises ValueMismatch."""
        return to_decimal(type_)


def timestamps(unit: int, value: Callable[[int], Any], micros: Callable[[Any], int]) -> NumberType:
    """A timestamp of a unit, from functions of microseconds."""
    if unit == 1:
        return NumberType(value, micros)
    return NumberType(lambda number: value(number * unit), lambda given: micros(given) // unit)


_NUMBERS = {
    "date": NumberType(times.date_of, times.to_days),
    "time-millis": timestamps(1000, times.time_of, times.to_micros_of_day),
    "time-micros": timestamps(1, times.time_of, times.to_micros_of_day),
    "timestamp-millis": timestamps(1000, times.datetime_of, times.to_micros),
    "timestamp-micros": timestamps(1, times.datetime_of, times.to_micros),
    "local-timestamp-millis": timestamps(1000, times.local_text, times.to_local_micros),
    "local-timestamp-micros": timestamps(1, times.local_text, times.to_local_micros),
}

PLAIN = ValueTypes()


def in_order(record: RecordType, shape: RecordShape, defaults: Mapping[str, Any]) -> Callable[[Any], tuple[Any, ...]]:
    """The function that takes a record's values in the order of the schema, from anything with named fields.

    Args:
        record: the record.
        shape: what it is in Python, for its other names.
        defaults: the value of each field that may be left out, by its name.
    """
    names = tuple(field.name for field in record.fields)
    if not names:
        return partial(_no_values)
    get = itemgetter(*names) if len(names) > 1 else lambda value: (value[names[0]],)
    places = {alias: place for names_ in (shape.names, names) for place, alias in enumerate(names_)}

    def take(value: Any) -> tuple[Any, ...]:
        fields = mapping_of(value)
        if fields is None:
            raise _no_record(value)
        if len(fields) == len(names):
            try:
                return get(fields)
            except KeyError:
                pass
        return _by_name(fields, names, places, defaults, shape.ignored)

    return take


def _no_values(value: Any) -> tuple[Any, ...]:
    if mapping_of(value) is None:
        raise _no_record(value)
    return ()


def _no_record(value: Any) -> ValueMismatch:
    return ValueMismatch(f"{expected('object', value)}, which has no named fields: give a row, a dict or a dataclass")


def _by_name(
    fields: Mapping[str, Any],
    names: tuple[str, ...],
    places: Mapping[str, int],
    defaults: Mapping[str, Any],
    ignored: frozenset[str],
) -> tuple[Any, ...]:
    values = [NO_DEFAULT] * len(names)
    for name, value in fields.items():
        place = places.get(name)
        if place is None and name in ignored:
            continue
        if place is None:
            raise ValueMismatch(f"Object contains unknown field `{str(name)[:80]}`")
        if values[place] is not NO_DEFAULT:
            raise ValueMismatch(f"Object contains field `{names[place]}` twice, by both of its names")
        values[place] = value
    for place, name in enumerate(names):
        if values[place] is NO_DEFAULT:
            if name not in defaults:
                raise ValueMismatch(f"Object missing required field `{name}`")
            values[place] = deepcopy(defaults[name])
    return tuple(values)


def number_source(number: NumberType, source: Source, v: str) -> str:
    """Source that makes of ``v`` the number that it is."""
    call = f"{v} = {source.name_of(number.number, 'number')}({v})"
    if number.kind is None:
        return call
    usual, inline = number.usual.format(v=v), number.inline.format(v=v)
    return lines(
        f"if type({v}) is {source.name_of(number.kind, 'kind')} and {usual}:",
        f"    {v} = {inline}",
        "else:",
        f"    {call}",
    )


def exact_class(type_: Any, types: ValueTypes) -> type | None:
    """The class of which a branch's values are exactly, as far as it has one: a union takes that branch first."""
    if isinstance(type_, Scalar) and types.number(type_) is None:
        return _EXACT.get(type_.avro)
    if isinstance(type_, RecordType):
        return types.record(type_).kind
    return _EXACT.get(type(type_).__name__)


_EXACT: dict[str, type] = {
    "boolean": bool,
    "int": int,
    "long": int,
    "float": float,
    "double": float,
    "string": str,
    "bytes": bytes,
    "Enumeration": str,
    "Fixed": bytes,
    "DecimalType": Decimal,
    "ArrayOf": list,
    "MapOf": dict,
}


class UnionValue:
    """Chooses the branch of a union for a value, and writes it with the branch's own function.

    A value names its branch, as a record or a dict with one field that isn't None; or it is written by the first branch that
    takes it, those of exactly its type first.
    """

    def __init__(
        self,
        shape: RecordShape,
        tags: tuple[str, ...],
        writers: list[Callable[[Any], Any]],
        exact: list[type | None],
        finish: Callable[[int, Any], Any],
    ) -> None:
        self._shape = shape
        self._places = {name: place for names in (tags, shape.names) for place, name in enumerate(names)}
        self._writers = writers
        self._exact = exact
        self._finish = finish

    def __call__(self, value: Any) -> Any:
        """What ``finish`` makes of the branch's number and the written value. Raises ValueMismatch."""
        fields = mapping_of(value)
        named = None if fields is None else self._named(fields, whole=type(value) is self._shape.kind)
        if named is not None:
            place, inner = named
            try:
                return self._finish(place, self._writers[place](inner))
            except ValueMismatch as mismatch:
                mismatch.inside(f".{self._shape.names[place]}")
                raise
            except FAULTS as error:
                raise ValueMismatch(reason_of(error)).inside(f".{self._shape.names[place]}") from error
        for place in sorted(range(len(self._writers)), key=lambda place: self._exact[place] is not type(value)):
            try:
                written = self._writers[place](value)
            except ValueMismatch:
                continue
            return self._finish(place, written)
        raise expected(" | ".join(self._shape.names), value)

    def _named(self, fields: Mapping[str, Any], *, whole: bool) -> tuple[int, Any] | None:
        if not all(name in self._places for name in fields):
            return None
        given = [(self._places[name], value) for name, value in fields.items() if value is not None]
        if len(given) == 1:
            return given[0]
        if whole:
            raise ValueMismatch(f"a union has one of its fields, not {len(given)} of {', '.join(self._shape.names)}")
        return None
