"""ReadPartition with an end: the splittable step that reads a partition's range.

Element: a StreamPartition. Restriction: its SequenceRange, known from the element alone.

Splitting: a range is cut beforehand into parts of 100,000 numbers, and anywhere while it is read. If finalizers commit to an app,
it stays whole, because a checkpoint says that everything before it was read.

Progress and size: numbers read and left; bytes left, by the mean size of the records that this process has read.

Output: runs of records with equal timestamps, which the next step, fused to this one, decodes one by one. If asked for, a position
after each page, as an output of its own.

Timestamps: the arrival time, or the user's function of the decoded value.

It never defers: the end is known, so its output is bounded and it ends on every runner.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Timestamp

from beam_dis.connection import Connection
from beam_dis.display import display_items
from beam_dis.read.decode import PageDecoder
from beam_dis.read.fetch.counts import estimated_bytes
from beam_dis.read.partition.claimed import ClaimedRanges
from beam_dis.read.partition.lag_report import LagReport
from beam_dis.read.partition.loop import RangeReader
from beam_dis.read.partition.metrics import ReadMetrics
from beam_dis.read.partition.position_output import position_output
from beam_dis.read.partition.tracker import SequenceRangeTracker
from beam_dis.read.process.committer import Committer
from beam_dis.read.process.registry import Registry, this_process
from beam_dis.read.state import SequenceRangeCoder
from beam_dis.read.values import MICROS_PER_MILLI, RecordRun, SequenceRange, StreamPartition
from beam_dis.stream_service import PageRecord, ReadPosition

INITIAL_SPLIT = 100_000


class _RangeReading(beam.DoFn, RestrictionProvider):
    """The restriction and the pages, for both steps."""

    _whole: bool

    def __init__(
        self,
        connection: Connection,
        *,
        read_id: str,
        on_expired: str = "fail",
        on_missing: str = "fail",
        decoder: PageDecoder,
        event_micros: Callable[[Any], int] | None = None,
        positions_for: str | None = None,
        in_one_process: bool = False,
        registry: Callable[[], Registry] = this_process,
    ) -> None:
        self._connection = connection
        self._read_id = read_id
        self._on_expired = on_expired
        self._on_missing = on_missing
        self._decoder = decoder
        self._event_micros = event_micros
        self._positions_for = positions_for
        self._in_one_process = in_one_process
        self._registry = registry
        self._metrics = ReadMetrics()

    def initial_restriction(self, element: StreamPartition) -> SequenceRange:
        """The element's range; runners ask more than once."""
        return element.range

    def create_tracker(self, restriction: SequenceRange) -> SequenceRangeTracker:
        return SequenceRangeTracker(restriction, splittable=not self._whole)

    def split(self, element: StreamPartition, restriction: SequenceRange) -> Iterator[SequenceRange]:
        """The range in parts that workers can share; perhaps this process reads them."""
        upcoming = self._registry().enter_read(self._read_id, self).upcoming
        upcoming.is_only_process = self._in_one_process
        for part in [restriction] if self._whole else restriction.chunks(INITIAL_SPLIT):
            if part.stop is not None:
                upcoming.note(element.at(part.start), part.stop)
            yield part

    def restriction_size(self, element: StreamPartition, restriction: SequenceRange) -> float:
        """Bytes left, estimated."""
        shared = self._registry().connection(self._connection)
        return estimated_bytes(None if shared is None else shared.record_size, restriction.size or 0)

    def restriction_coder(self) -> SequenceRangeCoder:
        return SequenceRangeCoder()

    def setup(self) -> None:
        registry = self._registry()
        self._shared = registry.enter_connection(self._connection, self)
        self._read_state = registry.enter_read(self._read_id, self)
        self._metrics.setup(self._shared.record_size)

    def teardown(self) -> None:
        self._registry().leave(self)

    def display_data(self) -> dict[str, Any]:
        return display_items(self._connection)

    def _read(self, element: StreamPartition, tracker: Any) -> Iterator[TimestampedValue[Any] | TaggedOutput[str, Any]]:
        """The rest of the range, in runs of equal time, and the position after each page."""
        requests = self._read_state.requests
        with requests.counting():
            self._shared.keep_ends(element.at(element.start), math.inf)  # for the stream's retention
        loop = RangeReader(
            self._shared,
            on_expired=self._on_expired,
            on_missing=self._on_missing,
            counts=self._metrics,
            pending=self._read_state.pending,
        )
        position = element.at(tracker.current_restriction().start)
        claims, newest = ClaimedRanges(tracker, element, self._positions_for), MIN_TIMESTAMP.micros
        pages = loop.read(position, claims, self._read_state.upcoming.begin(position))
        for records in self._with_lags(requests.counted_items(pages), position, claims):
            self._metrics.add_pending(self._read_state.pending, requests)
            self._read_state.progress.note_range(
                element.stream, element.key, records=len(records), arrived=records[-1].timestamp
            )
            page = RecordRun(element.stream, element.partition_id, records)
            if self._event_micros is None:
                for milliseconds, run in page.by_time(self._decoder.run_milliseconds):
                    newest = max(newest, milliseconds * MICROS_PER_MILLI)
                    yield TimestampedValue(run, Timestamp(micros=milliseconds * MICROS_PER_MILLI))
            else:
                for micros, values in self._decoder.runs_of_event_time(page, self._event_micros):
                    newest = max(newest, micros)
                    yield TimestampedValue(values, Timestamp(micros=micros))
            if (read := claims.take()) is not None:
                yield position_output(read, newest)
        if (read := claims.take()) is not None:
            yield position_output(read, newest)
        self._metrics.add_pending(self._read_state.pending, requests)

    def _with_lags(
        self, pages: Iterator[list[PageRecord]], position: ReadPosition, claims: ClaimedRanges
    ) -> Iterator[list[PageRecord]]:
        """The pages; how far the range is behind is reported after each, and at its end."""
        arrived: int | None = None
        lags = LagReport(self._shared, self._read_state, self._metrics.gauges, part=position.sequence_number)
        try:
            for records in pages:
                position, arrived = position.after(records), records[-1].timestamp
                stop = claims.current_restriction().stop or position.sequence_number
                lags.after_records(position, arrived, arrived, left=max(0, stop - position.sequence_number))
                yield records
            lags.after_end(position, arrived)
        finally:
            lags.forget(position)


class ReadPartitionFn(_RangeReading):
    """Partition → runs of records; with ``event_micros``, of decoded values, which contain their time."""

    _whole = False

    def process(
        self,
        element: StreamPartition,
        tracker: Any = beam.DoFn.RestrictionParam(),  # noqa: B008 - Beam reads parameters from defaults
    ) -> Iterator[TimestampedValue[Any] | TaggedOutput[str, Any]]:
        """Read the rest of the range."""
        yield from self._read(element, tracker)


class ReadPartitionForAppFn(_RangeReading):
    """The same, and the app's checkpoint is committed once the runner has finalised the bundle."""

    _whole = True

    def __init__(self, connection: Connection, *, app: str, **options: Any) -> None:
        super().__init__(connection, **options)
        self._app = app
        self._committer: Committer | None = None

    def setup(self) -> None:
        super().setup()
        # no executor: the finalizer commits itself, because the process may end right after the last one
        self._committer = Committer(self._shared.service, self._app, executor=None, requests=self._read_state.requests)

    def process(
        self,
        element: StreamPartition,
        finalizer: Any = beam.DoFn.BundleFinalizerParam,  # before the restriction: Beam's invoker fails otherwise
        tracker: Any = beam.DoFn.RestrictionParam(),  # noqa: B008 - as above
    ) -> Iterator[TimestampedValue[Any] | TaggedOutput[str, Any]]:
        """Read the rest of the range, then register its end to be committed."""
        yield from self._read(element, tracker)
        stop = tracker.current_restriction().stop
        if self._committer is not None and stop is not None:
            finalizer.register(self._committer.register(element.stream, element.partition_id, stop))

    def teardown(self) -> None:
        """Warn about a runner that never finalised."""
        super().teardown()
        if self._committer is not None:
            self._committer.log_unconfirmed()
