"""Timestamps, dates and times of day: between Avro's numbers, ISO 8601 text and Python's values.

Rules:
1. A timestamp is an instant. A text or a datetime without a time zone is none, and a local timestamp has none.
2. A ``-millis`` type has whole milliseconds. Anything finer is cut off towards the past, in both directions.
3. Timestamps and dates are in the years 1 to 9999, whatever the format.
4. Digits in a text are the schema's number, unless that is a time outside of 1980 to 2200 and another reading is inside:
   seconds, milliseconds, or a calendar text such as 20130101120000. Then they are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone, tzinfo
from typing import Annotated, Any

import msgspec

from beam_dis.formats.mismatch import ValueMismatch, expected
from beam_dis.plain_values import plain_value, shown

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

# Made once, because libraries that freeze the clock replace the classes in this module by their own.
AnyDate = Annotated[date, msgspec.Meta()]
AnyDatetime = Annotated[datetime, msgspec.Meta()]
AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]
NaiveDatetime = Annotated[datetime, msgspec.Meta(tz=False)]
NaiveTime = Annotated[time, msgspec.Meta(tz=False)]

_LOCAL_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a local timestamp has no time zone
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY = 86_400_000_000
_FIRST_DAY, _LAST_DAY = 1 - _EPOCH_DAY, date.max.toordinal() - _EPOCH_DAY
FIRST, LAST = _FIRST_DAY * _DAY, (_LAST_DAY + 1) * _DAY - 1
"""The microseconds of the years 1 to 9999."""

_LIKELY = range(10 * 365 * _DAY, 230 * 365 * _DAY)
_SHORT_OFFSET = re.compile(r"([+-]\d\d)$")
_CALENDARS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}

UNITS = {"timestamp-millis": 1000, "timestamp-micros": 1, "local-timestamp-millis": 1000, "local-timestamp-micros": 1}
"""The microseconds of one unit of each timestamp."""


def micros_of(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime, or of a naive one as if it were in UTC."""
    since = moment - (_LOCAL_EPOCH if moment.tzinfo is None else EPOCH)
    return since.days * _DAY + since.seconds * 1_000_000 + since.microseconds


def micros_of_day(moment: time) -> int:
    """Microseconds since midnight."""
    return ((moment.hour * 60 + moment.minute) * 60 + moment.second) * 1_000_000 + moment.microsecond


def days_of(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - _EPOCH_DAY


def checked_micros(micros: int) -> int:
    """A timestamp of the years 1 to 9999, as it is."""
    if not FIRST <= micros <= LAST:
        raise ValueMismatch(f"{micros} microseconds since 1970 is out of range: not in the years 1 to 9999")
    return micros


def checked_days(days: int) -> int:
    """A date of the years 1 to 9999, as it is."""
    if not _FIRST_DAY <= days <= _LAST_DAY:
        raise ValueMismatch(f"{days} is out of range: not a day of the years 1 to 9999")
    return days


def timestamp_type(unit: int, make: Callable[[int], Any]) -> Callable[[int], Any]:
    """The function that makes a value of a timestamp of a unit, in one call; ``make`` takes microseconds."""
    first, last = FIRST // unit, LAST // unit

    def value(number: int) -> Any:
        if not first <= number <= last:
            checked_micros(number * unit)
        return make(number * unit)

    return value


def datetime_of(micros: int) -> datetime:
    """An aware datetime in UTC."""
    return EPOCH + timedelta(microseconds=checked_micros(micros))


def date_of(days: int) -> date:
    """A date from days since 1970-01-01."""
    return date.fromordinal(checked_days(days) + _EPOCH_DAY)


def checked_micros_of_day(micros: int) -> int:
    """A time of day, as it is."""
    if not 0 <= micros < _DAY:
        raise ValueMismatch(f"{micros} microseconds since midnight is out of range: a day has {_DAY}")
    return micros


def time_of(micros: int) -> time:
    """A time of day from microseconds since midnight."""
    seconds, micros = divmod(checked_micros_of_day(micros), 1_000_000)
    return time(seconds // 3600, seconds // 60 % 60, seconds % 60, micros)


def date_text(days: int) -> str:
    """``2013-01-01``."""
    return date_of(days).isoformat()


def time_text(micros: int) -> str:
    """``10:00:00``, with six decimals if there are microseconds."""
    return time_of(micros).isoformat()


def local_text(micros: int) -> str:
    """``2013-01-01T10:00:00``, without a time zone."""
    return (_LOCAL_EPOCH + timedelta(microseconds=checked_micros(micros))).isoformat()


def timestamp_text(micros: int, decimals: int = 6) -> str:
    """``2013-01-01T10:00:00Z``, with so many decimals if there are fractions of a second."""
    text = (_LOCAL_EPOCH + timedelta(microseconds=checked_micros(micros))).isoformat()
    return f"{text[: len(text) - 6 + decimals]}Z" if micros % 1_000_000 else f"{text}Z"


def text_number(name: str, *, zone: tzinfo | None = None) -> Callable[[str], int]:
    """The function that reads ISO 8601 text, or digits, as the number of a type.

    Args:
        name: the logical type.
        zone: the time zone of timestamps whose text has none; None refuses them.
    """
    if name == "date":
        return lambda text: int(text) if _is_number(text) else days_of(msgspec.convert(text, AnyDate))
    if name in {"time-millis", "time-micros"}:
        unit = 1000 if name == "time-millis" else 1
        return lambda text: micros_of_day(msgspec.convert(text, NaiveTime)) // unit
    unit = UNITS[name]
    if name.startswith("local-"):
        return lambda text: micros_of(msgspec.convert(text, NaiveDatetime)) // unit

    convert = msgspec.convert

    def read(text: str) -> int:
        try:
            since = convert(text, AwareDatetime) - EPOCH
            return (since.days * _DAY + since.seconds * 1_000_000 + since.microseconds) // unit
        except msgspec.ValidationError:
            if _is_number(text):
                return _unambiguous(text, unit)
            moment: datetime = msgspec.convert(
                _SHORT_OFFSET.sub(r"\1:00", text), AnyDatetime if zone else AwareDatetime
            )
            return micros_of(moment if moment.tzinfo else moment.replace(tzinfo=zone)) // unit

    return read


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal() and text.isascii()


def _unambiguous(text: str, unit: int) -> int:
    number = int(text)
    if number * unit not in _LIKELY:
        others = [number * other for other in (1_000_000, 1000) if other != unit]
        likely = any(micros in _LIKELY for micros in others) or _is_calendar(text)
        if likely:
            raise ValueMismatch(
                f"{text} could be {'milliseconds' if unit == 1000 else 'microseconds'}, or a time written otherwise:"
                " write ISO 8601 text with a time zone"
            )
    return number


def _is_calendar(text: str) -> bool:
    pattern = _CALENDARS.get(len(text))
    try:
        return pattern is not None and micros_of(datetime.strptime(text, pattern)) in _LIKELY  # noqa: DTZ007
    except ValueError:
        return False


def to_micros(value: Any) -> int:
    """Microseconds since 1970 of an aware datetime, a subclass of it included."""
    moment = _datetime_of(value)
    if moment.utcoffset() is None:
        raise ValueMismatch(f"Expected `datetime` with a timezone component: {shown(value)}")
    return micros_of(_plain_datetime(moment))


def to_local_micros(value: Any) -> int:
    """Microseconds since 1970 of a datetime without a time zone, or of its ISO 8601 text."""
    if isinstance(value, str):
        return micros_of(msgspec.convert(value, NaiveDatetime))
    moment = _datetime_of(value)
    if moment.tzinfo is not None:
        raise ValueMismatch(f"Expected `datetime` without a timezone component: {shown(value)}")
    return micros_of(_plain_datetime(moment))


def to_days(value: Any) -> int:
    """Days since 1970 of a date, or of a datetime at midnight, which pandas has for a date."""
    day = value if isinstance(value, date) else plain_value(value)
    if isinstance(day, datetime):
        if day.time() != time.min:
            raise ValueMismatch(f"Expected `date`, got a time of day too: {shown(value)}")
    elif not isinstance(day, date):
        raise expected("date", value)
    return days_of(date(day.year, day.month, day.day))


def to_micros_of_day(value: Any) -> int:
    """Microseconds since midnight of a time without a time zone."""
    if not isinstance(value, time):
        raise expected("time", value)
    if value.tzinfo is not None:
        raise ValueMismatch(f"Expected `time` without a timezone component: {shown(value)}")
    return micros_of_day(value)


def _datetime_of(value: Any) -> datetime:
    moment = value if isinstance(value, datetime) else plain_value(value)
    if isinstance(moment, datetime):
        return moment
    raise expected("datetime", value)


def _plain_datetime(value: datetime) -> datetime:
    """The same moment in Python's own class, so that subtraction is Python's."""
    if type(value) is datetime:
        return value
    return datetime(
        value.year, value.month, value.day, value.hour, value.minute, value.second, value.microsecond,
        tzinfo=value.tzinfo, fold=value.fold,
    )  # fmt: skip
