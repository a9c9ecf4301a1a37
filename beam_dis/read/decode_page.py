"""DecodePage: the step, fused to the read, that takes pages apart.

Law: each record becomes one element with the page's timestamp; dead letters go to their own output. Records are handed on
as they are where there is nothing to decode, which costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput

from beam_dis.dead_letter import DeadLetter
from beam_dis.read.page_decoder import PageDecoder

DEAD_LETTERS = "dead_letters"


class DecodePageFn(beam.DoFn):
    """A page, or what ReadPartition has decoded of it → elements."""

    def __init__(self, decoder: PageDecoder) -> None:
        self._decoder = decoder
        self._dead = Metrics.counter("beam_dis.read", "dead_letters")

    def process(self, page: list[Any]) -> Iterable[Any]:
        """The elements of a page."""
        values = self._decoder.values(page)
        return self._sorted_out(values) if self._decoder.dead_letters else values

    def _sorted_out(self, values: list[Any]) -> Iterable[Any]:
        for value in values:
            if isinstance(value, DeadLetter):
                self._dead.inc()
                yield TaggedOutput(DEAD_LETTERS, value)
            else:
                yield value
