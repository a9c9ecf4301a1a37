"""Which timestamp a run of records gets.

Law: the element timestamp always agrees with the watermark. Arrival times may be set by clients: those older than the
watermark are taken up to it, those far ahead of the service's clock down to it, both counted; event times are the user's
and stay as they are, late ones too. With a user's function decoding runs here, beside the read, so that the watermark sees
event time. Plain Python; microseconds in elements, milliseconds in watermarks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from apache_beam.utils.timestamp import MIN_TIMESTAMP, Timestamp

from beam_dis.read.page_decoder import MICROSECONDS, PageDecoder
from beam_dis.read.record_run import RecordRun, runs_of_equal_time
from beam_dis.read.watermark import START_OF_TIME_MS, WatermarkPolicy

AHEAD_MS = 60_000
"""So far ahead of the service's clock, which is told in whole seconds, a timestamp is a client's fancy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimes:
    """``timestamp_fn`` gets what ``decoder`` makes of a record; None for arrival times."""

    policy: WatermarkPolicy
    decoder: PageDecoder
    timestamp_fn: Callable[[Any], Any] | None

    def runs(
        self, page: RecordRun, watermark: int, as_of: int, count: Callable[[str, int], None]
    ) -> Iterator[tuple[int, Any]]:
        """``(µs, values)`` for each run of equal time, in order."""
        if self.timestamp_fn is not None:
            yield from self.decoder.runs_of_event_time(page, self.event_micros)
            return
        for milliseconds, run in runs_of_equal_time(page):
            clamped = max(watermark, milliseconds if milliseconds <= as_of + AHEAD_MS else as_of)
            if clamped != milliseconds:
                count("clamped", len(run.records))
            yield clamped * MICROSECONDS, run

    def event_micros(self, value: Any) -> int:
        """The event time of a value."""
        if self.timestamp_fn is None:
            raise TypeError("event times need a timestamp_fn")
        time: Timestamp = Timestamp.of(self.timestamp_fn(value))
        return int(time.micros)

    @staticmethod
    def watermark_of(timestamp: Timestamp | None) -> int:
        """A reported watermark in milliseconds."""
        if timestamp is None or timestamp <= MIN_TIMESTAMP:
            return START_OF_TIME_MS
        return int(timestamp.micros // MICROSECONDS)

    @staticmethod
    def timestamp_of(milliseconds: int) -> Timestamp:
        """Milliseconds as a watermark to report."""
        return MIN_TIMESTAMP if milliseconds <= START_OF_TIME_MS else Timestamp(micros=milliseconds * MICROSECONDS)
