"""Values that users give, as Python's plain types, and as messages show them.

Rules:

1. A subclass of a type that we write is that type: an enum with text or numbers, pandas' timestamps, a time of a test that
   freezes the clock. It is written as the plain value, whatever its own ``str`` or ``repr`` gives.
2. numpy's scalars and arrays are the numbers, text and lists that they contain.
3. A bool is never a number.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from datetime import date, datetime
from enum import Enum
from functools import lru_cache
from operator import attrgetter, methodcaller
from typing import Any

_PLAIN = frozenset({str, int, float, bool, bytes, datetime, date, type(None)})

# Instances, because libraries that freeze the clock replace the classes in this module.
_SOME_TIME = datetime(1970, 1, 1)  # noqa: DTZ001 - the time zone is replaced
_SOME_DAY = date(1970, 1, 1)

SCHEMA_ADVICE = (
    "give the schema as JSON text, such as json.dumps(schema), or the text of its file: Path('…').read_text()"
)
"""What to do about a path, bytes or an object that was given as a schema."""

_SHOWN_CHARS = 80
_CONTAINERS = frozenset({dict, list, tuple, set, frozenset})
_REPR = reprlib.Repr()
_REPR.maxdict = _REPR.maxlist = _REPR.maxtuple = _REPR.maxset = _REPR.maxfrozenset = 20
_REPR.maxstring = _REPR.maxother = _REPR.maxlong = 2 * _SHOWN_CHARS


def plain_value(value: Any) -> Any:
    """A scalar as Python's plain type. Any other value is returned as it is."""
    kind: type = type(value)
    if kind in _PLAIN:
        return value
    convert = _conversion(kind)
    if convert is None:
        return value
    try:
        return convert(value)
    except (TypeError, ValueError, OverflowError):
        return value  # such as pandas' NaT, which is a datetime without a year


@lru_cache(maxsize=256)
def _conversion(kind: type) -> Callable[[Any], Any] | None:
    """What makes the plain value of a value of a type; None if such values stay as they are."""
    if kind.__module__ == "numpy" and hasattr(kind, "tolist"):
        return _NUMPY_TIMES.get(kind.__name__, methodcaller("tolist"))
    for base, convert in _CONVERSIONS:
        if issubclass(kind, base):
            return convert
    return attrgetter("value") if issubclass(kind, Enum) else None


def is_plain(value: Any) -> bool:
    """Whether the type of a value is one of those that ``plain_value`` returns for scalars."""
    return type(value) in _PLAIN


def plain_int(value: Any) -> int:
    """An int that isn't a bool. Raises TypeError for anything else."""
    number = plain_value(value)
    if type(number) is not int:
        raise TypeError(f"{type(value).__name__} is not int")
    return number


def plain_text(value: Any) -> str:
    """Text. Raises TypeError for anything else."""
    text = plain_value(value)
    if type(text) is not str:
        raise TypeError(f"{type(value).__name__} is not str")
    return text


def plain_bytes(value: Any) -> bytes:
    """The bytes of a value that has a buffer of bytes. Raises TypeError for anything else."""
    if type(value) is bytes:
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(memoryview(value))
    raise TypeError(f"{type(value).__name__} is not bytes")


def shown(value: Any) -> str:
    """A value as messages show it: its repr, cut at 80 characters, without the cost of the rest."""
    try:
        if isinstance(value, (str, bytes, bytearray)):
            text = repr(value[: _SHOWN_CHARS + 1])
        else:
            text = _REPR.repr(value) if type(value) in _CONTAINERS else repr(value)
    except Exception:  # noqa: BLE001 - a message has to be made, and an int of 5000 digits has no repr
        text = f"<{type(value).__name__}>"
    if "\n" in text:  # as in the repr of a table
        text = " ".join(text.split())
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"


def described(value: Any) -> str:
    """A wrong value for a message: as it is shown, with its type unless it is text or None."""
    return shown(value) if value is None or type(value) is str else f"{shown(value)} ({type(value).__name__})"


def is_json(value: Any) -> bool:
    """Whether a value is text that begins as JSON of a schema does; the path of a file doesn't."""
    return isinstance(value, str) and value.lstrip("\ufeff \t\r\n").startswith(("{", "[", '"'))


def _plain_time(value: datetime) -> datetime:
    return _SOME_TIME.replace(
        year=value.year,
        month=value.month,
        day=value.day,
        hour=value.hour,
        minute=value.minute,
        second=value.second,
        microsecond=value.microsecond,
        tzinfo=value.tzinfo,
        fold=value.fold,
    )


def _plain_day(value: date) -> date:
    return _SOME_DAY.replace(year=value.year, month=value.month, day=value.day)


_NUMPY_TIMES: dict[str, Callable[[Any], Any] | None] = {
    "datetime64": lambda value: value.astype("datetime64[us]").item(),
    "timedelta64": None,
}
"""The conversions of numpy's times, whose ``tolist`` returns an int if they are more exact than Python's."""

_CONVERSIONS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (bytes, lambda value: bytes(memoryview(value))),
    (datetime, _plain_time),
    (date, _plain_day),
)
"""A type that has subclasses → makes the plain value of one of them. A datetime is a date too, so it comes first."""
