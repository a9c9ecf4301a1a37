"""Which timestamp a run of records gets.

Law: the element timestamp always agrees with the watermark. Arrival times may be set by clients: those older than the
watermark are taken up to it, those far ahead of the service's clock down to it, both counted; event times are the user's
and stay as they are, late ones too. With a user's function decoding runs here, beside the read, so that the watermark sees
event time. Plain Python; microseconds in elements, milliseconds in watermarks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from beam_dis.dead_letter import DeadLetter
from beam_dis.read.page_decoder import MICROSECONDS, PageDecoder
from beam_dis.read.record_run import RecordRun, runs_of_equal_time
from beam_dis.read.watermark import WatermarkPolicy

AHEAD_MS = 60_000
"""So far ahead of the service's clock, which is told in whole seconds, a timestamp is a client's fancy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTimes:
    """``event_micros`` is the event time of what ``decoder`` makes of a record; None for arrival times."""

    policy: WatermarkPolicy
    decoder: PageDecoder
    event_micros: Callable[[Any], int] | None

    def runs(
        self, page: RecordRun, watermark: int, as_of: int, count: Callable[[str, int], None]
    ) -> Iterator[tuple[int, Any]]:
        """``(µs, values)`` for each run of equal time, in order."""
        if self.event_micros is not None:
            yield from self.decoder.runs_of_event_time(page, self.event_micros)
            return
        for milliseconds, run in runs_of_equal_time(page):
            clamped = max(watermark, milliseconds if milliseconds <= as_of + AHEAD_MS else as_of)
            if clamped != milliseconds:
                count("clamped_records", len(run.records))
            yield clamped * MICROSECONDS, run


def tells_time(values: Iterable[Any]) -> bool:
    """Whether a run's time moves the watermark: a dead letter has its arrival time, which says nothing of events."""
    return isinstance(values, RecordRun) or not all(isinstance(value, DeadLetter) for value in values)
