"""The table of scalar types: how each is checked, and how JSON and CSV write it.

Rules:
1. One row per type, with everything about the type. Formats look it up and have no cases of their own.
2. A JSON record is read by its Avro schema, so timestamps and dates are written as the schema's numbers. ISO 8601 text is
   read too.
3. CSV is text, so timestamps and dates are written as ISO 8601. Digits are read too.
4. Bytes are base64 in both.
5. An int may be written as an integral decimal number, ``5.0``.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

import msgspec

from beam_dis.formats import times

_INT_BITS, _LONG_BITS = 31, 63
_MAX_DOUBLE = 1.7976931348623157e308

Int = Annotated[int, msgspec.Meta(ge=-(2**_INT_BITS), le=2**_INT_BITS - 1)]
Long = Annotated[int, msgspec.Meta(ge=-(2**_LONG_BITS), le=2**_LONG_BITS - 1)]
Finite = Annotated[float, msgspec.Meta(ge=-_MAX_DOUBLE, le=_MAX_DOUBLE)]

INTEGERS = frozenset({"int", "long"})

VALUE_TYPES = (bytes, datetime, date)
"""The types that msgspec must leave as they are when it checks or unpacks values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalarCodec:
    """How one scalar type is checked and written.

    Attributes:
        value: the msgspec type of its Python value.
        json: the msgspec type of its value in JSON.
        from_text: reads the text of a CSV column; raises ValueError or OverflowError.
        to_text: writes the text of a CSV column.
        from_json: turns the JSON value into the Python value; None if they are the same.
        to_json: turns the Python value into the JSON value; None if they are the same.
    """

    value: Any
    json: Any
    from_text: Callable[[str], Any]
    to_text: Callable[[Any], str]
    from_json: Callable[[Any], Any] | None = None
    to_json: Callable[[Any], Any] | None = None


def whole(value: Any) -> Any:
    """An integral float as an int; any other value as it is."""
    return int(value) if type(value) is float and value.is_integer() else value


def _integer(bits: int) -> Callable[[str], int]:
    low, high = -(2**bits), 2**bits - 1

    def read(text: str) -> int:
        whole, point, decimals = text.partition(".")
        number = int(whole)
        if not low <= number <= high or "_" in text or (point and (not decimals or decimals.strip("0"))):
            raise ValueError(text)
        return number

    return read


def _real(text: str) -> float:
    if "_" in text:
        raise ValueError(text)
    return float(text)


_BOOLEANS = {"true": True, "false": False, "True": True, "False": False, "TRUE": True, "FALSE": False}


def _boolean(text: str) -> bool:
    value = _BOOLEANS.get(text)
    if value is None:
        raise ValueError(text)
    return value


def _either(number: Callable[[int], Any], value: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda given: number(given) if isinstance(given, int) else value(given)


SCALARS: dict[str, ScalarCodec] = {
    "boolean": ScalarCodec(
        value=bool, json=bool, from_text=_boolean, to_text=lambda value: "true" if value else "false"
    ),
    "int": ScalarCodec(value=Int, json=Int, from_text=_integer(_INT_BITS), to_text=int.__repr__),
    "long": ScalarCodec(value=Long, json=Long, from_text=_integer(_LONG_BITS), to_text=int.__repr__),
    "float": ScalarCodec(value=float, json=Finite, from_text=_real, to_text=float.__repr__),
    "double": ScalarCodec(value=float, json=Finite, from_text=_real, to_text=float.__repr__),
    "string": ScalarCodec(value=str, json=str, from_text=str, to_text=str.__str__),
    "bytes": ScalarCodec(
        value=bytes,
        json=bytes,
        from_text=lambda text: b64decode(text, validate=True),
        to_text=lambda value: b64encode(value).decode("ascii"),
    ),
    "timestamp-millis": ScalarCodec(
        value=times.AwareDatetime,
        json=times.AwareDatetime | Long,
        from_text=times.text_to_millis_time,
        to_text=times.millis_time_to_text,
        from_json=_either(times.millis_to_time, times.whole_millis),
        to_json=times.time_to_millis,
    ),
    "timestamp-micros": ScalarCodec(
        value=times.AwareDatetime,
        json=times.AwareDatetime | Long,
        from_text=times.text_to_micros_time,
        to_text=times.micros_time_to_text,
        from_json=_either(times.micros_to_time, times.whole_micros),
        to_json=times.time_to_micros,
    ),
    "date": ScalarCodec(
        value=date,
        json=date | Int,
        from_text=times.text_to_date,
        to_text=date.isoformat,
        from_json=_either(times.days_to_date, lambda day: day),
        to_json=times.date_to_days,
    ),
}
