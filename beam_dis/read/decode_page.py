"""DecodePage: the step, fused to the read, that takes runs of records apart.

Law: each record becomes one element with its run's timestamp; dead letters go to their own output. Elements are made one
at a time, as Beam takes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput

from beam_dis.dead_letter import DeadLetter
from beam_dis.read.page_decoder import PageDecoder
from beam_dis.read.record_run import RecordRun

DEAD_LETTERS = "dead_letters"


class DecodePageFn(beam.DoFn):
    """A run of records → elements."""

    def __init__(self, decoder: PageDecoder) -> None:
        self._decoder = decoder
        self._dead = Metrics.counter("beam_dis.read", "dead_letters")

    def process(self, run: RecordRun) -> Iterable[Any]:
        """The elements of a run."""
        values = self._decoder.values(run)
        return self._sorted_out(values) if self._decoder.dead_letters else values

    def _sorted_out(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            if isinstance(value, DeadLetter):
                self._dead.inc()
                yield TaggedOutput(DEAD_LETTERS, value)
            else:
                yield value


class HandOutFn(DecodePageFn):
    """Values that ReadPartition has decoded, since their event time is in them → elements."""

    def process(self, values: list[Any]) -> Iterable[Any]:  # type: ignore[override]
        """The elements among some values."""
        return self._sorted_out(values) if self._decoder.dead_letters else values
