"""ReadPartition: the splittable step that reads a partition's range to its end.

*Element*: a :class:`StreamPartition`. *Restriction*: its :class:`SequenceRange`, known from the element alone.
*Splitting*: a range is cut beforehand into parts of 100,000 numbers, and anywhere while it is read; with an app it stays
whole, since a checkpoint says that everything before it was read. *Progress and size*: numbers read and left; bytes left
by the mean of what this process has read. *Output*: runs of records of equal timestamps, which the step behind, fused to
this one, takes apart. *Timestamps*: arrival, or the user's function of the decoded value.

Law: a thin shell. The loop is :class:`~beam_dis.read.range_reader.RangeReader`, the claims are the tracker's. It never
defers: the end is known, so its output is bounded and it ends on every runner.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from beam_dis.connection import DISConnection
from beam_dis.read.backlog import Backlog
from beam_dis.read.committer import Committer
from beam_dis.read.page_decoder import MICROSECONDS, PageDecoder
from beam_dis.read.range_reader import RangeReader
from beam_dis.read.reader import reader_of
from beam_dis.read.record_run import RecordRun, runs_of_equal_time
from beam_dis.read.sequence_range import SequenceRange
from beam_dis.read.state_coders import SequenceRangeCoder
from beam_dis.read.stream_partition import StreamPartition
from beam_dis.read.tracker import SequenceRangeTracker

INITIAL_SPLIT = 100_000
COUNTERS = (
    "records_read",
    "bytes_read",
    "empty_polls",
    "throttled_polls",
    "expired_records",
    "reopened_positions",
    "cumulativeThrottlingSeconds",
)

_log = logging.getLogger(__name__)


class _PartitionReading(beam.DoFn, RestrictionProvider):
    """What both steps share: the restriction, and the pages of it."""

    _whole: bool

    def __init__(
        self,
        connection: DISConnection,
        *,
        on_expired: str = "fail",
        decoder: PageDecoder,
        event_micros: Callable[[Any], int] | None = None,
    ) -> None:
        self._connection = connection
        self._on_expired = on_expired
        self._decoder = decoder
        self._event_micros = event_micros
        self._counters = {name: Metrics.counter("beam_dis.read", name) for name in COUNTERS}

    def initial_restriction(self, element: StreamPartition) -> SequenceRange:
        """The element's range; runners ask more than once."""
        return element.range

    def create_tracker(self, restriction: SequenceRange) -> SequenceRangeTracker:
        """A tracker at the start of a range."""
        return SequenceRangeTracker(restriction, splittable=not self._whole)

    def split(self, element: StreamPartition, restriction: SequenceRange) -> Iterator[SequenceRange]:
        """The range in parts that workers can share."""
        return iter([restriction]) if self._whole else restriction.chunks(INITIAL_SPLIT)

    def restriction_size(self, element: StreamPartition, restriction: SequenceRange) -> float:
        """Bytes left, estimated."""
        return Backlog.bytes(restriction.size or 0)

    def restriction_coder(self) -> SequenceRangeCoder:
        """Our own, versioned."""
        return SequenceRangeCoder()

    def _read(self, element: StreamPartition, tracker: Any) -> Iterator[TimestampedValue[Any]]:
        """What is left of the range, in runs of equal time."""
        reader = reader_of(self._connection)
        loop = RangeReader(
            reader.ahead.page,
            reader.partition,
            on_expired=self._on_expired,
            count=self._count,
            throttled=reader.tally.add,
        )
        start = tracker.current_restriction().start
        place = element.at(start)
        for records in loop.read(place, tracker):
            for name, n in reader.tally.take().items():
                self._count(name, n)
            yield from self._stamped(RecordRun(element.stream, element.partition_id, records))

    def _count(self, name: str, n: int) -> None:
        self._counters[name].inc(n)
        Backlog.note(name, n)

    def _stamped(self, page: RecordRun) -> Iterator[TimestampedValue[Any]]:
        if self._event_micros is None:
            for milliseconds, run in runs_of_equal_time(page):
                yield TimestampedValue(run, Timestamp(micros=milliseconds * MICROSECONDS))
            return
        for micros, values in self._decoder.runs_of_event_time(page, self._event_micros):
            yield TimestampedValue(values, Timestamp(micros=micros))


class ReadPartitionFn(_PartitionReading):
    """Partition → lists of records; with ``event_micros``, of decoded values, since their time is in them."""

    _whole = False

    def process(
        self,
        element: StreamPartition,
        tracker: Any = beam.DoFn.RestrictionParam(),  # noqa: B008 - Beam reads parameters from defaults
    ) -> Iterator[TimestampedValue[Any]]:
        """The records of what is left of the range."""
        yield from self._read(element, tracker)


class ReadPartitionForAppFn(_PartitionReading):
    """The same, and the app's checkpoint is committed once the runner has finalised the bundle."""

    _whole = True

    def __init__(self, connection: DISConnection, *, app: str, **options: Any) -> None:
        super().__init__(connection, **options)
        self._app = app
        self._committer: Committer | None = None

    def setup(self) -> None:
        """Make what finalizers use: runners call them from other threads."""
        service, app = reader_of(self._connection).service, self._app
        self._committer = Committer(
            lambda stream, partition, number: service.commit(app, stream, partition, number),
            executor=None,  # within the finalizer's call: the process may end right after the last one
        )

    def process(
        self,
        element: StreamPartition,
        finalizer: Any = beam.DoFn.BundleFinalizerParam,  # must stand before the restriction: Beam's invoker says so
        tracker: Any = beam.DoFn.RestrictionParam(),  # noqa: B008 - as above
    ) -> Iterator[TimestampedValue[Any]]:
        """The records of what is left of the range; then its end is registered to be committed."""
        yield from self._read(element, tracker)
        stop = tracker.current_restriction().stop
        if self._committer is not None and stop is not None:
            finalizer.register(self._committer.register(element.stream, element.partition_id, stop))

    def teardown(self) -> None:
        """Tell on a runner that never finalised."""
        for (stream, partition), number in (self._committer.unconfirmed if self._committer else {}).items():
            _log.warning(
                "app %s: %s of stream %s was read up to %s, but the runner never finalised the bundle, so that was not"
                " committed: the next run reads it again",
                self._app,
                partition,
                stream,
                number - 1,
            )
