"""ReadPartition without an end: the splittable step that polls a partition, call after call.

*Element*: a :class:`StreamPartition`. *Restriction*: ``[start, None)``; never split but for checkpoints. *A call*: not due,
it defers at once, after a pause of 20 ms at most for runners that ignore the delay; else it reads until a page is empty, the
bundle's budget of two seconds and 64 MB is through, or, on a runner that comes back at once, its next page is still under
way while one of another partition lies ready; at least one page; then it moves the watermark and defers. *Commit*: with an
app, the next number is registered with the bundle finalizer, on every call until it is committed, since finalizers
are best effort; seldom where none is ever called. *Watermark*: ``beam_dis.read.watermark``; reported is the lowest of the partitions of this read in this
process. *Backlog*: bytes up to the end that was seen last. *Drain*: nothing of an endless range is left to truncate to.

Law: a thin shell. The loop is :class:`~beam_dis.read.endless_reader.Turn`; what must outlive a call lives in the reader.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp

from beam_dis.connection import DISConnection
from beam_dis.errors import ThrottledError
from beam_dis.read.backlog import Backlog
from beam_dis.read.endless_reader import EndlessSource, Turn
from beam_dis.read.estimator import ForwardWatermarkProvider
from beam_dis.read.reader import Reader, reader_of
from beam_dis.read.record_run import RecordRun
from beam_dis.read.run_times import RunTimes, tells_time
from beam_dis.read.sequence_range import SequenceRange
from beam_dis.read.state_coders import SequenceRangeCoder
from beam_dis.read.stream_partition import StreamPartition
from beam_dis.read.tracker import SequenceRangeTracker
from beam_dis.stream_service import ReadPosition

BUNDLE_SECONDS = 2.0
BUNDLE_BYTES = 64 * 1024 * 1024
LISTED_SECONDS = 20.0
_log = logging.getLogger(__name__)

COUNTERS = (
    "records_read",
    "bytes_read",
    "empty_polls",
    "throttled_polls",
    "failed_polls",
    "expired_records",
    "clamped_records",
    "reopened_positions",
    "cumulativeThrottlingSeconds",
)


class _PartitionPolling(beam.DoFn, RestrictionProvider):
    """What both steps share: the restriction, and turns at the partition."""

    def __init__(
        self,
        connection: DISConnection,
        *,
        read: str,
        times: RunTimes,
        on_expired: str,
        poll_interval: float,
        gone_interval: float,
        gives_way: bool = False,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._read = read
        self._times = times
        self._on_expired = on_expired
        self._poll_interval = poll_interval
        self._gone_interval = gone_interval
        self._gives_way = gives_way
        self._clock = clock
        self._sleep = sleep
        self._counters = {name: Metrics.counter("beam_dis.read", name) for name in COUNTERS}
        self._behind = Metrics.distribution("beam_dis.read", "millis_behind_latest")

    def initial_restriction(self, element: StreamPartition) -> SequenceRange:
        """The element's range; runners ask more than once."""
        return element.range

    def create_tracker(self, restriction: SequenceRange) -> SequenceRangeTracker:
        """A tracker at the start of a range."""
        return SequenceRangeTracker(restriction)

    def restriction_size(self, element: StreamPartition, restriction: SequenceRange) -> float:
        """Bytes up to the end that was seen last; 0 when caught up."""
        ends = reader_of(self._connection).ends
        return Backlog.bytes(ends.left(element.stream_id, element.partition_id, restriction.start))

    def restriction_coder(self) -> SequenceRangeCoder:
        """Our own, versioned."""
        return SequenceRangeCoder()

    def truncate(self, element: StreamPartition, restriction: SequenceRange) -> None:
        """A drain ends at the next checkpoint."""

    def setup(self) -> None:
        """Find what this process shares."""
        self._reader = reader_of(self._connection)
        pause = max(self._poll_interval, self._gone_interval)
        # Prism, which needs the board, has no other process that a partition could move to.
        self._board = self._reader.board(self._read, math.inf if self._gives_way else pause)

    def start_bundle(self) -> None:
        """A new budget."""
        self._bundle_ends = self._clock() + BUNDLE_SECONDS

    def _polled(
        self, element: StreamPartition, tracker: Any, estimator: Any
    ) -> Generator[TimestampedValue[Any], None, tuple[ReadPosition, float]]:
        """One turn at the partition; where the next one goes on, and in how many seconds."""
        self._reader.vigil.reads(self._read)
        place = element.at(tracker.current_restriction().start)
        if pause := self._reader.guard.not_due(self._key(place), self._sleep):
            return place, pause
        turn = Turn(self._source(), place, tracker)
        with self._reader.ahead.at_work(place):
            yield from self._turn(turn, estimator)
        self._reader.keep_ends(place, max(LISTED_SECONDS, 2 * self._gone_interval))
        pause = self._pause(turn)
        for name, n in self._reader.tally.take().items():
            self._count(name, n)
        return turn.place, pause

    def _key(self, place: ReadPosition) -> tuple[str, str, str]:
        """By what the guard knows a partition: reads of one stream in one process don't wait for each other."""
        return (self._read, place.stream_id, place.partition_id)

    def _turn(self, turn: Turn, estimator: Any) -> Iterator[TimestampedValue[Any]]:
        """The turn's records, the watermark behind each page."""
        board, start = self._board, turn.place
        partition = (start.stream_id, start.partition_id)
        watermark = estimator.own()
        board.enter(partition, watermark)
        try:
            for records, as_of in turn.pages():
                run = RecordRun(turn.place.stream, turn.place.partition_id, records)
                times = []
                for micros, values in self._times.runs(run, watermark, as_of, self._count):
                    if tells_time(values):
                        times.append(micros // 1000)
                    yield TimestampedValue(values, Timestamp(micros=micros))
                if times:
                    watermark = self._times.policy.after_records(watermark, max(times), as_of)
                estimator.advance(watermark, board.lowest(partition, watermark))
                self._behind.update(max(0, as_of - records[-1].timestamp))
            if turn.idle_at is not None:
                watermark = self._times.policy.after_nothing(watermark, turn.idle_at)
                if turn.place == start:
                    board.enter(partition, watermark)
                estimator.advance(watermark, board.lowest(partition, watermark))
                self._reader.ends.reached(turn.place)
                self._behind.update(0)
        finally:
            board.leave(partition)

    def _pause(self, turn: Turn) -> float:
        """Seconds to defer; what was empty or failed rests so long, whatever the runner does."""
        guard, key = self._reader.guard, self._key(turn.place)
        if turn.failed:
            throttled = isinstance(turn.failed, ThrottledError)
            pause = guard.setback(key, throttled=throttled)
            if throttled:
                self._reader.tally.add("cumulativeThrottlingSeconds", pause)
            _log.warning(
                "%s %s is polled again in %.1f s: %s", turn.place.stream, turn.place.partition_id, pause, turn.failed
            )
        else:
            pause = turn.pause
            guard.recovered(key)
        if pause:
            guard.rest(key, pause)
        return pause

    def _source(self) -> EndlessSource:
        reader: Reader = self._reader
        return EndlessSource(
            page=lambda place: reader.ahead.page(place, None, fresh=self._poll_interval),
            held=reader.held,
            end=reader.ends.end,
            reached=reader.ends.reached,
            count=self._count,
            spent=lambda size, place: (
                size >= BUNDLE_BYTES
                or self._clock() >= self._bundle_ends
                or (self._gives_way and reader.ahead.better_elsewhere(place))
            ),
            on_expired=self._on_expired,
            rest=lambda place: self._gone_interval if reader.ends.closed(place) else self._poll_interval,
            gone_interval=self._gone_interval,
        )

    def _count(self, name: str, n: int) -> None:
        self._counters[name].inc(n)
        Backlog.note(name, n)


class PollPartitionFn(_PartitionPolling):
    """Partition → runs of records, for ever."""

    @beam.DoFn.unbounded_per_element()  # type: ignore[untyped-decorator]
    def process(
        self,
        element: StreamPartition,
        tracker: Any = beam.DoFn.RestrictionParam(),  # noqa: B008 - Beam reads parameters from defaults
        estimator: Any = beam.DoFn.WatermarkEstimatorParam(ForwardWatermarkProvider()),  # noqa: B008 - as above
    ) -> Iterator[TimestampedValue[Any]]:
        """One turn at the partition."""
        _, pause = yield from self._polled(element, tracker, estimator)
        tracker.defer_remainder(Duration(seconds=pause))


class PollPartitionForAppFn(_PartitionPolling):
    """The same, and the app's checkpoint is committed once the runner has finalised the bundle.

    A step of its own, since Prism logs an error for each bundle that it should finalise and can't. On a runner that
    finalises nothing a position is registered once a minute only: it would keep every bundle that waits for it.
    """

    def __init__(self, connection: DISConnection, *, app: str, **options: Any) -> None:
        super().__init__(connection, **options)
        self._app = app

    def setup(self) -> None:
        """Find the app's commits, too."""
        super().setup()
        self._committer = self._reader.committer(self._read, self._app)

    @beam.DoFn.unbounded_per_element()  # type: ignore[untyped-decorator]
    def process(
        self,
        element: StreamPartition,
        finalizer: Any = beam.DoFn.BundleFinalizerParam,  # must stand before the restriction: Beam's invoker says so
        tracker: Any = beam.DoFn.RestrictionParam(),  # noqa: B008 - as above
        estimator: Any = beam.DoFn.WatermarkEstimatorParam(ForwardWatermarkProvider()),  # noqa: B008 - as above
    ) -> Iterator[TimestampedValue[Any]]:
        """One turn at the partition; where it ended is registered to be committed, until it is committed."""
        place, pause = yield from self._polled(element, tracker, estimator)
        position = (place.stream, place.partition_id, place.sequence_number)
        if self._committer.due(*position):
            finalizer.register(self._committer.register(*position))
        tracker.defer_remainder(Duration(seconds=pause))
