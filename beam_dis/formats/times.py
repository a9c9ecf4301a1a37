"""Timestamps and dates: between Python's values, Avro's numbers and ISO 8601 text.

Rules:
1. A timestamp is an instant. Text without a time zone is refused; datetimes are returned in UTC.
2. A ``timestamp-millis`` has whole milliseconds. Anything finer is cut off towards the past, in both directions.
3. A date is a number of days since 1970-01-01.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Annotated

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
AwareDatetime = Annotated[datetime, msgspec.Meta(tz=True)]

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_MICROSECOND = timedelta(microseconds=1)


def millis_to_time(number: int) -> datetime:
    """Milliseconds since 1970 UTC as a datetime; OverflowError outside of the years 1 to 9999."""
    return EPOCH + timedelta(milliseconds=number)


def micros_to_time(number: int) -> datetime:
    """Microseconds since 1970 UTC as a datetime; OverflowError outside of the years 1 to 9999."""
    return EPOCH + timedelta(microseconds=number)


def time_to_millis(time: datetime) -> int:
    """An aware datetime in milliseconds since 1970 UTC, rounded towards the past."""
    return time_to_micros(time) // 1000


def time_to_micros(time: datetime) -> int:
    """An aware datetime in microseconds since 1970 UTC."""
    return (time - EPOCH) // _MICROSECOND


def whole_millis(time: datetime) -> datetime:
    """An aware datetime in UTC, cut to milliseconds."""
    finer = time.microsecond % 1000
    return whole_micros(time.replace(microsecond=time.microsecond - finer) if finer else time)


def whole_micros(time: datetime) -> datetime:
    """An aware datetime in UTC."""
    return time if time.tzinfo is timezone.utc else time.astimezone(timezone.utc)


def text_to_millis_time(text: str) -> datetime:
    """ISO 8601 with a time zone, or milliseconds since 1970 as digits."""
    return millis_to_time(int(text)) if _is_number(text) else whole_millis(_parse(text))


def text_to_micros_time(text: str) -> datetime:
    """ISO 8601 with a time zone, or microseconds since 1970 as digits."""
    return micros_to_time(int(text)) if _is_number(text) else whole_micros(_parse(text))


def millis_time_to_text(time: datetime) -> str:
    """``2013-01-01T10:00:00Z``, with three decimals if there are milliseconds."""
    return _iso(whole_millis(time), "milliseconds")


def micros_time_to_text(time: datetime) -> str:
    """``2013-01-01T10:00:00Z``, with six decimals if there are microseconds."""
    return _iso(whole_micros(time), "microseconds")


def days_to_date(days: int) -> date:
    """Days since 1970-01-01 as a date; OverflowError or ValueError outside of the years 1 to 9999."""
    return date.fromordinal(_EPOCH_DAY + days)


def date_to_days(day: date) -> int:
    """A date in days since 1970-01-01."""
    return day.toordinal() - _EPOCH_DAY


def text_to_date(text: str) -> date:
    """``2013-01-01``, or days since 1970-01-01 as digits."""
    return days_to_date(int(text)) if _is_number(text) else msgspec.convert(text, date)


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdigit()


def _parse(text: str) -> datetime:
    return msgspec.convert(text, AwareDatetime)


def _iso(time: datetime, finest: str) -> str:
    text = time.isoformat(timespec=finest if time.microsecond else "seconds")
    return text.removesuffix("+00:00") + "Z"
