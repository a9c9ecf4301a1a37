"""What the values of a schema are in a Beam row: rows of a row type, with Beam Timestamps and dates.

Rules:
1. Decoding gives rows of :func:`row_type`. What Beam has no type for is a number or a text: see ``row_types``.
2. Encoding takes those, and beam.Row, dicts, dataclasses and users' NamedTuples. Times may be Beam Timestamps or aware
   datetimes.
3. With ``times="numbers"`` times and dates are the schema's numbers, and with ``times="text"`` ISO 8601 text; with
   ``decimals="text"`` decimals are their digits. That is for sinks that don't take Beam's logical types.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from apache_beam.utils.timestamp import Timestamp

from beam_dis.coders.metadata import METADATA_FIELDS
from beam_dis.coders.row_types import attributes, layout_of, row_type
from beam_dis.formats import times as times_
from beam_dis.formats.mismatch import ValueMismatch, brief, expected
from beam_dis.formats.scalars import decimal_text, python_value
from beam_dis.formats.type_tree import ArrayOf, DecimalType, MapOf, Nullable, RecordType, Scalar, Type
from beam_dis.formats.value_types import NumberType, RecordShape, ValueTypes, timestamps
from beam_dis.names import checked_word
from beam_dis.plain_values import shown

_LOGICAL = frozenset({"date", "timestamp-millis", "timestamp-micros", "time-millis", "time-micros"})
"""The types that ``times`` is about. Local timestamps are text in any case."""

_FIRST_SECOND, _LAST_SECOND = times_.FIRST // 1_000_000, times_.LAST // 1_000_000
_HAS_THESE_FIELDS = vars(Timestamp(0)).keys() >= {"_seconds", "_subseconds", "_precision"}
_SECONDS, _SUBSECONDS, _PRECISION = (
    ("{v}._seconds", "{v}._subseconds", "{v}._precision")
    if _HAS_THESE_FIELDS
    else ("{v}.seconds()", "{v}.subseconds()", "{v}.precision()")
)
"""The parts of a Timestamp. Beam's methods for them take a fifth of the time of writing a flight as JSON, so its fields are read if they
have these names."""


class RowValues(ValueTypes):
    """Values as Beam has them. ``times`` is ``"beam"``, ``"numbers"`` or ``"text"``, ``decimals`` is ``"beam"`` or ``"text"``."""

    def __init__(self, times: str = "beam", decimals: str = "beam") -> None:
        checked_word("times", times, tuple(_TIMES))
        checked_word("decimals", decimals, ("beam", "text"))
        self._numbers, numbers, texts = _TIMES[times]
        self._decimal_texts = decimals == "text"
        self._layout = partial(layout_of, numbers=numbers, texts=texts | {"decimal"} if self._decimal_texts else texts)
        self._shapes: dict[int, tuple[RecordType, RecordShape]] = {}

    def row_type(self, record: RecordType) -> Any:
        """The row type of a record."""
        return row_type(self._layout(record))

    def record(self, record: RecordType) -> RecordShape:
        """What a record is: a row. It is the same for each use of a record, since a big schema has a long layout."""
        _, shape = self._shapes.get(id(record), (record, None))
        if shape is None:
            made = self.row_type(record)
            names = attributes([field.name for field in record.fields])
            make: Callable[[tuple[Any, ...]], Any] = partial(tuple.__new__, made)
            texts = [_text_of_decimals(field.type) for field in record.fields] if self._decimal_texts else ()
            if any(texts):
                make = partial(_make_with_texts, made, texts)
            shape = RecordShape(made, make, names, METADATA_FIELDS)
            self._shapes[id(record)] = record, shape  # an id is only unique among living objects
        return shape

    def number(self, scalar: Scalar) -> NumberType | None:
        """What a time or a date is in a row."""
        return self._numbers.get(scalar.name)

    def to_decimal(self, type_: DecimalType) -> Callable[[Any], Any]:
        """The conversion of a decimal to write, which may be text if it is text in a row."""
        convert = super().to_decimal(type_)
        return (lambda value: convert(_decimal_of(value))) if self._decimal_texts else convert


def _decimal_of(value: Any) -> Any:
    """The Decimal of a text; any other value as it is."""
    plain = python_value(value)
    if type(plain) is not str:
        return value
    try:
        return Decimal(plain)
    except InvalidOperation as error:
        raise expected("decimal", value) from error


def _text_of_decimals(type_: Type) -> Callable[[Any], Any] | None:
    """The function that makes text of the decimals in a value; None if there are none, or a record makes it of its own."""
    if isinstance(type_, DecimalType):
        return decimal_text
    inner = _text_of_decimals(type_.of) if isinstance(type_, (Nullable, ArrayOf, MapOf)) else None
    if inner is None:
        return None
    if isinstance(type_, Nullable):
        return lambda value: None if value is None else inner(value)
    if isinstance(type_, ArrayOf):
        return lambda value: [inner(item) for item in value]
    return lambda value: {key: inner(item) for key, item in value.items()}


def _make_with_texts(made: Any, texts: Sequence[Callable[[Any], Any] | None], values: tuple[Any, ...]) -> Any:
    return tuple.__new__(
        made, [value if text is None else text(value) for text, value in zip(texts, values, strict=True)]
    )


def _timestamp_type(unit: int) -> NumberType:
    value = times_.timestamp_type(unit, partial(Timestamp, 0))
    return NumberType(
        value,
        lambda given: _micros(given) // unit,
        Timestamp,
        f"{_PRECISION} == 6 and {_FIRST_SECOND} <= (n := {_SECONDS}) <= {_LAST_SECOND}",
        f"n * {1_000_000 // unit} + {_SUBSECONDS}{f' // {unit}' if unit > 1 else ''}",
    )


def _micros(value: Any) -> int:
    if not isinstance(value, Timestamp):
        return times_.to_micros(value)
    try:
        micros = value.micros
    except ValueError as error:
        raise ValueMismatch(brief(error)) from error
    try:
        return times_.checked_micros(micros)
    except ValueMismatch as error:
        raise ValueMismatch(f"{shown(value)} is out of range: {error}") from error


def _micros_of_day(value: Any) -> int:
    plain = python_value(value)
    return times_.checked_micros_of_day(plain) if type(plain) is int else times_.to_micros_of_day(value)


def _text_type(name: str) -> NumberType:
    """A time or a date as ISO 8601 text, which may be written as a time or a date too."""
    unit = 1000 if name.endswith("-millis") else 1
    parse = times_.text_number(name)
    write: Callable[[int], str]
    number: Callable[[Any], int]
    if name == "date":
        write, number = times_.date_text, times_.to_days
    elif name.startswith("time-"):
        write, number = (
            lambda given: times_.time_text(given * unit),
            lambda value: times_.to_micros_of_day(value) // unit,
        )
    else:
        decimals = 3 if unit == 1000 else 6
        write, number = (
            lambda given: times_.timestamp_text(given * unit, decimals),
            lambda value: _micros(value) // unit,
        )
    return NumberType(write, lambda value: parse(value) if isinstance(value, str) else number(value))


def _number_type(name: str) -> NumberType:
    """A time or a date as the schema's number, which may be written as a time or a date too."""
    text = _text_type(name)
    check = _in_range(name)
    return NumberType(
        check, lambda value: check(plain) if type(plain := python_value(value)) is int else text.number(value)
    )


def _in_range(name: str) -> Callable[[int], int]:
    if name == "date":
        return times_.checked_days
    unit = 1000 if name.endswith("-millis") else 1

    def check(number: int) -> int:
        if name.startswith("time-"):
            times_.checked_micros_of_day(number * unit)
        else:
            times_.checked_micros(number * unit)
        return number

    return check


_PLAIN = ValueTypes()
_LOCAL = {name: _PLAIN.number(Scalar(name)) for name in ("local-timestamp-millis", "local-timestamp-micros")}

_BEAM = {
    **_LOCAL,
    "date": NumberType(times_.date_of, times_.to_days),
    "time-millis": timestamps(1000, _in_range("time-micros"), _micros_of_day),
    "time-micros": timestamps(1, _in_range("time-micros"), _micros_of_day),
    "timestamp-millis": _timestamp_type(1000),
    "timestamp-micros": _timestamp_type(1),
}

_TIMES: dict[str, tuple[dict[str, Any], frozenset[str], frozenset[str]]] = {
    "beam": (_BEAM, frozenset(), frozenset()),
    "numbers": ({**_LOCAL, **{name: _number_type(name) for name in _LOGICAL}}, _LOGICAL, frozenset()),
    "text": ({**_LOCAL, **{name: _text_type(name) for name in _LOGICAL}}, frozenset(), _LOGICAL),
}
"""What times are by the value of ``times``, and the names of the types that are numbers and texts in a row."""
