"""``redistribute=N``: pages are shuffled between the step that reads and the step that decodes.

Rules:

1. Runs are gathered before the shuffle, because it costs about 20 µs an element. A part has up to 1,000 records or 1 MiB of one
   partition.
2. A part has the earliest time of its runs, so that the watermark doesn't pass one that waits. Each element gets its own time
   again when it is decoded.
3. The records of a part stay in order. The parts of a partition don't.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import GlobalWindow, TimestampedValue
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from beam_dis.read.decode import DecodePageFn
from beam_dis.read.values import PagePart, RecordRun

MOST_RECORDS = 1000
MOST_BYTES = 1024 * 1024


class GatherRunsFn(beam.DoFn):
    """Runs of records → parts of pages."""

    def __init__(self) -> None:
        self.start_bundle()

    def start_bundle(self) -> None:
        self._gathered: list[tuple[int, RecordRun]] = []
        self._records = self._bytes = 0

    def process(
        self,
        run: RecordRun,
        timestamp: Any = beam.DoFn.TimestampParam,
    ) -> Iterator[TimestampedValue[PagePart]]:
        """Gather a run; output what was gathered before if it is of another partition, or enough."""
        if self._gathered:
            _, last = self._gathered[-1]
            same = (last.stream, last.partition_id) == (run.stream, run.partition_id)
            if not same or self._records >= MOST_RECORDS or self._bytes >= MOST_BYTES:
                micros, part = self._take()
                yield TimestampedValue(part, Timestamp(micros=micros))
        self._gathered.append((timestamp.micros, run))
        self._records += len(run.records)
        self._bytes += sum(len(record.data) for record in run.records)

    def finish_bundle(self) -> Iterator[Any]:
        """Output what is left."""
        if self._gathered:
            micros, part = self._take()
            yield WindowedValue(part, Timestamp(micros=micros), (GlobalWindow(),))

    def _take(self) -> tuple[int, PagePart]:
        """What was gathered, and its earliest time (µs)."""
        gathered = self._gathered
        self.start_bundle()
        _, first = gathered[0]
        runs = tuple((micros, run.records) for micros, run in gathered)
        return min(micros for micros, _ in runs), PagePart(first.stream, first.partition_id, runs)


class DecodePartFn(DecodePageFn):
    """Parts of pages → elements with their own times, dead letters to their own output."""

    def process(self, part: PagePart) -> Iterable[Any]:  # type: ignore[override]
        """Decode the runs of a part."""
        for micros, records in part.runs:
            timestamp = Timestamp(micros=micros)
            for value in super().process(RecordRun(part.stream, part.partition_id, records)):
                if isinstance(value, TaggedOutput):
                    yield TaggedOutput(value.tag, TimestampedValue(value.value, timestamp))
                else:
                    yield TimestampedValue(value, timestamp)


class Redistribute(beam.PTransform[Any, Any]):
    """Runs of records → parts of pages, shuffled over so many keys."""

    def __init__(self, buckets: int) -> None:
        super().__init__()
        self._buckets = buckets

    def expand(self, runs: Any) -> Any:
        """Gather runs and shuffle the parts."""
        parts = runs | "Gather" >> beam.ParDo(GatherRunsFn()).with_output_types(PagePart)
        return parts | "Shuffle" >> beam.Reshuffle(num_buckets=self._buckets)
