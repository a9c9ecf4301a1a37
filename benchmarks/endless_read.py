"""Endless reads: the rate of a backlog, the latency of records and windows, the polls of an idle partition, and the memory.

    python benchmarks/endless_read.py [records] [measurement ...]

There are ``records`` of 200 bytes (1,000,000 by default) on 8 partitions, for distance on 64 too. The measurements are backlog, shuffle, latency, windows,
idle, distance and memory; all run by default.

Rule 1: an endless and a bounded read of the same records, and a source of the same pages in memory, alternate on the same runner.
The same step follows each; it writes down when each bundle began and ended, and how many elements it had.
A source in memory gives a cheap step two million records a second, which is more than HTTP and JSON can give. So the target is for
the measurement with a shuffle.
Rule 2: a rate counts from the beginning of the first bundle to the end of the last one. The time that the runner needs to start
is printed next to it.
Rule 3: idle and memory need no runner: they call the step directly. The clock of idle advances only by the step's own pauses and
the delays that it asks for.
"""

from __future__ import annotations

import atexit
import os
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.common import DoFnRunner, DoFnSignature, Receiver
from apache_beam.runners.runner import PipelineState
from apache_beam.transforms.core import Windowing
from apache_beam.transforms.window import FixedWindows, GlobalWindows
from bounded_read import DATA, PARTITIONS, STREAM, PagesInMemory, load
from changed_dis import large_dis

from beam_dis import DISClient, DISConnection, ReadFromDIS, StoppingPosition
from beam_dis.local import LocalDIS
from beam_dis.read.decode import PageDecoder
from beam_dis.read.partition.endless import PollPartitionFn
from beam_dis.read.process.registry import Registry
from beam_dis.read.values import StreamPartition
from beam_dis.read.watermark.event_time import RunTimes
from beam_dis.read.watermark.policy import WatermarkPolicy
from beam_dis.record import PutRecord
from beam_dis.testing import Latency

ROOT = Path(__file__).resolve().parent.parent
PRISM = ROOT / ".runners" / "prism" / "prism"
FLINK = ROOT / ".runners" / "flink" / "flink-job-server.jar"
ROUNDS = 3
SETTLING_SECONDS = 2.0
TIMEOUT_SECONDS = 600
POLL_INTERVAL = 1.0
LATENCY_SECONDS = 60
DISTANCE_SECONDS = 0.03
MANY = 64
BUDGET = 4 * 1024 * 1024
LARGE = 20_000

Work = Callable[[LocalDIS, int], None]


class Run(NamedTuple):
    """One read: elements a second from its first bundle on, and the seconds until that bundle began."""

    rate: float
    start: float


class WriteProgress(beam.DoFn):
    """A cheap step after the source, which writes a line to a file for each bundle: its times and its elements."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def setup(self) -> None:
        """Choose a file for this instance."""
        self._file = Path(self._folder) / uuid.uuid4().hex

    def start_bundle(self) -> None:
        """Start at zero."""
        self._began, self._total = time.time(), 0

    def process(self, element: Any) -> None:
        """Count the element."""
        self._total += 1

    def finish_bundle(self) -> None:
        """Write what this bundle has measured."""
        with self._file.open("a") as file:
            file.write(f"{self._began} {time.time()} {self._total}\n")


class PassOn(WriteProgress):
    """The same, and passes elements on."""

    def process(self, element: Any) -> Iterator[Any]:
        """Count the element."""
        self._total += 1
        yield element


class WriteDelays(WriteProgress):
    """Writes the age of each element in seconds. Its data is the time at which it was put."""

    def start_bundle(self) -> None:
        """Start at zero."""
        self._delays: list[float] = []

    def process(self, element: bytes) -> None:
        """Measure the element's delay."""
        self._delays.append(time.time() - float(element))

    def finish_bundle(self) -> None:
        """Write what this bundle has measured."""
        with self._file.open("a") as file:
            file.writelines(f"{delay}\n" for delay in self._delays)


class WriteWindowDelays(WriteProgress):
    """Writes how many seconds after the end of its window each count came, and the count."""

    def start_bundle(self) -> None:
        """Start at zero."""
        self._delays: list[tuple[float, int]] = []

    def process(self, element: tuple[str, int], window: Any = beam.DoFn.WindowParam) -> None:
        """Measure the delay of a window's count."""
        self._delays.append((time.time() - float(window.end), element[1]))

    def finish_bundle(self) -> None:
        """Write what this bundle has measured."""
        with self._file.open("a") as file:
            file.writelines(f"{delay} {count}\n" for delay, count in self._delays)


def written_lines(folder: str) -> list[tuple[float, ...]]:
    """The complete lines of all instances."""
    text = "".join(file.read_text().rpartition("\n")[0] + "\n" for file in Path(folder).iterdir())
    return [tuple(map(float, line.split())) for line in text.splitlines() if line]


def endless(connection: DISConnection, stream: str = STREAM, **options: Any) -> ReadFromDIS:
    return ReadFromDIS(stream, connection=connection, poll_interval=POLL_INTERVAL, **options)


def bounded(connection: DISConnection, stream: str = STREAM, **options: Any) -> ReadFromDIS:
    return ReadFromDIS(stream, connection=connection, stop=StoppingPosition.latest(), **options)


def in_memory(count: int) -> beam.PTransform[Any, Any]:
    return beam.Create(range(PARTITIONS)) | beam.Reshuffle() | beam.ParDo(PagesInMemory(count // PARTITIONS))


@contextmanager
def running(flags: list[str], source: beam.PTransform[Any, Any], step: WriteProgress) -> Iterator[Any]:
    """Run a pipeline, cancel it at the end of the block, and let it settle."""
    pipeline = beam.Pipeline(options=PipelineOptions(flags))
    _ = pipeline | "Read" >> source | "Write" >> beam.ParDo(step)
    result = pipeline.run()
    try:
        yield result
    finally:
        if not PipelineState.is_terminal(result.state):
            result.cancel()
        time.sleep(SETTLING_SECONDS)


def read(flags: list[str], source: beam.PTransform[Any, Any], expected: int, *, shuffled: bool = False) -> Run:
    """Read until ``expected`` elements were read, then cancel; another number of elements is an error.

    If they are shuffled, the rate counts from the source on and to the step after the shuffle.
    """
    started = time.time()
    folder, before = tempfile.mkdtemp(), tempfile.mkdtemp()  # they stay: after a cancel, steps run for a while on Flink
    for each in (folder, before):
        atexit.register(shutil.rmtree, each, ignore_errors=True)
    if shuffled:
        source = source | "PassOn" >> beam.ParDo(PassOn(before)) | "Shuffle" >> beam.Reshuffle()
    with running(flags, source, WriteProgress(folder)) as result:
        while sum(line[2] for line in written_lines(folder)) < expected:
            if time.time() > started + TIMEOUT_SECONDS or result.state == PipelineState.FAILED:
                sys.exit(
                    f"{sum(line[2] for line in written_lines(folder)):.0f} of {expected} records were read in {time.time() - started:.0f} s"
                )
            time.sleep(0.1)
        lines = [line for line in written_lines(folder) if line[2]]
    if sum(line[2] for line in lines) != expected:
        sys.exit(f"{sum(line[2] for line in lines):.0f} elements were read of {expected} records")
    began, ended = min(line[0] for line in [*lines, *written_lines(before)]), max(line[1] for line in lines)
    return Run(expected / (ended - began), began - started)


@contextmanager
def runners() -> Iterator[dict[str, tuple[list[str], list[str]]]]:
    """The flags of an endless and of a bounded pipeline, for each runner that ``make runners`` installed."""
    found: dict[str, tuple[list[str], list[str]]] = {}
    if PRISM.exists():
        found["Prism"] = (prism(), prism())
    if not FLINK.exists():
        yield found
        return
    with flink_endpoint() as endpoint:
        flink = ["--runner=FlinkRunner", f"--job_endpoint={endpoint}", "--environment_type=LOOPBACK", "--streaming"]
        flink += ["--parallelism=2", "--checkpointing_interval=2000", "--finish_bundle_before_checkpointing"]
        flink += ["--number_of_execution_retries=0"]
        found["Flink"] = (flink, [*flink, "--shutdown_sources_after_idle_ms=0"])
        yield found


@contextmanager
def flink_endpoint() -> Iterator[str]:
    """The address of a job server that runs during the block."""
    with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("w+") as log:
        ports = [f"--{name}-port=0" for name in ("job", "artifact", "expansion")]
        java = ["setpriv", "--pdeathsig=TERM", "java", "-jar", str(FLINK), *ports, f"--artifacts-dir={folder}"]
        with subprocess.Popen(java, stdout=log, stderr=log) as server:
            try:
                while (found := re.search(r"JobService started on (\S+)", Path(log.name).read_text())) is None:
                    if server.poll() is not None:
                        sys.exit(Path(log.name).read_text())
                    time.sleep(0.1)
                yield found[1]
            finally:
                server.terminate()


def prism() -> list[str]:
    return ["--runner=PrismRunner", f"--prism_location={PRISM}", "--streaming"]


def backlog(dis: LocalDIS, count: int) -> None:
    """Records a second of an endless and of a bounded read and of the same pages from memory, and their ratios."""
    with runners() as found:
        for name, (endless_flags, bounded_flags) in found.items():
            rounds = [
                (
                    read(endless_flags, endless(dis.connection, decode="bytes"), count),
                    read(bounded_flags, bounded(dis.connection, decode="bytes"), count),
                    read(endless_flags, in_memory(count), count),
                )
                for _ in range(ROUNDS)
            ]
            for index, kind in enumerate(("endless", "bounded", "from memory")):
                rate, start = (statistics.median(runs[index][part] for runs in rounds) for part in (0, 1))
                show(f"{name}: {kind}, records/s", f"{rate:,.0f} (begins after {start:.1f} s)")
            for index, kind, target in ((1, "bounded", "at least 0.8"), (2, "from memory", "")):
                ratio = statistics.median(runs[0].rate / runs[index].rate for runs in rounds)
                show(f"{name}: endless / {kind}", f"{ratio:.2f}", target)


def shuffle(dis: LocalDIS, count: int) -> None:
    """Records a second of an endless read with a shuffle after it, and of the same pages from memory."""
    with runners() as found:
        for name, (flags, _) in found.items():
            rounds = [
                (
                    read(flags, endless(dis.connection, decode="bytes"), count, shuffled=True).rate,
                    read(flags, in_memory(count), count, shuffled=True).rate,
                )
                for _ in range(ROUNDS)
            ]
            rate = statistics.median(own for own, _ in rounds)
            show(f"{name}: endless, then a shuffle, records/s", f"{rate:,.0f}")
            ratio = statistics.median(own / memory for own, memory in rounds)
            show(f"{name}: the same / from memory", f"{ratio:.2f}", "at least 0.85")


def distance(dis: LocalDIS, count: int) -> None:
    """Records a second on Prism, with and without a delay of 30 ms for each request."""
    many = f"{STREAM}-{MANY}"
    with DISClient(dis.connection) as client:
        client.create_stream(many, partition_count=MANY)
        for first in range(0, count, 1000):
            keys = range(first, min(first + 1000, count))
            client.put_records(many, [PutRecord(data=DATA, partition_key=str(key)) for key in keys])
    for partitions, stream in ((PARTITIONS, STREAM), (MANY, many)):
        for kind, source in (("endless", endless), ("bounded", bounded)):
            ratios, rates = [], []
            for _ in range(ROUNDS):
                near = read(prism(), source(dis.connection, stream), count).rate
                dis.inject(Latency(seconds=DISTANCE_SECONDS))
                far = read(prism(), source(dis.connection, stream), count).rate
                dis.clear_faults()
                ratios.append(far / near)
                rates.append(far)
            name = f"Prism: {kind}, {partitions} partitions, 30 ms away"
            show(f"{name}, records/s", f"{statistics.median(rates):,.0f}")
            show(f"{name} / no delay", f"{statistics.median(ratios):.2f}", "at least 0.9")


def latency(dis: LocalDIS, _count: int) -> None:
    """Milliseconds from the start of a put to the element in the pipeline, without a backlog."""
    chance = random.Random(5)
    with tempfile.TemporaryDirectory() as folder, DISClient(dis.connection) as client:
        source = ReadFromDIS("clock", connection=dis.connection, poll_interval=POLL_INTERVAL, decode="bytes")
        client.create_stream("clock", partition_count=PARTITIONS)
        with running(prism(), source, WriteDelays(folder)):
            time.sleep(8)  # until the pipeline polls
            until = time.monotonic() + LATENCY_SECONDS
            while time.monotonic() < until:
                record = PutRecord(data=repr(time.time()).encode(), partition_key=str(chance.random()))
                client.put_records("clock", [record])
                time.sleep(chance.uniform(0.02, 0.18))
            time.sleep(4)  # until the last records are read
        delays = sorted(line[0] for line in written_lines(folder))
    show(
        f"latency, p50 of {len(delays)}, ms",
        f"{1000 * delays[len(delays) // 2]:.0f}",
        f"{500 * POLL_INTERVAL + 50:.0f} at most",
    )
    show("latency, p99, ms", f"{1000 * delays[len(delays) * 99 // 100]:.0f}")


def windows(dis: LocalDIS, _count: int) -> None:
    """Seconds from the end of 1 s windows to their counts, with default settings, while the stream is scaled 2 → 5 → 3."""
    with runners() as found:
        for name, (flags, _) in found.items():
            fast = [*flags, "--max_bundle_time_mills=100"] if name == "Flink" else flags
            put, lines = window_delays(dis, fast, f"windows-{name}")
            delays = sorted(delay for delay, _ in lines)
            target = "at most 2.5" if name == "Flink" else "at most 2.0"
            show(f"{name}: windows of 1 s, p50 of {len(delays)}, s", f"{statistics.median(delays):.2f}", target)
            show(f"{name}: windows of 1 s, max, s", f"{delays[-1]:.2f}", "" if name == "Flink" else "at most 3.5")
            show(f"{name}: records that were late", f"{put - sum(count for _, count in lines):.0f}", "0")


def until_polled(dis: LocalDIS, stream: str) -> None:
    """Wait until a pipeline has polled a stream for some seconds."""
    dis.inject(Latency(seconds=0, operation="get_records", stream=stream))
    while dis.faults()[0].calls < 10:
        time.sleep(0.1)
    dis.clear_faults()


def window_delays(dis: LocalDIS, flags: list[str], stream: str) -> tuple[int, list[tuple[float, ...]]]:
    """How many records were put, and the delay and the count of each window."""
    folder = tempfile.mkdtemp()  # stays until the end, as in read()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    pipeline = beam.Pipeline(options=PipelineOptions(flags))
    _ = (
        pipeline
        | ReadFromDIS(stream, connection=dis.connection, decode=lambda _: ("all", 1))
        | beam.WindowInto(FixedWindows(1))
        | beam.CombinePerKey(sum)
        | beam.ParDo(WriteWindowDelays(folder))
    )
    put, chance = 0, random.Random(7)
    with DISClient(dis.connection) as client:
        client.create_stream(stream, partition_count=2)
        result = pipeline.run()
        try:
            until_polled(dis, stream)
            for partitions in (2, 5, 3):
                client.update_partition_count(stream, target_partition_count=partitions)
                until = time.monotonic() + LATENCY_SECONDS / 3
                while time.monotonic() < until:
                    records = [PutRecord(data=b"1", partition_key=str(chance.random())) for _ in range(10)]
                    put += len(client.put_records(stream, records).records)
                    time.sleep(0.05)
            until = time.monotonic() + 30
            while sum(line[1] for line in written_lines(folder)) < put and time.monotonic() < until:
                time.sleep(0.1)
        finally:
            result.cancel()
            time.sleep(SETTLING_SECONDS)
    return put, written_lines(folder)


class Clock:
    """A clock in seconds that only ``sleep`` advances."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Advance it."""
        self.now += seconds


class PartitionCalls(Receiver):
    """The polling step of one partition without a runner.

    ``call`` is one bundle, which starts at the residual of the one before. ``bytes`` is the data that was read.
    """

    def __init__(
        self, connection: DISConnection, partition: StreamPartition, registry: Registry, clock: Any = time.monotonic
    ) -> None:
        fn = PollPartitionFn(
            connection,
            read_id=uuid.uuid4().hex,
            times=RunTimes(policy=WatermarkPolicy(), decoder=PageDecoder(bytes, dead_letters=False), event_micros=None),
            on_expired="fail",
            poll_interval=POLL_INTERVAL,
            listing_interval=1.0,
            registry=lambda: registry,
            clock=clock,
            sleep=getattr(clock, "sleep", time.sleep),
        )
        self._runner = DoFnRunner(fn, [], {}, [], Windowing(GlobalWindows()), {None: self})
        restriction = fn.initial_restriction(partition)
        state = DoFnSignature(fn).get_watermark_estimator_provider().initial_estimator_state(partition, restriction)
        self._next = ((partition, (restriction, state)), 0.0)
        self.bytes = 0
        self._runner.setup()

    def receive(self, windowed_value: Any) -> None:
        """Count the data of a run of records, and keep nothing of it."""
        self.bytes += sum(len(record.data) for record in windowed_value.value.records)

    def call(self) -> float:
        """Process one bundle; return the delay that the step asks for, in seconds."""
        self._runner.start()
        (left,) = self._runner.process_with_sized_restriction(GlobalWindows.windowed_value(self._next))
        self._runner.finish()
        self._next = left.residual_value.value
        return float(left.deferred_timestamp.micros) / 1e6


def partition_of(connection: DISConnection, stream: str, number: int) -> StreamPartition:
    with DISClient(connection) as client:
        found = client.describe_stream(stream)
    return StreamPartition(stream, found.stream_id, found.partitions[number].partition_id, 0, None)


def idle(dis: LocalDIS, _count: int) -> None:
    """Polls in an hour without records, on runners that keep a delay and on those that ignore it."""
    with DISClient(dis.connection) as client:
        client.create_stream("idle", partition_count=1)
    for name, keeps_delays in (("keeps delays", True), ("ignores delays", False)):
        clock = Clock()
        dis.inject(Latency(seconds=0, operation="get_records"))
        with ThreadPoolExecutor(1) as executor:
            registry = Registry(executor=executor, clock=clock)
            calls = PartitionCalls(dis.connection, partition_of(dis.connection, "idle", 0), registry, clock)
            while clock.now < 3600:
                delay = calls.call()
                clock.now += delay if keeps_delays else 0.0005
        (seen,) = dis.faults()
        dis.clear_faults()
        show(f"polls of an idle hour, runner {name}", f"{seen.calls:,}", f"{3600 / POLL_INTERVAL + 1:,.0f} at most")


def memory(dis: LocalDIS, _count: int) -> None:
    """Resident memory while 100 times the budget for pages fetched ahead is read."""
    total = 100 * BUDGET
    fill(dis.connection, total // 5)
    resident = []
    with ThreadPoolExecutor(PARTITIONS) as executor:
        registry = Registry(executor=executor, prefetch_budget=BUDGET)
        for _ in range(5):
            read_large(dis.connection, registry, total // 5)
            resident.append(resident_mb())
    with DISClient(dis.connection) as client:
        client.delete_stream("large")  # the quota of partitions has room for one such stream
    shown = ", ".join(f"{megabytes:.0f}" for megabytes in resident)
    show(f"resident MB after 20, 40 … 100 times {BUDGET >> 20} MB", shown, "flat")


def read_large(connection: DISConnection, registry: Registry, size: int) -> None:
    """Read all partitions alternately from their beginning until ``size`` bytes are read."""
    calls = [
        PartitionCalls(connection, partition_of(connection, "large", number), registry) for number in range(PARTITIONS)
    ]
    while sum(partition.bytes for partition in calls) < size:
        for partition in calls:
            partition.call()


def fill(connection: DISConnection, size: int) -> None:
    """Put at least ``size`` bytes, evenly on all partitions."""
    with DISClient(connection) as client:
        client.create_stream("large", partition_count=PARTITIONS, stream_type="ADVANCED")
        for number in range(size // (LARGE * 100) + 1):
            partition = str(number % PARTITIONS)
            records = [PutRecord(data=bytes(LARGE), partition_id=partition) for _ in range(100)]
            client.put_records("large", records)


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def show(name: str, result: str, target: str = "") -> None:
    print(f"{name:<52} {result:>32}" + (f"   (target: {target})" if target else ""), flush=True)


WORK: dict[str, Work] = {
    "idle": idle,
    "memory": memory,
    "latency": latency,
    "windows": windows,
    "backlog": backlog,
    "shuffle": shuffle,
    "distance": distance,
}
NEED_RECORDS = {"backlog", "shuffle", "distance"}


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    chosen = [word for word in sys.argv[1:] if not word.isdigit()] or list(WORK)
    count = numbers[0] if numbers else 1_000_000
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, Beam {beam.__version__}")
    print(f"{count:,} records of 200 bytes on {PARTITIONS} partitions, {ROUNDS} rounds")
    loaded = False
    with large_dis() as dis:
        for word in sorted(chosen, key=list(WORK).index):
            if word in NEED_RECORDS and not loaded:
                load(dis.connection, count)
                loaded = True
            WORK[word](dis, count)


if __name__ == "__main__":
    main()
