"""Which timestamps elements get, and times as Beam wants them.

Rules:

1. An element's timestamp agrees with its partition's watermark. Clients can set arrival times: a time before the watermark is
   raised to it, and a time far ahead of the service's clock is lowered to the clock. Both are counted.
2. Event times are the user's and stay as they are, late ones included. They come from the decoded value, so with them the
   records are decoded here, and the watermark sees event time.
3. An event time is what ``beam_dis.instants`` takes as a time. Anything else, and a time that Beam can't hold, fails with the
   value and what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from apache_beam.utils.timestamp import MAX_TIMESTAMP, MIN_TIMESTAMP, Timestamp

from beam_dis.dead_letter import DeadLetter
from beam_dis.instants import micros_of
from beam_dis.read.decode import PageDecoder
from beam_dis.read.values import MICROS_PER_MILLI, START_OF_TIME_MS, RecordRun
from beam_dis.read.watermark.policy import WatermarkPolicy

AHEAD_MS = 60_000
"""A timestamp so far ahead of the service's clock, which has whole seconds, was made up by a client."""

_SECOND = 1_000_000
_FIRST, _LAST = MIN_TIMESTAMP.micros, MAX_TIMESTAMP.micros
_PLAUSIBLE_SECONDS = 2**33  # the year 2242
_UNITS = {
    "microseconds": 1_000_000,
    "nanoseconds": 1_000_000_000,
}  # milliseconds of today are seconds that Beam can hold


@dataclass(frozen=True)
class EventMicros:
    """The event time of a value in microseconds since 1970, by the user's function."""

    timestamp_fn: Callable[[Any], Any]

    def __call__(self, value: Any) -> int:
        """The event time of a value; Beam would fail on a wrong one later, when the record isn't known any more."""
        time = self.timestamp_fn(value)
        micros = micros_of(time)
        if not _FIRST <= micros <= _LAST:
            raise ValueError(f"{time!r} is outside of {MIN_TIMESTAMP!r} to {MAX_TIMESTAMP!r}{_remedy(micros)}")
        return micros


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimes:
    """The timestamps of a read; ``event_micros`` is for values of ``decoder``, None means arrival times."""

    policy: WatermarkPolicy
    decoder: PageDecoder
    event_micros: Callable[[Any], int] | None

    def runs(
        self, page: RecordRun, watermark: int, as_of: int, count: Callable[[str, int], None]
    ) -> Iterator[tuple[int, Any]]:
        """``(µs, records or values)`` for each run of equal time, in order; ``watermark`` and ``as_of`` in ms."""
        if self.event_micros is not None:
            yield from self.decoder.runs_of_event_time(page, self.event_micros)
            return
        for milliseconds, run in page.by_time(self.decoder.run_milliseconds):
            clamped = max(watermark, milliseconds if milliseconds <= as_of + AHEAD_MS else as_of)
            if clamped != milliseconds:
                count("clamped_records", len(run.records))
            yield clamped * MICROS_PER_MILLI, run


def has_event_time(values: Iterable[Any]) -> bool:
    """Whether a run's time moves the watermark: a dead letter's arrival time says nothing about events."""
    return isinstance(values, RecordRun) or not all(isinstance(value, DeadLetter) for value in values)


def timestamp_of(milliseconds: int) -> Timestamp:
    """A watermark as Beam wants it."""
    return MIN_TIMESTAMP if milliseconds <= START_OF_TIME_MS else Timestamp(micros=milliseconds * MICROS_PER_MILLI)


def _remedy(micros: int) -> str:
    """The end of the message: the unit that the number may have."""
    for unit, divisor in _UNITS.items():
        if abs(micros) < _PLAUSIBLE_SECONDS * _SECOND * divisor:
            return f": give seconds since 1970; if these are {unit}, divide by {divisor}"
    return ": give seconds since 1970"
