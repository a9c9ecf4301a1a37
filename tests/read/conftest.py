"""A stream service in memory, for the source's plain parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from typing import Any, NamedTuple

import pytest
from apache_beam.runners.common import DoFnRunner, DoFnSignature, Receiver
from apache_beam.transforms.core import Windowing
from apache_beam.transforms.window import GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue

from beam_dis.errors import OutOfRangeError, PartitionExpiredError, StreamNotFoundError
from beam_dis.read.process.registry import Registry
from beam_dis.read.values import RecordRun
from beam_dis.record import PutRecord
from beam_dis.stream_service import (
    NotWritten,
    Page,
    PageRecord,
    PartitionDescription,
    ReadPosition,
    StreamListing,
    WriteLimits,
    Written,
)

ZERO = "shardId-0000000000"


class FakeService:
    """One stream ``flights``; partition 0 holds ``[earliest, next)``, pages have ``page_records`` records.

    The arrival time of record n is ``1000 + n // 3`` ms. ``reads`` are the numbers at which pages were read.
    """

    def __init__(self, earliest: int = 0, next_number: int = 100, *, page_records: int = 10) -> None:
        self.earliest, self.next, self.page_records = earliest, next_number, page_records
        self.expired = False
        self.reads: list[int] = []
        self.commits: list[tuple[str, str, str, int]] = []
        self.checkpoints: dict[str, int] = {}
        self.stream_id = "id"
        self.now_ms = 5000

    def record(self, number: int) -> PageRecord:
        return PageRecord(number, b"%d" % number, 1000 + number // 3)

    def describe(self, stream: str) -> StreamListing:
        partition = PartitionDescription(ZERO, self.earliest, self.next)
        if self.expired:  # the service names no numbers then
            partition = PartitionDescription(ZERO, 0, 0, readable=False)
        limits = WriteLimits(1000, 2**20, 2**20)
        return StreamListing(stream, self.stream_id, "BLOB", None, ",", (partition,), limits, self.now_ms)

    def locate(self, stream: str, partition_id: str, timestamp: int) -> int:
        return max(self.earliest, min(self.next, (timestamp - 1000) * 3))

    def read(self, position: ReadPosition, max_bytes: int) -> Page:
        start = position.sequence_number
        if position.stream_id != self.stream_id:
            raise StreamNotFoundError("the stream was deleted and recreated", code="DIS.4301", status=400)
        if self.expired:
            raise PartitionExpiredError("Partition is expired.", code="DIS.4319", status=400)
        if not self.earliest <= start <= self.next:
            raise OutOfRangeError("Sequence_number out of range.", code="DIS.4224", status=400)
        self.reads.append(start)
        stop = min(start + self.page_records, self.next)
        return Page([self.record(n) for n in range(start, stop)], self.now_ms)

    def write(self, stream: str, records: Sequence[PutRecord]) -> list[Written | NotWritten]:
        raise NotImplementedError

    def ensure_app(self, app: str) -> None:
        self.checkpoints.setdefault(app, -1)

    def committed(self, app: str, stream: str, partition_id: str) -> int | None:
        number = self.checkpoints.get(app, -1)
        return None if number < 0 else number

    def commit(self, app: str, stream: str, partition_id: str, next_sequence_number: int) -> None:
        self.commits.append((app, stream, partition_id, next_sequence_number))

    def close(self) -> None:
        pass


class Now:
    """A clock that only sleeping moves; ``naps`` are the seconds slept."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds


class AtOnce(Executor):
    """Runs what is submitted at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future


class Call(NamedTuple):
    """What one call did: elements with their timestamps (ms), the watermark it reported (ms), and its delay (s)."""

    elements: list[tuple[Any, int]]
    watermark: int | None
    delay: float | None


class Calls(Receiver):
    """Runs a splittable DoFn call by call, as a streaming runner does: each residual goes through its coders.

    ``residual`` is what the next call gets, None once there is none; ``finalize()`` confirms the last bundle.
    """

    def __init__(self, fn: Any, element: Any) -> None:
        self.fn = fn
        self.runner = DoFnRunner(fn, [], {}, [], Windowing(GlobalWindows()), {None: self})
        self.provider = DoFnSignature(fn).get_watermark_estimator_provider()
        restriction = fn.initial_restriction(element)
        state = self.provider.initial_estimator_state(element, restriction)
        self.residual: Any = (element, restriction, state)
        self.size = fn.restriction_size(element, restriction)
        self.received: list[WindowedValue] = []
        self.runner.setup()

    def receive(self, windowed_value: WindowedValue) -> None:
        self.received.append(windowed_value)

    def call(self) -> Call:
        """One bundle of one call."""
        element, restriction, state = self.residual
        self.received, self.residual = [], None
        self.runner.start()
        value = ((element, (restriction, state)), self.size)
        residuals = list(self.runner.process_with_sized_restriction(GlobalWindows.windowed_value(value)) or [])
        self.runner.finish()
        outputs = [(v, o.timestamp.micros // 1000) for o in self.received for v in _elements(o.value)]
        if not residuals:
            return Call(outputs, None, None)
        (residual,) = residuals
        (element, (restriction, state)), self.size = residual.residual_value.value
        self.residual = (element, _through(self.fn.restriction_coder(), restriction), self._state(state))
        return Call(outputs, residual.current_watermark.micros // 1000, residual.deferred_timestamp.micros / 1e6)

    def finalize(self) -> None:
        self.runner.bundle_finalizer_param.finalize_bundle()
        self.runner.bundle_finalizer_param.reset()

    def _state(self, state: Any) -> Any:
        return _through(self.provider.estimator_state_coder(), state)


def _elements(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, RecordRun)) else [value]


def _through(coder: Any, value: Any) -> Any:
    return coder.decode(coder.encode(value))


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def calls() -> Callable[..., Calls]:
    return Calls


@pytest.fixture
def registry_on(now: Now) -> Callable[..., Registry]:
    """Makes a registry of the test's own for a fake service, with a clock that only sleeping moves."""

    def make(service: FakeService, executor: Executor | None = None) -> Registry:
        return Registry(lambda _: service, executor=executor or AtOnce(), clock=now)

    return make


@pytest.fixture(scope="session")
def fake_service() -> Callable[..., FakeService]:
    return FakeService
