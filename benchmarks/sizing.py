"""What a worker needs: the numbers of docs/sizing.md.

    python benchmarks/sizing.py [measurement ...]

The measurements are partitions, idle, rates and memory; all run by default. CPU time is measured, because other programs on the
machine disturb it less than the time on a clock. ``endless_read.py distance`` has the numbers for a service that is 30 ms away.

Rule 1: ``partitions`` runs the steps of an endless read without a runner and without a network, on a clock that only advances to the
next call. So it counts requests exactly, and its CPU time is that of the package alone.
Rule 2: the others run on Prism, with the worker in this process. Prism and the local DIS are other processes and aren't counted.
Rule 3: the CPU time of a step is that of its threads inside of the step, by their own clocks. What is left of the process is Beam's.
"""

from __future__ import annotations

import gzip
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import FixedWindows
from changed_dis import large_dis

from beam_dis import AvroCoder, CSVCoder, DISClient, DISConnection, JSONCoder, ReadFromDIS, StoppingPosition
from beam_dis.local import LocalDIS
from beam_dis.read.discovery.watch import WatchPartitionsFn
from beam_dis.read.partition.endless import PollPartitionFn
from beam_dis.read.process.per_connection import PerConnection
from beam_dis.record import PutRecord
from beam_dis.testing import Latency

ROOT = Path(__file__).resolve().parent.parent
PRISM = ROOT / ".runners" / "prism" / "prism"
PIPELINES = ROOT / "pipelines"
FLIGHTS = (PIPELINES / "flights.avsc").read_text()
COUNTS = (1, 10, 100, 1000)
BUSY = 5.0
SIMULATED_SECONDS = 5.0
IDLE_PARTITIONS = 200
IDLE_SECONDS = 60.0
DISTANCE_SECONDS = 0.03
SETTLING_SECONDS = 20.0
RECORDS = 200_000
PARTITIONS = 8
LARGE_RECORDS, LARGE = 15_000, 20_000


def main() -> None:
    if sys.argv[1:2] == ["worker"]:
        worker(*sys.argv[2:])
        return
    print(f"{processor()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, Beam {beam.__version__}")
    for word in sys.argv[1:] or list(WORK):
        print(f"\n{word}: {WORK[word].__doc__}")
        WORK[word]()


def partitions() -> None:
    """Each partition of an endless read in one process, among others."""
    sys.path.append(str(ROOT / "tests" / "fakes"))
    from many_partitions import EndlessRead

    print(f"{'':28}{'partitions':>10}{'CPU us/poll':>13}{'requests/s':>12}{'listings/s':>12}{'bytes/partition':>17}")
    for runner, holds_watermarks in (("Prism", False), ("Flink", True)):
        for kind, rate in (("idle", 0.0), (f"{BUSY:.0f} records/s each", BUSY)):
            for count in COUNTS:
                options: dict[str, Any] = {"rate": rate, "holds_watermarks": holds_watermarks}
                read, memory = EndlessRead(count, **options), traced_memory(EndlessRead, count, options)
                read.run(1.0)
                before, began = Counter(read.service.requests), time.process_time()
                read.run(SIMULATED_SECONDS)
                cpu = time.process_time() - began
                made = Counter(read.service.requests) - before
                print(
                    f"{f'{runner}, {kind}':28}{count:>10}{1e6 * cpu / made['read']:>13.0f}"
                    f"{made.total() / SIMULATED_SECONDS:>12.0f}{made['describe'] / SIMULATED_SECONDS:>12.1f}"
                    f"{memory / count:>17,.0f}",
                    flush=True,
                )


def traced_memory(kind: Any, count: int, options: dict[str, Any]) -> int:
    """The bytes that a read of so many partitions holds after its first second."""
    tracemalloc.start()
    try:
        read = kind(count, **options)
        read.run(1.0)
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def idle() -> None:
    """Partitions without records on Prism, with default settings: the CPU time of a worker process in a second."""
    for count, away in ((1, 0.0), (IDLE_PARTITIONS, 0.0), (IDLE_PARTITIONS, DISTANCE_SECONDS)):
        with large_dis() as dis, DISClient(dis.connection) as client:
            client.create_stream("idle", partition_count=count)
            spent = Spent()
            with spent.measured(), running(ReadFromDIS("idle", connection=dis.connection, decode="bytes")):
                dis.inject(Latency(seconds=away))
                time.sleep(SETTLING_SECONDS)
                spent.reset()
                began, cpu = time.monotonic(), time.process_time()
                time.sleep(IDLE_SECONDS)
                seconds, cpu = time.monotonic() - began, time.process_time() - cpu
                connections = connections_to(dis)
            print_idle(f"{count} partitions, {1000 * away:.0f} ms away", spent, seconds, cpu, connections)


def print_idle(name: str, spent: Spent, seconds: float, cpu: float, connections: int) -> None:
    polls, requests = spent.calls["poll"], spent.seconds["request"]
    own = spent.seconds["poll"] + spent.seconds["watch"] + spent.seconds["in the background"]
    print(f"{name}: {polls / seconds:.1f} polls/s, {connections} connections")
    for part_name, part in (("requests", requests), ("the rest of our steps", own - requests), ("Beam", cpu - own)):
        print(
            f"  {part_name:24}{100 * part / seconds:>8.2f} % of a core{1e6 * part / max(polls, 1):>10.0f} us for each poll",
            flush=True,
        )


class Spent:
    """The CPU seconds and the calls of our steps by kind; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread = threading.local()
        self.reset()

    def reset(self) -> None:
        """Start at zero."""
        self.seconds: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    def add(self, kind: str, seconds: float) -> None:
        """A call has ended."""
        with self._lock:
            self.seconds[kind] += seconds
            self.calls[kind] += 1

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the steps during the block. Their requests are part of them, also those that other threads make for them."""
        places: list[tuple[type, str, str]] = [
            (PollPartitionFn, "_poll", "poll"),
            (WatchPartitionsFn, "_new_partitions", "watch"),
            (PerConnection, "_read", "request"),
            (PerConnection, "describe", "request"),
        ]
        plain = [getattr(owner, name) for owner, name, _ in places]
        for (owner, name, kind), method in zip(places, plain, strict=True):
            setattr(owner, name, self._timed(method, kind, yields=kind != "request"))
        try:
            yield
        finally:
            for (owner, name, _), method in zip(places, plain, strict=True):
                setattr(owner, name, method)

    def _timed(self, method: Callable[..., Any], kind: str, *, yields: bool) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            began = time.thread_time()
            try:
                return method(*arguments)
            finally:
                self.add(kind, time.thread_time() - began)
                if not getattr(self._thread, "in_step", False):
                    self.add("in the background", time.thread_time() - began)

        def iterate(*arguments: Any) -> Iterator[Any]:
            generator, total = method(*arguments), 0.0
            try:
                while True:
                    began, self._thread.in_step = time.thread_time(), True
                    try:
                        element = next(generator)
                    except StopIteration as end:
                        return end.value
                    finally:
                        total, self._thread.in_step = total + time.thread_time() - began, False
                    yield element
            finally:
                self.add(kind, total)

        return iterate if yields else call


def connections_to(dis: LocalDIS) -> int:
    """How many connections are open to a local DIS."""
    port = f":{urlsplit(dis.endpoint).port:04X}"
    lines = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return sum(fields[2].endswith(port) and fields[3] == "01" for fields in lines)


def rates() -> None:
    """Records for each CPU second of a worker process, bounded reads on Prism."""
    with LocalDIS() as dis:
        load_all(dis.connection)
        for name, (stream, decode, after) in reads().items():
            found = []
            for _ in range(3):
                source = ReadFromDIS(stream, stop=StoppingPosition.latest(), connection=dis.connection, decode=decode)
                found.append(records_per_cpu_second(source, after))
            print(
                f"{name:44}{statistics.median(found):>10,.0f} records/s ({min(found):,.0f} to {max(found):,.0f})",
                flush=True,
            )


def reads() -> dict[str, tuple[str, str, beam.PTransform[Any, Any] | None]]:
    """The stream, the decoding and the next steps of each read."""
    windows = (
        beam.Map(lambda data: (data[-1], 1)).with_output_types(tuple[int, int])
        | beam.WindowInto(FixedWindows(1))
        | beam.CombinePerKey(sum)
    )
    return {
        "bytes of 200 bytes": ("bytes", "bytes", None),
        "rows of Avro, 19 fields": ("avro", "rows", None),
        "rows of JSON, 19 fields": ("json", "rows", None),
        "rows of CSV, 19 fields": ("csv", "rows", None),
        "bytes, counted by key in windows of 1 s": ("bytes", "bytes", windows),
    }


def load_all(connection: DISConnection) -> None:
    """Put the same number of records into each of the streams."""
    csv = CSVCoder(FLIGHTS, null="NA")
    lines = gzip.decompress((PIPELINES / "data" / "flights-2013-01.csv.gz").read_bytes()).splitlines()[1:1001]
    flights = [csv.decode(line) for line in lines]
    streams: dict[str, tuple[str, Any]] = {
        "avro": ("BLOB", AvroCoder(FLIGHTS)),
        "json": ("JSON", JSONCoder(FLIGHTS)),
        "csv": ("CSV", CSVCoder(FLIGHTS)),
    }
    with DISClient(connection) as client:
        client.create_stream("bytes", partition_count=PARTITIONS)
        load(client, "bytes", [bytes([number % 50]) * 200 for number in range(1000)], RECORDS)
        for stream, (data_type, coder) in streams.items():
            client.create_stream(stream, partition_count=PARTITIONS, data_type=data_type, data_schema=FLIGHTS)
            load(client, stream, [coder.encode(flight) for flight in flights], RECORDS)


def load(client: DISClient, stream: str, records: list[bytes], count: int) -> None:
    """Put so many records, the same again and again."""
    for first in range(0, count, len(records)):
        client.put_records(
            stream, [PutRecord(data=data, partition_key=f"{first + number}") for number, data in enumerate(records)]
        )


class Mark(beam.DoFn):
    """Writes the CPU time of the process at the beginning and the end of each bundle, and its elements."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def setup(self) -> None:
        """Choose a file for this instance."""
        self._file = Path(self._folder) / uuid.uuid4().hex

    def start_bundle(self) -> None:
        """Start at zero."""
        self._began, self._total = time.process_time(), 0

    def process(self, element: Any) -> Iterator[Any]:
        """Count the element, and pass it on."""
        self._total += 1
        yield element

    def finish_bundle(self) -> None:
        """Write a line."""
        with self._file.open("a") as file:
            file.write(f"{self._began} {time.process_time()} {self._total}\n")


def records_per_cpu_second(source: beam.PTransform[Any, Any], after: beam.PTransform[Any, Any] | None) -> float:
    """Records for each CPU second between the first record and the end of the pipeline."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = beam.Pipeline(options=options())
        read = pipeline | "Read" >> source | "Mark" >> beam.ParDo(Mark(folder))
        if after is not None:
            _ = read | "After" >> after
        pipeline.run().wait_until_finish()
        ended = time.process_time()
        lines = [[float(word) for word in line.split()] for line in lines_in(folder)]
    if sum(line[2] for line in lines) != RECORDS:
        sys.exit(f"{sum(line[2] for line in lines):.0f} of {RECORDS} records were read")
    return RECORDS / (ended - min(line[0] for line in lines if line[2]))


def lines_in(folder: str) -> Iterable[str]:
    return [line for file in Path(folder).iterdir() for line in file.read_text().splitlines()]


def memory() -> None:
    """The highest resident memory of a worker process that reads to the end, on Prism."""
    with LocalDIS() as dis:
        with DISClient(dis.connection) as client:
            client.create_stream("small", partition_count=PARTITIONS)
            load(client, "small", [bytes([number % 50]) * 200 for number in range(1000)], RECORDS)
            client.create_stream("large", partition_count=PARTITIONS)
            load(client, "large", [bytes(LARGE)] * 50, LARGE_RECORDS)
        for name, stream in (
            ("without a read", ""),
            (f"{RECORDS:,} records of 200 bytes", "small"),
            (f"{LARGE_RECORDS:,} records of {LARGE:,} bytes", "large"),
        ):
            command = [sys.executable, __file__, "worker", dis.endpoint, dis.connection.project_id or "", stream]
            peak = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1]
            print(f"{name:44}{peak:>10} MB", flush=True)


def worker(endpoint: str, project_id: str, stream: str) -> None:
    """Read a stream in this process, and print its highest resident memory in MB."""
    pipeline = beam.Pipeline(options=options())
    if stream:
        connection = DISConnection(endpoint=endpoint, project_id=project_id)
        source: Any = ReadFromDIS(stream, stop=StoppingPosition.latest(), connection=connection, decode="bytes")
    else:
        source = beam.Create([b"x"])
    _ = pipeline | source | beam.Map(len)
    pipeline.run().wait_until_finish()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def options() -> PipelineOptions:
    if not PRISM.exists():
        sys.exit("Prism isn't installed: run make runners")
    return PipelineOptions(["--runner=PrismRunner", f"--prism_location={PRISM}", "--streaming"])


@contextmanager
def running(source: beam.PTransform[Any, Any]) -> Iterator[None]:
    """Run an endless read during the block."""
    pipeline = beam.Pipeline(options=options())
    _ = pipeline | source | beam.Map(len)
    result = pipeline.run()
    try:
        yield
    finally:
        result.cancel()


def processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


WORK: dict[str, Callable[[], None]] = {"partitions": partitions, "idle": idle, "rates": rates, "memory": memory}


if __name__ == "__main__":
    main()
