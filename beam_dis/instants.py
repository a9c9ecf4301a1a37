"""Times as users give them, in microseconds since 1970.

Rules:

1. A time is a Beam Timestamp, an aware datetime, seconds since 1970 as any real number, or ISO 8601 text with a time zone.
   Positions and ``timestamp_fn`` take the same.
2. Subclasses of datetime count as datetimes (``plain_values``): some of them calculate in other units.
3. A time without a zone is refused, because the zone of the machine that runs the code would decide.
"""

from __future__ import annotations

import math
import operator
import re
from datetime import datetime, timedelta, timezone
from numbers import Real
from typing import Any

from beam_dis.plain_values import is_plain, plain_value

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_DURATION = re.compile(
    r"(?:(?P<d>\d{1,9})d)?(?:(?P<h>\d{1,9})h)?(?:(?P<m>\d{1,9})m)?(?:(?P<s>\d{1,9}(?:\.\d{1,9})?)s)?", re.ASCII
)
_SECONDS = {"d": 86_400, "h": 3600, "m": 60, "s": 1}


def duration_of(text: str) -> float | None:
    """The seconds of a duration such as ``90s``, ``10m`` or ``1d12h``; None for any other text."""
    found = _DURATION.fullmatch(text)
    parts = {} if found is None else {unit: number for unit, number in found.groupdict().items() if number}
    return sum(float(number) * _SECONDS[unit] for unit, number in parts.items()) if parts else None


def micros_of(time: Any) -> int:
    """Microseconds since 1970 of a time.

    Raises:
        ValueError: the time has no time zone, or the number is not finite.
        TypeError: it is not a time.
    """
    micros = getattr(time, "micros", None)
    if isinstance(micros, int) and hasattr(time, "to_utc_datetime"):  # a Beam Timestamp; plain files import no Beam
        return micros
    instant = plain_value(iso_time(time) if isinstance(time, str) else time)
    if isinstance(instant, datetime) and is_plain(instant):  # pandas' NaT has the type, but it is not a time
        if instant.utcoffset() is None:
            if isinstance(time, str):
                advice = "end the text in Z if it is UTC, such as '2026-01-01T00:00Z'"
            elif isinstance(time, datetime):
                advice = "give an aware datetime, such as time.replace(tzinfo=timezone.utc) if it is UTC"
            else:
                advice = "give an aware datetime"  # a numpy.datetime64 never has one
            raise ValueError(f"{time!r} has no time zone: {advice}")
        return (instant - _EPOCH) // _MICROSECOND
    if hasattr(time, "__index__") and not isinstance(time, bool):
        return operator.index(time) * _SECOND
    if isinstance(time, Real) and not isinstance(time, bool):
        seconds = float(time) * _SECOND  # as Beam computes it, so that the last digit is the same
        if not math.isfinite(seconds):
            raise ValueError(f"{time!r} is not a time: give seconds since 1970")
        return int(seconds)
    kinds = "a Beam Timestamp, an aware datetime, seconds since 1970, or ISO text such as '2026-01-01T00:00Z'"
    raise TypeError(f"{time!r} is none of these: {kinds}")


def iso_time(text: str) -> datetime | None:
    """The time of ISO 8601 text; None if it is something else. Python 3.10 doesn't know the Z for UTC."""
    text = text.strip()
    try:
        return datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in ("Z", "z") else text)
    except ValueError:
        return None


def iso_text(milliseconds: int) -> str:
    """A time in UTC to the millisecond."""
    try:
        moment = datetime.fromtimestamp(milliseconds // 1000, timezone.utc)
    except (OverflowError, OSError, ValueError):
        return str(milliseconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}Z"
