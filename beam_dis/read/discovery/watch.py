"""DiscoverPartitions without an end: the step that lists a stream again and again.

Rules:

1. Every partition is output once, also over restarts of the job. The first listing starts where the user said, partitions
   that appear later start at their earliest record.
2. The watermark is the service's clock at the last successful listing, since it holds back all later steps.
3. On a runner that doesn't let this step's watermark hold back the next one, the read's board does: it has the listing, and
   each new partition before that is output.
4. A stream is listed once per interval, even if the runner ignores the delay.
5. Listings that fail are repeated as long as ``beam_dis.outages`` says that the failure may pass.
6. A stream that was deleted, or recreated under its name, fails the pipeline, or its watch ends if that is to be skipped. The
   sequence numbers of a recreated stream start over, so it is another stream.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from typing import Any

import apache_beam as beam
from apache_beam.io.iobase import RestrictionTracker
from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import Lineage
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.utils.timestamp import Duration

from beam_dis.connection import Connection
from beam_dis.errors import DISError
from beam_dis.read.discovery.list_once import Discovery, log_start
from beam_dis.read.partition.tracker import OwnProgress
from beam_dis.read.process.board import WatermarkBoard
from beam_dis.read.process.pace import LONGEST_DELAY
from beam_dis.read.process.registry import Registry, this_process
from beam_dis.read.process.unread_alarm import PATIENCE_SECONDS
from beam_dis.read.state import KnownPartitionsCoder
from beam_dis.read.values import KnownPartitions, StreamPartition, StreamStart
from beam_dis.read.watermark.estimator import ForwardWatermarkProvider
from beam_dis.request_metrics import RequestMetrics

_log = logging.getLogger(__name__)


class WatchTracker(RestrictionTracker):
    """Tracks KnownPartitions.

    A claim is the knowledge after one listing, and only grows. A checkpoint is always granted and passes the whole watch on;
    nothing else is split. There is no I/O and no clock here.
    """

    def __init__(self, restriction: KnownPartitions) -> None:
        self._known = restriction

    def current_restriction(self) -> KnownPartitions:
        """What is known so far."""
        return self._known

    def try_claim(self, position: KnownPartitions) -> bool:
        """Take over what a listing showed; False if another call continues the watch."""
        if self._known.over:
            return False
        self._known = position
        return True

    def try_split(self, fraction_of_remainder: float) -> tuple[KnownPartitions, KnownPartitions] | None:
        """Pass the watch on (0); None for any other fraction."""
        if self._known.over or fraction_of_remainder != 0:
            return None
        residual, self._known = self._known, replace(self._known, over=True)
        return self._known, residual

    def check_done(self) -> bool:
        """True once the watch was passed on; it has no other end."""
        if not self._known.over:
            raise ValueError("the watch over a stream's partitions was left: process() returned without deferring it")
        return True

    def current_progress(self) -> OwnProgress:
        """Nothing is left between two listings."""
        return OwnProgress(completed=len(self._known.partitions), remaining=0)

    def is_bounded(self) -> bool:
        """False: a stream may always get more partitions."""
        return False


class WatchPartitionsFn(beam.DoFn, RestrictionProvider):
    """Stream → its partitions, as they appear. ``interval`` in seconds."""

    def __init__(
        self,
        connection: Connection,
        discovery: Discovery,
        interval: float,
        *,
        read_id: str,
        holds_watermarks: bool | None = None,
        registry: Callable[[], Registry] = this_process,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._discovery = discovery
        self._interval = interval
        self._read_id = read_id
        self._holds_watermarks = holds_watermarks
        self._registry = registry
        self._clock = clock
        self._sleep = sleep
        self._partitions = Metrics.counter("beam_dis.read", "partitions")
        self._missing = Metrics.counter("beam_dis.read", "missing_streams")
        self._requests = RequestMetrics("beam_dis.read")

    def initial_restriction(self, element: StreamStart) -> KnownPartitions:
        """Nothing is known."""
        return KnownPartitions()

    def create_tracker(self, restriction: KnownPartitions) -> WatchTracker:
        return WatchTracker(restriction)

    def restriction_size(self, element: StreamStart, restriction: KnownPartitions) -> float:
        """0: nobody needs to wait for a listing."""
        return 0.0

    def restriction_coder(self) -> KnownPartitionsCoder:
        return KnownPartitionsCoder()

    def truncate(self, element: StreamStart, restriction: KnownPartitions) -> None:
        """A drain ends the watch."""

    def setup(self) -> None:
        registry = self._registry()
        self._shared = registry.enter_connection(self._connection, self)
        self._read_state = registry.enter_read(self._read_id, self)
        if self._holds_watermarks is False:
            self._read_state.board.remember_for(math.inf)

    def teardown(self) -> None:
        self._registry().leave(self)

    @beam.DoFn.unbounded_per_element()  # type: ignore[untyped-decorator]
    def process(
        self,
        element: StreamStart,
        tracker: Any = beam.DoFn.RestrictionParam(),  # noqa: B008 - Beam reads parameters from defaults
        estimator: Any = beam.DoFn.WatermarkEstimatorParam(ForwardWatermarkProvider()),  # noqa: B008 - as above
    ) -> Iterator[StreamPartition]:
        """Output the partitions of a listing that weren't output before."""
        key = element.listing_key
        pause: float | None = self._read_state.pace.wait_briefly(key, self._sleep)
        if not pause:
            board = self._read_state.board if self._holds_watermarks is False else WatermarkBoard()
            board.enter(key, estimator.own())
            try:
                pause = yield from self._new_partitions(element, tracker, estimator, board)
                board.enter(key, estimator.own())  # at once: each new partition is on the board
            finally:
                board.leave(key)
            if pause is None:
                board.remove(key)
                return
            self._read_state.pace.pause(key, pause)
            self._requests.report(self._read_state.requests)
        seconds = min(pause, LONGEST_DELAY)
        self._read_state.pace.note_delay(key, seconds)
        tracker.defer_remainder(Duration(seconds=seconds))

    def _new_partitions(
        self, element: StreamStart, tracker: Any, estimator: Any, board: WatermarkBoard
    ) -> Generator[StreamPartition, None, float | None]:
        """The new partitions of a listing, each on the board before anything can read it.

        Returns:
            The seconds until the next listing; None if the stream is skipped from now on.
        """
        began, known = self._clock(), tracker.current_restriction()
        try:
            with self._read_state.requests.counting():
                found, known, as_of = self._list(element, known)
        except DISError as error:
            return self._pause_after(element, error, tracker, took=self._clock() - began)
        self._read_state.pace.note_answer(element.listing_key)
        self._shared.note_success(element.stream, element.listing_key)
        if tracker.try_claim(known):
            if found:
                self._read_state.alarm.partitions_found()
            if self._read_state.alarm.take_warning():
                _log.error(
                    "stream %s: partitions were found %.0f s ago, and this process has read none of them. If no other worker"
                    " reads them either, the runner doesn't run the steps after the discovery: look at its log, and make sure"
                    " that it has a free slot for each step. DirectRunner may have chosen FnApiRunner: use"
                    " --runner=PrismRunner",
                    element.stream,
                    PATIENCE_SECONDS,
                )
            self._shared.prefetch.forget_idle()
            for partition in found:
                board.expect(partition.key)
                with self._read_state.requests.counting():
                    self._shared.prefetch.expect(partition.at(partition.start))
                self._read_state.due_polls.wait(partition.key, partition.at(partition.start), 0.0)
            yield from found
            estimator.advance(as_of, as_of)
        return self._interval

    def _pause_after(self, element: StreamStart, error: DISError, tracker: Any, *, took: float) -> float | None:
        """Seconds until the next listing after one that failed; None if the stream is skipped from now on."""
        stream, known = element.stream, tracker.current_restriction()
        self._shared.note_failure(stream, element.listing_key, error)
        pause = self._read_state.pace.pause_after_failure(
            element.listing_key, error, worked=known.stream_id != "", took=took
        )
        if pause is not None:
            return pause
        if not self._discovery.skips(error):
            raise error
        if tracker.try_claim(replace(known, over=True)):
            self._missing.inc()
            _log.warning("stream %s is skipped: %s", stream, error)
        return None

    def _list(self, element: StreamStart, known: KnownPartitions) -> tuple[list[StreamPartition], KnownPartitions, int]:
        """List the stream: the new partitions, what is known then, and the service's clock (ms)."""
        stream, service = element.stream, self._shared.service
        listing = self._shared.describe(stream)
        if self._discovery.app is not None and known.stream_id in ("", listing.stream_id):
            self._read_state.claims.claim(element, listing.stream_id, self._discovery.app)
        found, later_known = self._discovery.new_partitions(service, element, listing, known)
        if known.stream_id == "":
            Lineage.sources().add(self._connection.service, self._connection.account, stream)
        self._partitions.inc(len(found))
        if found:
            log_start(stream, found, self._connection, self._discovery.app)
        found = [partition._replace(input_id=element.input_id) for partition in found]
        return found, later_known, listing.time
