"""A whole read in simulated time: no record is late, and windows come out soon, however a runner takes the watermarks.

The discovery and the partitions are called one by one, and two models of runners take their output: Flink, which holds the
watermark of each partition, and Prism, where a step has the watermark of its last bundle. A bundle's output may reach the runner
after bundles of other partitions that began later.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest
from fake_service import FakePartition, FakeService
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beam_dis.connection import DISConnection
from beam_dis.positions import StartingPosition
from beam_dis.read.decode import PageDecoder
from beam_dis.read.discovery.list_once import Discovery
from beam_dis.read.discovery.watch import WatchPartitionsFn
from beam_dis.read.partition.endless import PollPartitionFn
from beam_dis.read.process.registry import Registry
from beam_dis.read.values import StreamStart
from beam_dis.read.watermark.event_time import RunTimes
from beam_dis.read.watermark.policy import WatermarkPolicy
from beam_dis.record import PutRecord

CONNECTION = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
START_OF_TIME = -(2**63) // 1000
DAY_MS = 86_400_000
TICK = 0.05


class ScaledService(FakeService):
    """A service whose clock follows the simulated time, whose stream is scaled, and which answers wrongly if it is told to.

    ``empty`` are the numbers of partitions that return empty pages, and ``wrong_ms`` by how much the next answer's clock is wrong.
    Its answers have whole seconds.
    """

    def __init__(self, now: Any) -> None:
        super().__init__(0, 0, partitions=2)
        self._began_ms, self._began_at, self._now = int(time.time() * 1000), now.seconds, now
        self.empty: set[int] = set()
        self.wrong_ms = 0
        self.put_numbers: list[int] = []

    @property
    def now_ms(self) -> int:
        return self._began_ms + int((self._now.seconds - self._began_at) * 1000)

    @now_ms.setter
    def now_ms(self, value: int) -> None:
        """Ignored: time is simulated."""

    def _date(self) -> int:
        wrong_ms, self.wrong_ms = self.wrong_ms, 0
        return (self.now_ms + wrong_ms) // 1000 * 1000

    def describe(self, stream: str) -> Any:
        return super().describe(stream)._replace(as_of=self._date())

    def read(self, position: Any, max_bytes: int) -> Any:
        page = super().read(position, max_bytes)
        if int(position.partition_id[-2:]) in self.empty:
            page = page._replace(records=[], data_bytes=0)
        return page._replace(as_of=self._date())

    def scale(self, count: int) -> None:
        """Add partitions, or restore those that were removed, or remove the last ones."""
        partitions = self.first.partitions
        partitions += [FakePartition(number) for number in range(len(partitions), count)]
        for number, partition in enumerate(partitions):
            partition.writable = number < count

    def put(self, number: int) -> None:
        """Put a record into one of the writable partitions."""
        writable = [partition for partition in self.first.partitions if partition.writable]
        self.put_numbers.append(len(self.put_numbers))
        data = b"%d" % self.put_numbers[-1]
        writable[number % len(writable)].append(PutRecord(data), self.now_ms)


class SimulatedRead:
    """A read of a ScaledService by one process, on the model of a runner.

    ``late`` are the records that came out behind the runner's watermark, ``seen`` all of them. ``watermark`` is in ms.
    """

    def __init__(self, now: Any, registry_on: Any, calls: Any, *, on_prism: bool) -> None:
        self.now, self._calls, self._on_prism = now, calls, on_prism
        self.service = ScaledService(now)
        self.registry: Registry = registry_on(self.service)
        discovery = Discovery(start=StartingPosition.earliest(), stop=None, only=None, app=None)
        watch: Any = WatchPartitionsFn(CONNECTION, discovery, 1.0, **self._options())
        self._watch = calls(watch, StreamStart("flights"))
        self._watch_ms = START_OF_TIME
        self._readers: list[Any] = []
        self._holds: list[int] = []  # per reader, by the runner
        self._open: dict[int, Any] = {}
        self.due: dict[int, float] = {-1: now.seconds}
        self.watermark = START_OF_TIME
        self.late: list[int] = []
        self.seen: list[int] = []

    def _options(self) -> dict[str, Any]:
        return {
            "read_id": "r",
            "holds_watermarks": not self._on_prism,
            "registry": lambda: self.registry,
            "clock": self.now,
            "sleep": lambda _: None,
        }

    def call(self, number: int) -> None:
        """Begin and end the call of the watch (-1) or of a partition, whose output the runner doesn't have yet."""
        number = min(number, len(self._readers) - 1)
        if number in self._open:
            self.commit(number)
        self._open[number] = call = (self._watch if number < 0 else self._readers[number]).call()
        self.due[number] = self.now.seconds + call.delay

    def commit(self, number: int) -> None:
        """The runner gets the output of a call."""
        call = self._open.pop(min(number, len(self._readers) - 1), None)
        if call is None:
            return
        if number < 0:
            for partition, _ in call.elements:
                times = RunTimes(
                    policy=WatermarkPolicy(),
                    decoder=PageDecoder(lambda record: record, dead_letters=False),
                    event_micros=lambda record: record.timestamp * 1000,
                )
                fn = PollPartitionFn(
                    CONNECTION,
                    times=times,
                    on_expired="fail",
                    poll_interval=1.0,
                    listing_interval=1.0,
                    **self._options(),
                )
                self._readers.append(self._calls(fn, partition))
                self._holds.append(self._watch_ms)
                self.due[len(self._readers) - 1] = self.now.seconds
            self._watch_ms = call.watermark
        else:
            number = min(number, len(self._readers) - 1)
            self.seen += [int(record.data) for record, _ in call.elements]
            self.late += [int(record.data) for record, at in call.elements if at < self.watermark]
            self._holds[number] = call.watermark
        reported = call.watermark if self._on_prism else min([self._watch_ms, *self._holds])
        if number >= 0 or (self._readers and not self._on_prism):
            self.watermark = max(self.watermark, reported)

    def go_on_without(self, number: int) -> None:
        """Call each step after a while, except one."""
        self.now.seconds += 1.1
        for other in [other for other in self.due if other != number]:
            self.call(other)
            self.commit(other)

    def run_for(self, seconds: float, *, put_every: float | None = None) -> None:
        """Let time pass: each step is called when it is due, and the runner gets its output at once."""
        until, put_at = self.now.seconds + seconds, self.now.seconds
        while self.now.seconds < until:
            if put_every is not None and self.now.seconds >= put_at:
                self.service.put(len(self.service.put_numbers))
                put_at += put_every
            for number in [number for number, due in self.due.items() if due <= self.now.seconds]:
                self.call(number)
                self.commit(number)
            self.now.seconds += TICK


@pytest.fixture
def simulated(now: Any, registry_on: Any, calls: Any) -> Any:
    """``simulated(on_prism)`` starts a read."""

    def start(*, on_prism: bool) -> SimulatedRead:
        return SimulatedRead(now, registry_on, calls, on_prism=on_prism)

    return start


RUNNERS = pytest.mark.parametrize("on_prism", [True, False], ids=["Prism", "Flink"])
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0.01, 3)),
        st.tuples(st.just("put"), st.integers(0, 5)),
        st.tuples(st.just("scale"), st.integers(1, 5)),
        st.tuples(st.just("call"), st.integers(-1, 5)),
        st.tuples(st.just("call"), st.just(-1)),
        st.tuples(st.just("commit"), st.integers(-1, 5)),
        st.tuples(st.just("go on without"), st.integers(-1, 5)),
        st.tuples(st.just("empty"), st.integers(0, 5)),
        st.tuples(st.just("filled"), st.integers(0, 5)),
        st.tuples(st.just("wrong"), st.sampled_from([DAY_MS, -DAY_MS, 3_600_000, -4_000])),
    ),
    max_size=80,
)


@RUNNERS
@given(events=EVENTS)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_record_is_late_however_calls_scaling_and_wrong_answers_alternate(
    events: list[tuple[str, Any]], on_prism: bool, simulated: Any
) -> None:
    """Pages are empty in front of records, and single answers have a wrong clock. Afterwards all is read, and time has gone on."""
    read = simulated(on_prism=on_prism)
    service = read.service
    actions = {
        "wait": lambda seconds: setattr(read.now, "seconds", read.now.seconds + seconds),
        "put": service.put,
        "scale": service.scale,
        "call": read.call,
        "commit": read.commit,
        "go on without": read.go_on_without,
        "empty": service.empty.add,
        "filled": service.empty.discard,
        "wrong": lambda milliseconds: setattr(service, "wrong_ms", milliseconds),
    }
    read.run_for(0.2)
    for action, value in events:
        actions[action](value)
    service.empty.clear()
    for number in list(read.due):
        read.commit(number)
    read.run_for(15)
    assert read.late == []
    assert Counter(read.seen) == Counter(service.put_numbers)
    assert service.now_ms - 5000 < read.watermark <= service.now_ms


@RUNNERS
def test_windows_come_out_soon_while_a_stream_is_scaled(on_prism: bool, simulated: Any) -> None:
    """The delay of windows of a second, without the time that the runner itself needs."""
    read = simulated(on_prism=on_prism)
    delays, ends = [], read.service.now_ms // 1000 * 1000 + 5000
    for partitions in (2, 5, 3):
        read.service.scale(partitions)
        for _ in range(400):
            read.run_for(TICK, put_every=TICK)
            while ends <= read.watermark:
                delays.append((read.service.now_ms - ends) / 1000)
                ends += 1000
    assert read.late == []
    assert sorted(delays)[len(delays) // 2] < 1.5
    assert max(delays) < 2.5


@RUNNERS
def test_the_requests_of_an_idle_hour_are_bounded(on_prism: bool, simulated: Any) -> None:
    """A poll a second for each partition, a listing a second for the stream, and a poll in 10 s for a finished partition."""
    read = simulated(on_prism=on_prism)
    read.service.scale(3)
    read.run_for(5)
    read.service.scale(2)
    read.run_for(5)
    polls, listings = len(read.service.reads), len(read.service.described)
    read.run_for(3600)
    assert len(read.service.reads) - polls <= 2 * 3601 + 361
    assert len(read.service.described) - listings <= 3601


def test_a_single_wrong_clock_moves_no_watermark_to_tomorrow(simulated: Any) -> None:
    """Whichever answer it is: of the first listing, of a page, of a later listing."""
    for wrong_answer in range(12):
        read = simulated(on_prism=True)
        for number in range(40):
            if number == wrong_answer:
                read.service.wrong_ms = DAY_MS
            read.run_for(0.5)
        assert read.watermark <= read.service.now_ms
        assert read.watermark > read.service.now_ms - 3000
