"""Beam's timestamps of event times and watermarks.

Law: event times are what the user's function says of a decoded value: a Beam Timestamp, an aware datetime, seconds since
1970; anything else fails with the value's name. The beginning of time is the same on both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from apache_beam.utils.timestamp import MIN_TIMESTAMP, Timestamp

from beam_dis.read.page_decoder import MICROSECONDS
from beam_dis.read.watermark import START_OF_TIME_MS


@dataclass(frozen=True)
class EventMicros:
    """Microseconds since 1970 of a value, by the user's function."""

    timestamp_fn: Callable[[Any], Any]

    def __call__(self, value: Any) -> int:
        """The event time of a value."""
        time: Timestamp = Timestamp.of(self.timestamp_fn(value))
        return int(time.micros)


def timestamp_of(milliseconds: int) -> Timestamp:
    """Milliseconds as a watermark to report."""
    return MIN_TIMESTAMP if milliseconds <= START_OF_TIME_MS else Timestamp(micros=milliseconds * MICROSECONDS)
