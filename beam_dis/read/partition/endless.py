"""ReadPartition without an end: the splittable step that polls a partition, call after call.

Element: a StreamPartition. Restriction: ``[start, None)``, which is only split for checkpoints.

A call: if the partition isn't due, the call defers at once; on a runner that ignored the delay, after at most 20 ms. Otherwise it
reads at least one page, until a page is empty or the bundle's budget of two seconds and 64 MB is used up.

Showing the watermark: the others on the board wait until the runner has the records of a call, which the next call shows. So a call that
output records asks to be called again in 0.1 s. That call polls nothing.

Distance: a call has the pages of other partitions requested that are due too, see ``process/due_polls.py``.

Giving up the call: on a runner that resumes at once, a call also ends if its next page is under way while a page of another
partition is there. Each call ends by moving the watermark and deferring.

Commit: if finalizers commit to an app, the next number is registered with the bundle finalizer on every call until it is committed,
because runners may lose finalizers. If positions are asked for, each page has one, as an output of its own.

Watermark: see ``watermark/policy.py`` and ``process/board.py``.

Size: bytes up to the end that was seen last. Drain: an endless range is truncated to nothing.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator, Hashable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Duration, Timestamp

from beam_dis.connection import Connection
from beam_dis.display import display_items
from beam_dis.errors import DISError, ThrottledError
from beam_dis.outages import is_missing
from beam_dis.read.fetch.counts import estimated_bytes
from beam_dis.read.partition.claimed import ClaimedRanges
from beam_dis.read.partition.finalizers import finalize_nothing
from beam_dis.read.partition.gauges import CommitGauges
from beam_dis.read.partition.lag_report import LagReport
from beam_dis.read.partition.loop import PartitionPoll
from beam_dis.read.partition.metrics import ReadMetrics
from beam_dis.read.partition.position_output import position_output
from beam_dis.read.partition.tracker import SequenceRangeTracker
from beam_dis.read.process.board import WatermarkBoard
from beam_dis.read.process.empty_page_alarm import EMPTY_SECONDS
from beam_dis.read.process.pace import LONGEST_DELAY
from beam_dis.read.process.registry import Registry, this_process
from beam_dis.read.state import SequenceRangeCoder
from beam_dis.read.values import LAST_NUMBER, RecordRun, SequenceRange, StreamPartition
from beam_dis.read.watermark.estimator import ForwardWatermarkProvider
from beam_dis.read.watermark.event_time import AHEAD_MS, RunTimes, has_event_time, timestamp_of
from beam_dis.stream_service import ReadPosition

BUNDLE_SECONDS = 2.0
_BETWEEN_LISTINGS = 1.5
"""A step lists a stream itself if nobody did for so many intervals: the discovery in its process needs a little more than one."""

_SHOW_SECONDS = 0.1
"""When to show the others on the board that the runner has the records of a call."""
_log = logging.getLogger(__name__)


class _PartitionPolling(beam.DoFn, RestrictionProvider):
    """The restriction and the polls, for both steps."""

    def __init__(
        self,
        connection: Connection,
        *,
        read_id: str,
        times: RunTimes,
        app: str | None = None,
        outputs_positions: bool = False,
        on_expired: str,
        on_missing: str = "fail",
        poll_interval: float,
        listing_interval: float,
        resumes_at_once: bool = False,
        holds_watermarks: bool | None = None,
        registry: Callable[[], Registry] = this_process,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._read_id = read_id
        self._times = times
        self._app = app
        self._outputs_positions = outputs_positions
        self._on_expired = on_expired
        self._on_missing = on_missing
        self._poll_interval = poll_interval
        self._listing_interval = listing_interval
        self._resumes_at_once = resumes_at_once
        self._holds_watermarks = holds_watermarks
        self._registry = registry
        self._clock = clock
        self._sleep = sleep
        self._metrics = ReadMetrics()

    def initial_restriction(self, element: StreamPartition) -> SequenceRange:
        """The element's range; runners ask more than once."""
        return element.range

    def create_tracker(self, restriction: SequenceRange) -> SequenceRangeTracker:
        return SequenceRangeTracker(restriction)

    def restriction_size(self, element: StreamPartition, restriction: SequenceRange) -> float:
        """Bytes up to the end that was seen last; 0 once caught up, or if this process has seen no end."""
        shared = self._registry().connection(self._connection)
        if shared is None:
            return 0.0
        left = shared.ends.left(element.stream_id, element.partition_id, restriction.start)
        return estimated_bytes(shared.record_size, left)

    def restriction_coder(self) -> SequenceRangeCoder:
        return SequenceRangeCoder()

    def truncate(self, element: StreamPartition, restriction: SequenceRange) -> None:
        """A drain ends at the next checkpoint."""

    def setup(self) -> None:
        registry = self._registry()
        self._shared = registry.enter_connection(self._connection, self)
        self._read_state = registry.enter_read(self._read_id, self)
        self._metrics.setup(self._shared.record_size)
        self._lags = LagReport(self._shared, self._read_state, self._metrics.gauges)
        # Prism, which needs the board, has no other process that a partition could move to.
        self._read_state.board.remember_for(math.inf if self._holds_watermarks is False else 2 * self._poll_interval)

    def teardown(self) -> None:
        self._registry().leave(self)

    def display_data(self) -> dict[str, Any]:
        return display_items(self._connection)

    def start_bundle(self) -> None:
        self._bundle_ends = self._clock() + BUNDLE_SECONDS

    def _poll(
        self, element: StreamPartition, tracker: Any, estimator: Any
    ) -> Generator[TimestampedValue[Any] | TaggedOutput[str, Any], None, tuple[ReadPosition, float | None]]:
        """Poll once; return where the next poll begins, and in how many seconds; None if the partition has ended."""
        self._read_state.alarm.partition_read()
        position = element.at(tracker.current_restriction().start)
        board = WatermarkBoard() if self._holds_watermarks else self._read_state.board
        if pause := self._read_state.pace.wait_briefly(element.key, self._sleep):
            # the runner has the records of the call before
            board.enter(element.key, estimator.own())
            estimator.advance(estimator.own(), board.lowest(element.key, estimator.own()))
            board.leave(element.key)
            return position, pause
        self._warn_if_app_is_shared(element)
        with self._read_state.requests.counting():
            self._expect_due_polls(element)
            self._shared.keep_ends(position, _BETWEEN_LISTINGS * self._listing_interval)
        claims = ClaimedRanges(tracker, element, self._app if self._outputs_positions else None)
        poll = PartitionPoll(
            self._shared,
            position,
            claims,
            counts=self._metrics,
            on_expired=self._on_expired,
            poll_interval=self._poll_interval,
            is_over=self._is_over,
        )
        with self._shared.prefetch.reading(position):
            yield from self._output(element.key, poll, claims, estimator, board)
        wait: float | None
        if poll.position != position or poll.failure is None:
            self._read_state.pace.note_answer(element.key)
        if poll.failure is None:
            self._warn_if_pages_stay_empty(element.key, position, poll)
            wait = self._pause_after_answer(element.key, poll)
            if poll.position != position and not self._holds_watermarks:
                wait = min(wait, _SHOW_SECONDS)
        else:
            wait = self._pause_after_failure(element.key, poll.position, poll.failure)
            if wait is None:
                self._end(element.key, poll.position, poll.failure, tracker)
        self._metrics.add_pending(self._read_state.pending, self._read_state.requests)
        return poll.position, wait

    def _defer(self, element: StreamPartition, tracker: Any, pause: float | None) -> None:
        """Ask to be called again, unless the partition has ended."""
        if pause is not None:
            seconds = min(pause, LONGEST_DELAY)
            self._read_state.pace.note_delay(element.key, seconds)
            tracker.defer_remainder(Duration(seconds=seconds))

    def _is_over(self, position: ReadPosition) -> bool:
        """Whether the bundle has used up its time, or another partition can be read without waiting."""
        return self._clock() >= self._bundle_ends or (
            self._resumes_at_once and self._shared.prefetch.other_partition_ready(position)
        )

    def _output(
        self, partition: Hashable, poll: PartitionPoll, claims: ClaimedRanges, estimator: Any, board: WatermarkBoard
    ) -> Iterator[TimestampedValue[Any] | TaggedOutput[str, Any]]:
        """The poll's records, and the position and the watermark after each page."""
        start, behind, count = poll.position, 0, 0
        watermark = estimator.own()
        board.enter(partition, watermark)
        try:
            for page in self._read_state.requests.counted_items(poll.pages()):
                self._warn_if_ahead(start, watermark, page.time)
                run = RecordRun(start.stream, start.partition_id, page.records)
                times, newest = [], timestamp_of(watermark).micros
                for micros, values in self._times.runs(run, watermark, page.latest_time, self._metrics.add):
                    if has_event_time(values):
                        times.append(micros // 1000)
                        if times[-1] < estimator.reported():
                            self._metrics.add("late_records", len(list(values)))
                    newest = max(newest, micros)
                    yield TimestampedValue(values, Timestamp(micros=micros))
                if (read := claims.take()) is not None:
                    yield position_output(read, newest)
                if times:
                    watermark = self._times.policy.after_records(watermark, max(times), page.time)
                estimator.advance(watermark, board.lowest(partition, watermark))
                behind, count = max(0, page.time - page.records[-1].timestamp), count + len(page.records)
                self._metrics.update_millis_behind(behind)
                self._lags.after_records(poll.position, page.records[-1].timestamp, page.time)
            if (read := claims.take()) is not None:
                yield position_output(read, timestamp_of(watermark).micros)
            if poll.caught_up_at_ms is not None:
                self._warn_if_ahead(start, watermark, poll.caught_up_at_ms)
                watermark = self._times.policy.after_nothing(watermark, poll.caught_up_at_ms)
                if poll.position == start:
                    board.enter(partition, watermark)
                estimator.advance(watermark, board.lowest(partition, watermark))
                behind = 0
                self._metrics.update_millis_behind(behind)
                self._lags.after_catching_up(poll.position, poll.caught_up_at_ms)
            else:
                self._lags.after_nothing(poll.position)
            self._read_state.progress.note(
                start.stream, partition, records=count, millis_behind=behind, watermark=estimator.reported()
            )
        finally:
            board.leave(partition)

    def _expect_due_polls(self, element: StreamPartition) -> None:
        """Have other partitions requested that are due too, so that this call doesn't wait alone."""
        for position in self._read_state.due_polls.begin(element.key, self._shared.answer_seconds):
            if self._shared.ends.finished_at(position) is None:
                self._shared.prefetch.expect(position, few_records=True)

    def _warn_if_app_is_shared(self, element: StreamPartition) -> None:
        if self._app is None or not self._shared.app_readers.claim_warning(self._app, element.stream_id, self._read_id):
            return
        _log.warning(
            "app %s: another running read commits to it in stream %s too. Each of them reads every record, and the app"
            " continues where one of them committed last: give each read an app of its own",
            self._app,
            element.stream,
        )

    def _warn_if_pages_stay_empty(self, partition: Hashable, before: ReadPosition, poll: PartitionPoll) -> None:
        unread = self._shared.ends.left(before.stream_id, before.partition_id, poll.position.sequence_number)
        if poll.position != before or poll.caught_up_at_ms is not None or not unread:
            self._read_state.empty_pages.note_records(partition)
        elif self._read_state.empty_pages.claim_warning(partition):
            _log.warning(
                "%s: its pages have been empty for %.0f s, but the stream's listings have %d more records there: its watermark"
                " waits for them",
                before,
                EMPTY_SECONDS,
                unread,
            )

    def _warn_if_ahead(self, position: ReadPosition, watermark: int, time: int) -> None:
        """Log a watermark that is ahead of the service's clock: it was stored by an earlier run, and doesn't go back."""
        partition = (position.stream_id, position.partition_id)
        if watermark > time + AHEAD_MS and self._read_state.claim_warning(partition):
            _log.warning(
                "%s: its stored watermark is %.0f s ahead of the service's clock: windows are late until then. Start the"
                " pipeline again without the state of its former run",
                position,
                (watermark - time) / 1000,
            )

    def _pause_after_answer(self, partition: Hashable, poll: PartitionPoll) -> float:
        """Seconds to defer; the pace keeps them even if the runner doesn't."""
        self._shared.note_success(poll.position.stream, partition)
        if poll.pause:
            self._read_state.pace.pause(partition, poll.pause)
            self._read_state.due_polls.wait(partition, poll.position, poll.pause)
        return poll.pause

    def _pause_after_failure(self, partition: Hashable, position: ReadPosition, failure: DISError) -> float | None:
        """Seconds to defer; None if the failure doesn't pass, or has lasted too long."""
        self._shared.note_failure(position.stream, partition, failure)
        pause = self._read_state.pace.pause_after_failure(partition, failure, worked=True)
        if pause is not None:
            _log.debug("%s is polled again in %.1f s: %s", position, pause, failure)
            if isinstance(failure, ThrottledError):
                self._read_state.pending.add("cumulativeThrottlingSeconds", pause)
        return pause

    def _end(self, partition: Hashable, position: ReadPosition, failure: DISError, tracker: Any) -> None:
        """End a partition that isn't there any more, if that is to be skipped; otherwise raise the failure."""
        if self._on_missing == "fail" or not is_missing(failure):
            raise failure
        if tracker.try_claim(LAST_NUMBER):
            self._metrics.add("missing_partitions", 1)
            _log.warning("%s is skipped: %s", position, failure)
            self._read_state.board.remove(partition)
            self._lags.after_end(position, None)


class PollPartitionFn(_PartitionPolling):
    """Partition → runs of records, without an end."""

    @beam.DoFn.unbounded_per_element()  # type: ignore[untyped-decorator]
    def process(
        self,
        element: StreamPartition,
        tracker: Any = beam.DoFn.RestrictionParam(),  # noqa: B008 - Beam reads parameters from defaults
        estimator: Any = beam.DoFn.WatermarkEstimatorParam(ForwardWatermarkProvider()),  # noqa: B008 - as above
    ) -> Iterator[TimestampedValue[Any] | TaggedOutput[str, Any]]:
        """Poll the partition once."""
        _, pause = yield from self._poll(element, tracker, estimator)
        self._defer(element, tracker, pause)


class PollPartitionForAppFn(_PartitionPolling):
    """The same, and the app's checkpoint is committed once the runner has finalised the bundle.

    It is a step of its own, because Prism finalises each bundle of such a step.
    """

    def __init__(self, connection: Connection, **options: Any) -> None:
        super().__init__(connection, **options)
        self._commit_gauges = CommitGauges()

    def setup(self) -> None:
        super().setup()
        self._committer = self._read_state.committer(self._shared.service, self._app or "")

    @beam.DoFn.unbounded_per_element()  # type: ignore[untyped-decorator]
    def process(
        self,
        element: StreamPartition,
        finalizer: Any = beam.DoFn.BundleFinalizerParam,  # before the restriction: Beam's invoker fails otherwise
        tracker: Any = beam.DoFn.RestrictionParam(),  # noqa: B008 - as above
        estimator: Any = beam.DoFn.WatermarkEstimatorParam(ForwardWatermarkProvider()),  # noqa: B008 - as above
    ) -> Iterator[TimestampedValue[Any] | TaggedOutput[str, Any]]:
        """Poll the partition once, and register the position after it until it is committed."""
        position, pause = yield from self._poll(element, tracker, estimator)
        next_number = (position.stream, position.partition_id, position.sequence_number)
        if (last := self._committer.last_commit(*next_number[:2])) is not None:
            self._commit_gauges.report(next_number[:2], last)
        if self._committer.due(*next_number):
            finalizer.register(self._committer.register(*next_number))
        elif self._resumes_at_once:
            finalizer.register(finalize_nothing)
        self._defer(element, tracker, pause)
