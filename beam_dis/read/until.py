"""ReadUntil: the step that polls all partitions of a stream until it has so many records, or for so long.

Rules:

1. One call reads all partitions, because they share the limit. It ends, so its output is bounded on every runner.
2. Requests run in the background, one at a time for each partition. So an idle or slow partition delays no other one, and no
   request is waited for once the time is up.
3. Each record is an output of its own: none follows the last record or the end of the time, and the position of each partition
   is after its last output.
4. The partitions are found, polled and paced as in an endless read, and failures that may pass are waited out.
5. If the time ends before the service has answered, the read fails: an empty output would look like an empty stream.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Hashable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import Lineage
from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Timestamp

from beam_dis.connection import Connection
from beam_dis.display import display_items
from beam_dis.errors import DISError, ThrottledError
from beam_dis.outages import is_missing
from beam_dis.positions import AfterReading
from beam_dis.read.decode import PageDecoder
from beam_dis.read.discovery.list_once import Discovery, log_start
from beam_dis.read.fetch.counts import PendingCounts, numbers_of
from beam_dis.read.partition.lag_report import LagReport
from beam_dis.read.partition.loop import PartitionPoll
from beam_dis.read.partition.metrics import ReadMetrics
from beam_dis.read.partition.position_output import position_output
from beam_dis.read.partition.tracker import SequenceRangeTracker
from beam_dis.read.process.committer import Committer
from beam_dis.read.process.pace import Pace
from beam_dis.read.process.registry import Registry, this_process
from beam_dis.read.state import SequenceRangeCoder
from beam_dis.read.values import (
    MICROS_PER_MILLI,
    KnownPartitions,
    ReadPositions,
    RecordRun,
    SequenceRange,
    StreamPartition,
    StreamStart,
)
from beam_dis.stream_service import Page, PageRecord, ReadPosition

_log = logging.getLogger(__name__)


class _BackgroundCounts:
    """Counts of a poll in another thread; records are counted when they are output."""

    def __init__(self, pending: PendingCounts) -> None:
        self._pending = pending

    def add(self, name: str, n: int) -> None:
        """Add to a counter once the step reports it."""
        self._pending.add(name, n)

    def read(self, records: int, size: int, numbers: int) -> None:
        """Count nothing: perhaps not all of them are output."""


class _Partition:
    """A partition, where its reading began, the position after its last output, and what its requests have given so far."""

    def __init__(self, element: StreamPartition) -> None:
        self.start = element.start
        self.position = element.at(element.start)
        self.answered = False
        self.failure: DISError | None = None


class _Request(NamedTuple):
    """A request under way, and when it began (s)."""

    answer: Future[Any]
    began: float


class ReadUntilFn(beam.DoFn):
    """Stream → runs of one record; with ``event_micros``, of one decoded value."""

    def __init__(
        self,
        connection: Connection,
        discovery: Discovery,
        limit: AfterReading,
        *,
        read_id: str,
        on_expired: str,
        poll_interval: float,
        discovery_interval: float | None,
        decoder: PageDecoder,
        event_micros: Callable[[Any], int] | None = None,
        outputs_positions: bool = False,
        registry: Callable[[], Registry] = this_process,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._discovery = discovery
        self._limit = limit
        self._read_id = read_id
        self._on_expired = on_expired
        self._poll_interval = poll_interval
        self._discovery_interval = discovery_interval
        self._decoder = decoder
        self._event_micros = event_micros
        self._outputs_positions = outputs_positions
        self._registry = registry
        self._clock = clock
        self._sleep = sleep
        self._metrics = ReadMetrics()
        self._found = Metrics.counter("beam_dis.read", "partitions")
        self._missing = Metrics.counter("beam_dis.read", "missing_streams")

    def setup(self) -> None:
        registry = self._registry()
        self._shared = registry.enter_connection(self._connection, self)
        self._read_state = registry.enter_read(self._read_id, self)
        self._metrics.setup(self._shared.record_size)
        self._lags = LagReport(self._shared, self._read_state, self._metrics.gauges)

    def teardown(self) -> None:
        self._registry().leave(self)

    def display_data(self) -> dict[str, Any]:
        return display_items(self._connection)

    def process(self, element: StreamStart) -> Iterator[TimestampedValue[Any] | TaggedOutput[str, Any]]:
        """Read the stream, then output the positions of its partitions."""
        yield from self._read(element)
        app = self._discovery.app
        if app is not None and self._outputs_positions:
            for partition in self._partitions.values():
                start, (stream, stream_id, partition_id, stop) = partition.start, partition.position
                if start < stop:
                    read = ReadPositions(app, stream, stream_id, partition_id, start, stop, start)
                    yield position_output(read, self._newest)

    def _read(self, element: StreamStart) -> Generator[TimestampedValue[Any], None, list[ReadPosition]]:
        """Read the stream; return the position after the last output of each partition."""
        seconds, left = self._limit.seconds, self._limit.records
        until = float("inf") if seconds is None else self._clock() + seconds
        self._start(element)
        while self._parts and self._clock() < until and left != 0:
            self._request_what_is_due()
            for part in [part for part, request in self._under_way.items() if request.answer.done()]:
                page = self._answer(part)
                if page is None or left == 0 or self._clock() >= until:
                    continue
                partition, count = self._partitions[part], 0
                for record in page.records[:left]:
                    yield from self._output(partition.position, record)
                    count += 1
                    if self._clock() >= until:
                        break
                self._note_output(part, page, page.records[:count])
                left = None if left is None else left - count
            self._metrics.add_pending(self._read_state.pending, self._read_state.requests)
            if left != 0:
                self._wait(until)
        if left != 0 and self._parts:
            self._check_answers()
        return [partition.position for partition in self._partitions.values()]

    def _start(self, element: StreamStart) -> None:
        """Nothing is known of the stream: its listing is the one request to make."""
        self._element = element
        self._newest = MIN_TIMESTAMP.micros
        self._known = KnownPartitions()
        self._pace = Pace(clock=self._clock)
        self._partitions: dict[Hashable, _Partition] = {}
        self._under_way: dict[Hashable, _Request] = {}
        self._listing_failure: DISError | None = None
        self._parts: dict[Hashable, Callable[[], Any]] = {element.listing_key: self._list}

    def _request_what_is_due(self) -> None:
        for part, request in self._parts.items():
            if part not in self._under_way and not self._pace.due_in(part):
                self._under_way[part] = _Request(self._in_background(request), self._clock())

    def _in_background(self, request: Callable[[], Any]) -> Future[Any]:
        with self._read_state.requests.counting():
            return self._shared.in_background(request)

    def _wait(self, until: float) -> None:
        """Wait for an answer, the next request or the end of the time."""
        idle = [self._pace.due_in(part) for part in self._parts if part not in self._under_way]
        seconds = max(0.0, min([until - self._clock(), *idle]))
        under_way = [request.answer for request in self._under_way.values()]
        if under_way:
            wait(under_way, timeout=None if seconds == float("inf") else seconds, return_when=FIRST_COMPLETED)
        else:
            self._sleep(seconds)

    def _answer(self, part: Hashable) -> Page | None:
        """Take the answer to a request: a page with records, or None."""
        request = self._under_way.pop(part)
        if part == self._element.listing_key:
            self._take_listing(request)
            return None
        return self._take_poll(part, *request.answer.result())

    def _list(self) -> tuple[list[StreamPartition], KnownPartitions]:
        listing = self._shared.describe(self._element.stream)
        return self._discovery.new_partitions(self._shared.service, self._element, listing, self._known)

    def _take_listing(self, request: _Request) -> None:
        stream, part = self._element.stream, self._element.listing_key
        try:
            found, known = request.answer.result()
        except DISError as error:
            self._listing_failure = error
            self._shared.note_failure(stream, part, error)
            worked, took = self._known.stream_id != "", self._clock() - request.began
            if self._pace.pause_after_failure(part, error, worked=worked, took=took) is None:
                if not self._discovery.skips(error):
                    raise
                self._missing.inc()
                _log.warning("stream %s is skipped: %s", stream, error)
                self._parts.clear()
            return
        self._pace.note_answer(part)
        self._shared.note_success(stream, part)
        if self._known.stream_id == "":
            Lineage.sources().add(self._connection.service, self._connection.account, stream)
        if found:
            log_start(stream, found, self._connection, self._discovery.app)
            self._found.inc(len(found))
        self._known = known
        if self._discovery_interval is None:
            del self._parts[part]
        else:
            self._pace.pause(part, self._discovery_interval)
        for partition in found:
            self._partitions[partition.key] = added = _Partition(partition)
            self._parts[partition.key] = partial(self._poll, added)

    def _poll(self, partition: _Partition) -> tuple[PartitionPoll, Page | None]:
        """Request one page of a partition."""
        poll = PartitionPoll(
            self._shared,
            partition.position,
            SequenceRangeTracker(SequenceRange(partition.position.sequence_number, None)),
            counts=_BackgroundCounts(self._read_state.pending),
            on_expired=self._on_expired,
            poll_interval=self._poll_interval,
            is_over=lambda _: True,
        )
        return poll, next(poll.pages(), None)

    def _take_poll(self, part: Hashable, poll: PartitionPoll, page: Page | None) -> Page | None:
        """Note what a poll has given; return its page if that has records."""
        partition = self._partitions[part]
        if poll.failure is None:
            partition.answered = True
            self._pace.note_answer(part)
            self._shared.note_success(poll.position.stream, part)
            if poll.pause:
                self._pace.pause(part, poll.pause)
        else:
            partition.failure = poll.failure
            self._pause_after_failure(part, poll.position, poll.failure)
        if page is None:
            partition.position = poll.position  # perhaps after records that expired
            if poll.caught_up_at_ms is not None:
                self._metrics.update_millis_behind(0)
                self._lags.after_catching_up(poll.position, poll.caught_up_at_ms)
            else:
                self._lags.after_nothing(poll.position)
            self._read_state.progress.note_range(partition.position.stream, part, records=0, arrived=None)
        return page

    def _pause_after_failure(self, part: Hashable, position: ReadPosition, failure: DISError) -> None:
        """Pause a partition, or end it if it isn't there any more and that is to be skipped; otherwise raise the failure."""
        self._shared.note_failure(position.stream, part, failure)
        pause = self._pace.pause_after_failure(part, failure, worked=True)
        if pause is not None:
            if isinstance(failure, ThrottledError):
                self._read_state.pending.add("cumulativeThrottlingSeconds", pause)
            return
        if self._discovery.on_missing == "fail" or not is_missing(failure):
            raise failure
        self._metrics.add("missing_partitions", 1)
        _log.warning("%s is skipped: %s", position, failure)
        del self._parts[part]

    def _output(self, position: ReadPosition, record: PageRecord) -> Iterator[TimestampedValue[Any]]:
        run = RecordRun(position.stream, position.partition_id, [record])
        if self._event_micros is None:
            self._newest = max(self._newest, record.timestamp * MICROS_PER_MILLI)
            yield TimestampedValue(run, Timestamp(micros=record.timestamp * MICROS_PER_MILLI))
        else:
            for micros, values in self._decoder.runs_of_event_time(run, self._event_micros):
                self._newest = max(self._newest, micros)
                yield TimestampedValue(values, Timestamp(micros=micros))

    def _note_output(self, part: Hashable, page: Page, records: list[PageRecord]) -> None:
        """Move a partition after the records of a page that were output, and count them."""
        partition = self._partitions[part]
        partition.position = partition.position.after(records)
        arrived = records[-1].timestamp
        self._metrics.read(len(records), sum([len(record.data) for record in records]), numbers_of(records))
        self._metrics.update_millis_behind(max(0, page.time - arrived))
        self._lags.after_records(partition.position, arrived, page.time)
        self._read_state.progress.note_range(partition.position.stream, part, records=len(records), arrived=arrived)

    def _check_answers(self) -> None:
        """Raise if the time is up, and what was never answered would look like an empty stream."""
        stream, seconds = self._element.stream, self._limit.seconds
        if self._known.stream_id == "":
            raise self._listing_failure or DISError(
                f"stream {stream!r} was not listed within {seconds} s: give more seconds, or find out why the service is slow"
            )
        for partition in self._partitions.values():
            if partition.failure is not None and not partition.answered:
                raise partition.failure
        if self._partitions and not any(partition.answered for partition in self._partitions.values()):
            raise DISError(
                f"no partition of stream {stream!r} has answered within {seconds} s: give more seconds, or find out why the"
                " service is slow"
            )


class ReadUntilForAppFn(ReadUntilFn, RestrictionProvider):
    """The same, and the app's checkpoints are committed once the runner has finalised the bundle.

    It is splittable, though its one position can't be split: Prism finalises a bundle only if the first step of its stage asks for
    it, and a splittable step is the first.
    """

    def __init__(self, connection: Connection, discovery: Discovery, limit: AfterReading, **options: Any) -> None:
        super().__init__(connection, discovery, limit, **options)
        self._committer: Committer | None = None

    def setup(self) -> None:
        super().setup()
        # no executor: the finalizer commits itself, because the process may end right after it
        requests = self._read_state.requests
        self._committer = Committer(self._shared.service, self._discovery.app or "", executor=None, requests=requests)

    def initial_restriction(self, element: StreamStart) -> SequenceRange:
        """The one position."""
        return SequenceRange(0, 1)

    def create_tracker(self, restriction: SequenceRange) -> SequenceRangeTracker:
        return SequenceRangeTracker(restriction, splittable=False)

    def restriction_size(self, element: StreamStart, restriction: SequenceRange) -> float:
        """All restrictions are equal."""
        return 1.0

    def restriction_coder(self) -> SequenceRangeCoder:
        return SequenceRangeCoder()

    def process(
        self,
        element: StreamStart,
        finalizer: Any = beam.DoFn.BundleFinalizerParam,  # before the restriction: Beam's invoker fails otherwise
        tracker: Any = beam.DoFn.RestrictionParam(),  # noqa: B008 - Beam reads parameters from defaults
    ) -> Iterator[TimestampedValue[Any]]:
        """Read the stream, then register the positions to be committed."""
        if not tracker.try_claim(0):
            return  # the runner has passed the reading on before it began
        positions = yield from self._read(element)
        if self._committer is not None:
            for stream, _, partition_id, number in positions:
                finalizer.register(self._committer.register(stream, partition_id, number))

    def teardown(self) -> None:
        """Warn about a runner that never finalised."""
        super().teardown()
        if self._committer is not None:
            self._committer.log_unconfirmed()
