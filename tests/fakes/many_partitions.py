"""Reads a stream of many partitions with the steps of an endless read, without a runner and without sockets.

Rules:

1. The steps are the real ones, and so is everything that they share in a process. The service, the tracker's runner and the
   threads are fakes.
2. The clock advances only to the next call that is due: from one to the next the steps take no time.
3. The fake service needs the same work for each request, however many partitions there are, except that a listing names each.
"""

from __future__ import annotations

import heapq
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import beam_dis
from beam_dis.connection import DISConnection
from beam_dis.positions import StartingPosition
from beam_dis.read.decode import PageDecoder
from beam_dis.read.discovery.list_once import Discovery
from beam_dis.read.discovery.watch import WatchPartitionsFn
from beam_dis.read.partition.endless import PollPartitionFn, PollPartitionForAppFn
from beam_dis.read.process.registry import Registry
from beam_dis.read.values import StreamPartition, StreamStart
from beam_dis.read.watermark.event_time import RunTimes
from beam_dis.read.watermark.policy import WatermarkPolicy
from beam_dis.stream_service import Page, PageRecord, PartitionDescription, ReadPosition, StreamListing, WriteLimits

STREAM, STREAM_ID = "many", "id"
PACKAGE = str(Path(beam_dis.__file__).parent)
_CONNECTION = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
_PAGE_RECORDS = 100
_DATA = b"x" * 200


class ManyPartitions:
    """A stream service whose partitions each get ``rate`` records a second; ``requests`` counts requests by kind.

    Its time is that of ``clock`` after ``began``, in seconds since 1970.
    """

    def __init__(self, count: int, rate: float, *, clock: Callable[[], float], began: float) -> None:
        self._began = began
        self._ids = [f"shardId-{number:010}" for number in range(count)]
        self._rate = rate
        self._clock = clock
        self.requests = {"describe": 0, "read": 0, "commit": 0}

    @property
    def total(self) -> int:
        """All requests."""
        return sum(self.requests.values())

    def _next(self) -> int:
        return int(self._rate * self._clock())

    def _now_ms(self) -> int:
        return int(1000 * (self._began + self._clock()))

    def describe(self, stream: str) -> StreamListing:
        self.requests["describe"] += 1
        partitions = tuple(PartitionDescription(partition_id, 0, self._next()) for partition_id in self._ids)
        limits = WriteLimits(1000, 2**20, 2**20)
        return StreamListing(stream, STREAM_ID, "BLOB", None, ",", partitions, limits, self._now_ms())

    def read(self, position: ReadPosition, max_bytes: int) -> Page:
        self.requests["read"] += 1
        first = position.sequence_number
        numbers = range(first, min(first + _PAGE_RECORDS, self._next()))
        records = [PageRecord(number, _DATA, self._now_ms()) for number in numbers]
        return Page(records, self._now_ms(), data_bytes=len(_DATA) * len(records), full=len(records) == _PAGE_RECORDS)

    def commit(self, app: str, stream: str, partition_id: str, next_sequence_number: int) -> None:
        self.requests["commit"] += 1

    def committed(self, app: str, stream: str, partition_id: str) -> int | None:
        return None

    def ensure_app(self, app: str) -> None:
        """There is one."""


class AtOnce(Executor):
    """Runs each task when it is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class _Call:
    """What Beam gives to one call of ``process``: a tracker that can defer, and a finalizer."""

    def __init__(self, tracker: Any) -> None:
        self.try_claim = tracker.try_claim
        self.current_restriction = tracker.current_restriction
        self._tracker = tracker
        self.residual: Any = None
        self.delay = 0.0
        self.finalizers: list[Callable[[], None]] = []

    def defer_remainder(self, delay: Any) -> None:
        self.delay = delay.micros / 1e6
        _, self.residual = self._tracker.try_split(0)

    def register(self, finalizer: Callable[[], None]) -> None:
        self.finalizers.append(finalizer)


class _Work:
    """A step with an element: the work that is left, and how to call the step for it."""

    def __init__(self, fn: Any, element: Any) -> None:
        self._fn = fn
        self._element = element
        self._restriction = fn.initial_restriction(element)
        provider = fn.process.__defaults__[-1].watermark_estimator_provider
        self._provider = provider
        self._watermark = provider.initial_estimator_state(element, self._restriction)

    def call(self) -> tuple[list[Any], float]:
        """One bundle: what it outputs, and the seconds until the next one."""
        self._fn.restriction_size(self._element, self._restriction)
        call = _Call(self._fn.create_tracker(self._restriction))
        estimator = self._provider.create_watermark_estimator(self._watermark)
        if isinstance(self._fn, PollPartitionForAppFn):
            outputs = self._fn.process(self._element, call, call, estimator)
        else:
            outputs = self._fn.process(self._element, call, estimator)
        found = list(outputs)
        self._restriction, self._watermark = call.residual, estimator.get_estimator_state()
        for finalizer in call.finalizers:
            finalizer()
        return found, call.delay


class EndlessRead:
    """An endless read of a stream of ``count`` partitions, which each get ``rate`` records a second.

    ``calls`` counts the calls of the polling step, ``records`` what they output. ``holds_watermarks`` is as in the step: False is
    Prism, where the board is used; True is Flink. A ``service`` of the caller's replaces the fake one.
    """

    def __init__(
        self,
        count: int,
        *,
        rate: float = 0.0,
        app: str | None = None,
        holds_watermarks: bool = False,
        service: Any = None,
    ) -> None:
        self.now = 0.0
        self.calls = self.records = 0
        self.service = ManyPartitions(count, rate, clock=self.clock, began=time.time())
        registry = Registry(lambda _: service or self.service, executor=AtOnce(), clock=self.clock)  # type: ignore[arg-type, return-value]
        shared = {
            "read_id": "r",
            "holds_watermarks": holds_watermarks,
            "registry": lambda: registry,
            "sleep": self._sleep,
        }
        start = StartingPosition.latest()
        discovery = Discovery(start=start, stop=None, only=None, app=app)
        watch = WatchPartitionsFn(_CONNECTION, discovery, 1.0, clock=self.clock, **shared)
        times = RunTimes(policy=WatermarkPolicy(), decoder=PageDecoder(bytes, dead_letters=False), event_micros=None)
        step = PollPartitionFn if app is None else PollPartitionForAppFn
        self._poll = step(
            _CONNECTION,
            times=times,
            app=app,
            on_expired="fail",
            poll_interval=1.0,
            listing_interval=1.0,
            resumes_at_once=not holds_watermarks,
            clock=self.clock,
            **shared,
        )
        self.connection = registry.enter_connection(_CONNECTION, self)
        for fn in (watch, self._poll):
            fn.setup()
        self._order = itertools.count()
        self._due: list[tuple[float, int, _Work]] = []
        self._add(_Work(watch, StreamStart(STREAM)), self.now)

    def clock(self) -> float:
        """Seconds."""
        return self.now

    def _sleep(self, seconds: float) -> None:
        self.now += seconds

    def _add(self, work: _Work, due: float) -> None:
        heapq.heappush(self._due, (due, next(self._order), work))

    def run(self, seconds: float) -> None:
        """Make all calls that are due within so many seconds."""
        end = self.now + seconds
        while self._due[0][0] <= end:
            due, _, work = heapq.heappop(self._due)
            self.now = max(self.now, due)
            self._call(work)
        self.now = max(self.now, end)

    def _call(self, work: _Work) -> None:
        self._poll.start_bundle()
        outputs, delay = work.call()
        self._add(work, self.now + delay)
        partitions = [output for output in outputs if isinstance(output, StreamPartition)]
        self.calls += not partitions
        self.records += sum(len(output.value.records) for output in outputs if not isinstance(output, StreamPartition))
        for partition in partitions:
            self._add(_Work(self._poll, partition), self.now)


@contextmanager
def counted_lines() -> Iterator[list[int]]:
    """Count the lines of the package that this thread runs during the block, each pass of a loop; the list has the number."""
    count = [0]

    def in_package(frame: Any, event: str, _: Any) -> Any:
        if event == "line":
            count[0] += 1
        return in_package

    def entered(frame: Any, event: str, argument: Any) -> Any:
        return in_package if frame.f_code.co_filename.startswith(PACKAGE) else None

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        yield count
    finally:
        sys.settrace(before)
