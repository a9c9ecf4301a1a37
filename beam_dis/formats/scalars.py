"""The table of scalar types: for each, how it is checked, how JSON spells it, how CSV spells it.

Law: one row per type, everything about the type in its row; formats look it up and hold no ifs of their own.
A JSON record is read by its Avro schema, so timestamps and dates are written to it as the schema's numbers (ISO 8601 text
is read too); CSV has no numbers, so there they are written as ISO 8601 text (digits are read too). Bytes are base64 in both.
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

VALUE_TYPES = (bytes, datetime, date)
"""What msgspec must leave as it is when it checks or unpacks values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """One scalar type.

    ``value`` is the msgspec type of its Python value, ``json`` that of its JSON spelling; ``from_json`` and ``to_json``
    lead between them, None where they are the same. ``from_text`` and ``to_text`` are CSV's, raising ValueError or
    OverflowError for what can't be read.
    """

    value: Any
    json: Any
    from_text: Callable[[str], Any]
    to_text: Callable[[Any], str]
    from_json: Callable[[Any], Any] | None = None
    to_json: Callable[[Any], Any] | None = None


def _integer(bits: int) -> Callable[[str], int]:
    low, high = -(2**bits), 2**bits - 1

    def read(text: str) -> int:
        number = int(text)
        if not low <= number <= high or "_" in text:
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
    return lambda spelling: number(spelling) if isinstance(spelling, int) else value(spelling)


SCALARS: dict[str, Spelling] = {
    "boolean": Spelling(value=bool, json=bool, from_text=_boolean, to_text=lambda value: "true" if value else "false"),
    "int": Spelling(value=Int, json=Int, from_text=_integer(_INT_BITS), to_text=str),
    "long": Spelling(value=Long, json=Long, from_text=_integer(_LONG_BITS), to_text=str),
    "float": Spelling(value=float, json=Finite, from_text=_real, to_text=repr),
    "double": Spelling(value=float, json=Finite, from_text=_real, to_text=repr),
    "string": Spelling(value=str, json=str, from_text=str, to_text=str),
    "bytes": Spelling(
        value=bytes,
        json=bytes,
        from_text=lambda text: b64decode(text, validate=True),
        to_text=lambda value: b64encode(value).decode("ascii"),
    ),
    "timestamp-millis": Spelling(
        value=times.AwareDatetime,
        json=times.AwareDatetime | Long,
        from_text=times.text_to_millis_time,
        to_text=times.millis_time_to_text,
        from_json=_either(times.millis_to_time, times.whole_millis),
        to_json=times.time_to_millis,
    ),
    "timestamp-micros": Spelling(
        value=times.AwareDatetime,
        json=times.AwareDatetime | Long,
        from_text=times.text_to_micros_time,
        to_text=times.micros_time_to_text,
        from_json=_either(times.micros_to_time, times.whole_micros),
        to_json=times.time_to_micros,
    ),
    "date": Spelling(
        value=date,
        json=date | Int,
        from_text=times.text_to_date,
        to_text=date.isoformat,
        from_json=_either(times.days_to_date, lambda day: day),
        to_json=times.date_to_days,
    ),
}
