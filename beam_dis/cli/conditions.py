"""Conditions on the fields of a record's value, as ``--where`` takes them: ``delay>=15``, ``carrier=UA``, ``airport.city~York``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from beam_dis.errors import ConfigurationError
from beam_dis.instants import iso_time

_CONDITION = re.compile(r"\s*([^=!<>~\s]+)\s*(!=|<=|>=|=|<|>|~)(.*)", re.DOTALL)
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A field, which may be inside records (``a.b``), an operator, and the text to compare with."""

    path: tuple[str, ...]
    operator: str
    text: str

    def holds(self, value: Any) -> bool:
        """Whether a value fulfils it. One that lacks the field doesn't, unless the operator is ``!=``."""
        for name in self.path:
            if not isinstance(value, Mapping) or name not in value:
                return self.operator == "!="
            value = value[name]
        if self.operator == "~":
            return _bytes_of(self.text) in value if isinstance(value, bytes) else self.text in str(value)
        if value is None or self.text == "null":
            return _ORDERS[self.operator](value is None, self.text == "null") and self.operator in ("=", "!=")
        wanted = _comparable(self.text, value)
        if wanted is None:
            return self.operator == "!="
        left = Decimal(str(value)) if isinstance(wanted, Decimal) else value
        if isinstance(left, Decimal) and left.is_nan():
            return self.operator == "!="
        return _ORDERS[self.operator](left, wanted)


def condition_of(text: str) -> Condition:
    """The condition of a text. Raises ConfigurationError for any other text."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"{text!r} is not a condition: give FIELD=VALUE, or !=, <, <=, >, >= or ~ (contains)")
    return Condition(path=tuple(found[1].split(".")), operator=found[2], text=found[3].strip())


def _comparable(text: str, value: Any) -> Any:
    """The text as a value that can be compared with ``value``; None if it is none."""
    for types, read in _READERS:
        if isinstance(value, types):
            return read(text, value)
    return None


def _number(text: str, _value: Any) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return None if number.is_nan() else number


def _bytes_of(text: str) -> bytes:
    """The bytes of an argument, which needn't be UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def _time(text: str, value: datetime) -> datetime | None:
    moment = iso_time(text)
    return moment if moment is not None and (moment.tzinfo is None) == (value.tzinfo is None) else None


def _date(text: str, _value: date) -> date | None:
    moment = iso_time(text)
    return None if moment is None else moment.date()


_READERS: tuple[tuple[Any, Callable[[str, Any], Any]], ...] = (
    (bool, lambda text, _: {"true": True, "false": False}.get(text.lower())),
    ((int, float, Decimal), _number),
    (datetime, _time),  # a datetime is a date too
    (date, _date),
    (bytes, lambda text, _: _bytes_of(text)),
    (str, lambda text, _: text),
)
