"""Beam's timestamps of event times and watermarks.

Law: event times are what the user's function says of a decoded value: a Beam Timestamp, an aware datetime of any zone,
seconds since 1970 as any real number; anything else, and what Beam has no time for, fails with the value's name and what to
do. The beginning of time is the same on both sides.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from numbers import Real
from typing import Any

from apache_beam.utils.timestamp import MAX_TIMESTAMP, MIN_TIMESTAMP, Timestamp

from beam_dis.read.page_decoder import MICROSECONDS
from beam_dis.read.watermark import START_OF_TIME_MS

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_FIRST, _LAST = MIN_TIMESTAMP.micros, MAX_TIMESTAMP.micros
_PLAUSIBLE_SECONDS = 2**33  # the year 2242
_UNITS = {"microseconds": 1_000_000, "nanoseconds": 1_000_000_000}  # milliseconds of our days are seconds Beam has


@dataclass(frozen=True)
class EventMicros:
    """Microseconds since 1970 of a value, by the user's function."""

    timestamp_fn: Callable[[Any], Any]

    def __call__(self, value: Any) -> int:
        """The event time of a value; refused here what Beam would stumble over later, where no record is known."""
        time = self.timestamp_fn(value)
        micros = _micros(time)
        if not _FIRST <= micros <= _LAST:
            raise ValueError(f"{time!r} lies outside of {MIN_TIMESTAMP!r} to {MAX_TIMESTAMP!r}{_remedy(micros)}")
        return micros


def timestamp_of(milliseconds: int) -> Timestamp:
    """Milliseconds as a watermark to report."""
    return MIN_TIMESTAMP if milliseconds <= START_OF_TIME_MS else Timestamp(micros=milliseconds * MICROSECONDS)


def _micros(time: Any) -> int:
    if isinstance(time, Timestamp):
        return int(time.micros)
    if isinstance(time, datetime):
        return _micros_of_datetime(time)
    if hasattr(time, "__index__") and not isinstance(time, bool):
        return operator.index(time) * _SECOND
    if isinstance(time, Real) and not isinstance(time, bool):
        return _micros_of_seconds(time)
    raise TypeError(f"{time!r} is none of these: a Beam Timestamp, an aware datetime, seconds since 1970")


def _micros_of_datetime(time: datetime) -> int:
    if time.utcoffset() is None:
        raise ValueError(
            f"{time!r} has no time zone: give an aware datetime, such as time.replace(tzinfo=timezone.utc) where it is in UTC"
        )
    return (time - _EPOCH) // _MICROSECOND


def _micros_of_seconds(time: Real) -> int:
    micros = float(time) * _SECOND  # as Beam does it, so that the last digit is the same
    if not math.isfinite(micros):
        raise ValueError(f"{time!r} is no time: give seconds since 1970")
    return int(micros)


def _remedy(micros: int) -> str:
    """What the number may be instead."""
    for unit, divisor in _UNITS.items():
        if abs(micros) < _PLAUSIBLE_SECONDS * _SECOND * divisor:
            return f": give seconds since 1970; if these are {unit}, divide by {divisor}"
    return ": give seconds since 1970"
