"""The columns of a CSV row: how each type is read from text and written as text.

Rules:
1. CSV is text, so timestamps, dates and times of day are written as ISO 8601. Digits are read too.
2. Bytes are base64, a decimal is its digits, a symbol is itself.
3. A nullable column is null if its cell, without quotes around it, is the text of a null. A column that isn't text is null
   too if its cell is empty. A quoted cell is null only if it can't be read otherwise.
"""

from __future__ import annotations

import csv
import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

from beam_dis.errors import ConfigurationError
from beam_dis.formats import times
from beam_dis.formats.mismatch import FAULTS, ValueMismatch
from beam_dis.formats.scalars import RANGES, Convert, base64_text, check_of, decimal_text, in_range, integral
from beam_dis.formats.type_tree import (
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
    UnionOf,
)
from beam_dis.formats.value_types import NumberType, ValueTypes
from beam_dis.plain_values import shown

_NESTED: dict[type, str] = {
    ArrayOf: "an array",
    MapOf: "a map",
    RecordType: "a record",
    UnionOf: "a union of several types",
    Duration: "a duration of three numbers",
    JSONText: "a record inside itself",
}
_WHOLE = re.compile(r"[+-]?\d+\.0+").fullmatch

BOOLEANS = {"true": True, "false": False, "True": True, "False": False, "TRUE": True, "FALSE": False}


Read = Callable[[Any], Any]
Write = Callable[[Any], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellOptions:
    """How cells are written: the text of a null, the texts of true and false, the zone of timestamps without one."""

    null: str
    booleans: tuple[str, str]
    zone: tzinfo | None


class Column:
    """One column: how its text is read and written."""

    def __init__(self, field: RecordField, types: ValueTypes, options: CellOptions) -> None:
        self.name = field.name
        self.nullable = isinstance(field.type, Nullable)
        self.type = field.type.of if isinstance(field.type, Nullable) else field.type
        if type(self.type) in _NESTED:
            raise ConfigurationError(
                f"field {field.name!r} is {_NESTED[type(self.type)]}: a CSV column has one value, use JSON or Avro"
            )
        self.is_text = self.type == Scalar("string")
        self.null = options.null
        number = types.number(self.type) if isinstance(self.type, Scalar) else None
        if number is not None and isinstance(self.type, Scalar):
            self.steps, self.to_text = _number_functions(self.type.name, number, options)
        else:
            from_text, self.to_text = _functions(self.type, types, options)
            self.steps = (from_text,)

    def from_text(self, text: str) -> Any:
        """The value of a text without quotes, by the ``steps``, one after the other."""
        value: Any = text
        for step in self.steps:
            value = step(value)
        return value

    def read(self, raw: str, text: str) -> Any:
        """The value of a cell. ``raw`` has its quotes, ``text`` doesn't. Raises ValueMismatch."""
        nulls = (self.null,) if self.is_text else (self.null, "")
        if self.nullable and raw in nulls:
            return None
        try:
            return self.from_text(text)
        except (ValueMismatch, *FAULTS) as error:
            if self.nullable and text in nulls:
                return None
            raise self._unreadable(text, error) from error

    def takes(self, text: str) -> bool:
        """Whether a text is a value of the column's type."""
        try:
            self.from_text(text)
        except (ValueMismatch, *FAULTS):
            return False
        return True

    def _unreadable(self, text: str, error: Exception) -> ValueMismatch:
        kind = f"{type_name(self.type)}{' or null' if self.nullable else ''}"
        reason = f": {error}" if str(error) and not isinstance(error, LookupError) else ""
        return ValueMismatch(f"{shown(text)} can't be read as {kind}{reason[:300]}")


def _number_functions(name: str, number: NumberType, options: CellOptions) -> tuple[tuple[Read, ...], Write]:
    parse, text, number_of = times.text_number(name, zone=options.zone), number_text(name), number.number
    steps: tuple[Read, ...] = (parse, number.value)
    return steps, lambda value: text(number_of(value))


def _functions(type_: Any, types: ValueTypes, options: CellOptions) -> tuple[Read, Write]:
    """The functions that read and write the text of a type without a number of its own."""
    convert = check_of(type_).convert
    if isinstance(type_, Enumeration):
        known, default = frozenset(type_.symbols), type_.default
        if default is not None:
            return lambda cell: cell if cell in known else default, convert
        return convert, convert
    if isinstance(type_, DecimalType):
        to_decimal = types.to_decimal(type_)
        return lambda cell: convert(_decimal(cell)), lambda value: decimal_text(to_decimal(value))
    if isinstance(type_, Fixed):
        if type_.uuid:
            return convert, convert
        return lambda cell: convert(b64decode(cell, validate=True)), lambda value: base64_text(convert(value))
    return _primitive_functions(type_.name, convert, options)


def _primitive_functions(name: str, convert: Convert, options: CellOptions) -> tuple[Read, Write]:
    if name in RANGES:
        return _integer_reader(*RANGES[name]), lambda value: str(convert(value))
    if name in {"float", "double"}:
        return lambda cell: convert(_real(cell)), lambda value: repr(convert(value))
    if name == "boolean":
        yes, no = options.booleans
        read = {**BOOLEANS, yes: True, no: False}
        return lambda cell: _boolean(read, cell), lambda value: yes if convert(value) else no
    if name == "bytes":
        return lambda cell: b64decode(cell, validate=True), lambda value: base64_text(convert(value))
    if name == "null":
        return lambda cell: _null(cell, options.null), lambda value: convert(value) or options.null
    return convert, convert


class _Line:
    """What csv.writer writes to, so that ``writerow`` returns the text."""

    write = str


def text_writer(delimiter: str) -> tuple[Callable[[Sequence[Any]], str], str]:
    """The function that joins the texts of values, that of None is empty, and when the ``text`` that it returns is right.

    A subclass of str is the text that it contains. csv takes one character as a delimiter, and quotes cells because of delimiters and
    quotes, though not because of line breaks; a lone empty cell is in quotes. With other delimiters nothing is quoted.
    """
    if len(delimiter) == 1 and delimiter != "\0":
        return csv.writer(_Line, delimiter=delimiter, lineterminator="").writerow, "text != '\"\"'"

    def join(values: Sequence[Any]) -> str:
        cells = ["" if value is None else value if isinstance(value, str) else str(value) for value in values]
        text = delimiter.join(cells)
        return text if text.split(delimiter) == cells else ""

    return join, "'\"' not in text"


def type_name(type_: Any) -> str:
    """The name of a column's type in messages."""
    return (
        type_.name if isinstance(type_, Scalar) else "symbol" if isinstance(type_, Enumeration) else "decimal or bytes"
    )


def number_text(name: str) -> Callable[[int], str]:
    """The function that writes a type's number as ISO 8601 text."""
    if name == "date":
        return times.date_text
    if name.startswith("time-"):
        unit = 1000 if name == "time-millis" else 1
        return lambda number: times.time_text(number * unit)
    unit = times.UNITS[name]
    if name.startswith("local-"):
        return lambda number: times.local_text(number * unit)
    return times.timestamp_text if unit == 1 else lambda number: times.timestamp_text(number * 1000, 3)


def _integer_reader(low: int, high: int) -> Callable[[str], int]:
    def read(cell: str) -> int:
        if "_" in cell:
            raise ValueMismatch("a number has no '_'")
        if _WHOLE(cell):
            return integral(Decimal(cell), low, high)
        return in_range(int(cell), low, high)

    return read


def _real(cell: str) -> float:
    if "_" in cell:
        raise ValueMismatch("a number has no '_'")
    return float(cell)


def _decimal(cell: str) -> Decimal:
    try:
        return Decimal(cell)
    except InvalidOperation as error:
        raise ValueMismatch("it is no number") from error


def _boolean(known: dict[str, bool], cell: str) -> bool:
    if cell not in known:
        raise ValueMismatch(f"it is not one of {', '.join(known)}")
    return known[cell]


def _null(cell: str, null: str) -> None:
    if cell not in {null, ""}:
        raise ValueMismatch("the column is always null")
