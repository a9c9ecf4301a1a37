"""Bounded read: local DIS → FnApiRunner → count, compared with a bare loop, a source in memory and a DoFn on the official client.

Run: ``python benchmarks/bounded_read.py [records]`` (1,000,000 by default, 200 bytes each, 8 partitions). The readers alternate in one
run, so that the ratios don't depend on changes in the machine's speed; a ratio is the median over the rounds. Targets: bytes are read
at 0.7 or more of the rate of the bare loop (httpx and msgspec, no Beam), and records at 8 times the rate of a handwritten DoFn on
``huaweicloudsdkdis``; ``CommitToDIS`` costs less than 3 %. The source in memory shows what Beam alone takes.

``CommitToDIS`` adds steps to the pipeline, and the runner takes a time for these that doesn't depend on the number of records. So its CPU time
is printed for a stream of few records too: what a record costs is the difference, not the ratio of two short runs.

Measured on two cores that other programs used too (Python 3.11, Beam 2.77), CPU time of the client: the bare loop takes 1.4 µs a record, a
read of bytes 2.3 to 2.5, of which requests and JSON take 1.2 to 1.3 and the source in memory 0.7 to 0.8; ``CommitToDIS`` adds 0.15 to 0.22 s
to a pipeline of 2,000 records, and 0.19 to 0.34 s to one of 200,000 to 1,000,000. At a round trip of 30 ms, in the same run, FnApiRunner
kept 0.94 to 1.07 of its rate with 8 partitions and 0.97 to 1.22 with 64; one chain of requests in a partition kept 0.47 to 0.51 with 64.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
import uuid
from base64 import b64decode
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import apache_beam as beam
import httpx
import msgspec
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions

from beam_dis import CommitToDIS, DISClient, DISConnection, ReadFromDIS, StoppingPosition
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord
from beam_dis.wire.records import GetRecordsResult

PARTITIONS = 8
DATA = b"x" * 200
STREAM, SMALL = "bench", "bench-small"
FEW = 2000
ROUNDS = 7
BARE, BYTES, COMMITTED, RECORDS = "bare loop", "bytes", "bytes with CommitToDIS", "records"
MEMORY, OFFICIAL = "bytes in memory", "official client"


def load(connection: DISConnection, count: int, stream: str = STREAM, partitions: int = PARTITIONS) -> None:
    """Put records under keys that never repeat."""
    with DISClient(connection) as client:
        client.create_stream(stream, partition_count=partitions, stream_type="ADVANCED")
        for first in range(0, count, 1000):
            keys = range(first, min(first + 1000, count))
            client.put_records(stream, [PutRecord(data=DATA, partition_key=str(key)) for key in keys])


def bare_loop(connection: DISConnection) -> int:
    """Read with httpx and msgspec, one partition after the other: the cost of reading without a pipeline."""
    decoder, total = msgspec.json.Decoder(GetRecordsResult), 0
    root = f"{connection.endpoint}/v2/{connection.project_id}"
    with httpx.Client() as http:
        for partition in range(PARTITIONS):
            question = {"stream-name": STREAM, "partition-id": str(partition), "cursor-type": "TRIM_HORIZON"}
            cursor = http.get(f"{root}/cursors", params=question).json()["partition_cursor"]
            while True:
                answer = http.get(f"{root}/records", params={"partition-cursor": cursor})
                page = decoder.decode(answer.content)
                if not page.records:
                    break
                total += len(page.records)
                cursor = page.next_partition_cursor
    return total


class OfficialClientFn(beam.DoFn):
    """A DoFn as one writes it without a connector: from a partition to numbers, keys and bytes."""

    def __init__(self, endpoint: str, project_id: str) -> None:
        self._endpoint, self._project_id = endpoint, project_id

    def process(self, partition: int) -> Iterator[Any]:
        """Read to the first empty page."""
        from huaweicloudsdkcore.auth.credentials import BasicCredentials
        from huaweicloudsdkdis.v2 import ConsumeRecordsRequest, DisClient, ShowCursorRequest

        builder = DisClient.new_builder().with_credentials(BasicCredentials("ak", "sk", self._project_id))
        client = builder.with_endpoint(self._endpoint).build()
        question = ShowCursorRequest(stream_name=STREAM, partition_id=str(partition), cursor_type="TRIM_HORIZON")
        cursor = client.show_cursor(question).partition_cursor
        while (page := client.consume_records(ConsumeRecordsRequest(partition_cursor=cursor))).records:
            for record in page.records:
                yield (
                    int(record.sequence_number),
                    record.partition_key,
                    b64decode(record.data),
                )  # the client returns text
            cursor = page.next_partition_cursor


class PagesInMemory(beam.DoFn):
    """Yields the data of pages that are in memory: what Beam takes if reading costs nothing."""

    def __init__(self, count: int) -> None:
        self._count = count

    def setup(self) -> None:
        """Make a page."""
        self._page = [bytes(bytearray(DATA)) for _ in range(1000)]

    def process(self, partition: int) -> Iterator[bytes]:
        """The data of one partition."""
        for first in range(0, self._count, 1000):
            yield from self._page[: self._count - first]


class Count(beam.DoFn):
    """Counts elements, the cheapest possible step after a source. It updates Beam's counter once per bundle."""

    def __init__(self) -> None:
        self._counter = Metrics.counter("benchmark", "elements")

    def start_bundle(self) -> None:
        """Start at zero."""
        self._total = 0

    def process(self, element: Any) -> None:
        """Count one element."""
        self._total += 1

    def finish_bundle(self) -> None:
        """Update Beam's counter."""
        self._counter.inc(self._total)


def piped(source: beam.PTransform[Any, Any], commit: beam.PTransform[Any, Any] | None = None) -> int:
    """Run a source into a counter on the FnApiRunner; returns the number of elements.

    Args:
        source: the source.
        commit: what its positions go to; then the source has some.
    """
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    read = pipeline | "Read" >> source
    counted = (read if commit is None else read.records) | "Count" >> beam.ParDo(Count())
    if commit is not None:
        _ = read.positions | beam.WaitOn(counted) | "Commit" >> commit
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query(MetricsFilter().with_name("elements"))["counters"]
    return int(sum(counter.committed for counter in counters))


def rate(name: str, read: Callable[[], int], expected: int) -> float:
    """Records/s of one reader, whose number of records is checked."""
    started = time.perf_counter()
    total = read()
    seconds = time.perf_counter() - started
    if total != expected:
        sys.exit(f"{name} read {total} of {expected} records")
    return total / seconds


def readers(connection: DISConnection, count: int) -> dict[str, Callable[[], int]]:
    """The readers by name."""
    latest = StoppingPosition.latest()
    records = ReadFromDIS(STREAM, stop=latest, connection=connection)
    data = ReadFromDIS(STREAM, stop=latest, connection=connection, decode="bytes")
    by_hand = beam.Create(range(PARTITIONS)) | beam.ParDo(
        OfficialClientFn(connection.endpoint or "", connection.project_id or "")
    )
    in_memory = beam.Create(range(PARTITIONS)) | beam.Reshuffle() | beam.ParDo(PagesInMemory(count // PARTITIONS))
    found = {
        BARE: lambda: bare_loop(connection),
        BYTES: lambda: piped(data),
        COMMITTED: lambda: piped(*committed(connection)),
        RECORDS: lambda: piped(records),
        MEMORY: lambda: piped(in_memory),
    }
    return {**found, OFFICIAL: lambda: piped(by_hand)} if find_spec("huaweicloudsdkdis") else found


def committed(
    connection: DISConnection, stream: str = STREAM
) -> tuple[beam.PTransform[Any, Any], beam.PTransform[Any, Any]]:
    """A read with positions, and what commits them; an app of its own starts at the beginning."""
    app = uuid.uuid4().hex
    read = ReadFromDIS(
        stream, stop=StoppingPosition.latest(), app=app, commit="manual", connection=connection, decode="bytes"
    )
    return read, CommitToDIS(app, connection=connection)


def commit_seconds(connection: DISConnection, stream: str) -> float:
    """The CPU seconds that ``CommitToDIS`` adds to a read of a stream: the difference of the best of some rounds."""
    best = {BYTES: float("inf"), COMMITTED: float("inf")}
    for _ in range(ROUNDS):
        data = ReadFromDIS(stream, stop=StoppingPosition.latest(), connection=connection, decode="bytes")
        for name, parts in ((BYTES, (data,)), (COMMITTED, committed(connection, stream))):
            started = time.process_time()
            piped(*parts)
            best[name] = min(best[name], time.process_time() - started)
    return best[COMMITTED] - best[BYTES]


def main() -> None:
    """Print records/s and the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, Beam {beam.__version__}")
    with LocalDIS() as dis:
        load(dis.connection, count)
        rates: dict[str, list[float]] = {}
        for number in range(ROUNDS):
            order = list(readers(dis.connection, count).items())
            for name, read in order if number % 2 else reversed(order):
                rates.setdefault(name, []).append(rate(name, read, count))
        load(dis.connection, FEW, SMALL, 2)
        extra = {number: commit_seconds(dis.connection, name) for name, number in ((SMALL, FEW), (STREAM, count))}
    for name, found in rates.items():
        print(f"{name:22} {statistics.median(found):10,.0f} records/s   ({min(found):,.0f} to {max(found):,.0f})")
    show(rates, BYTES, BARE, "at least 0.7")
    show(rates, BYTES, MEMORY)
    show(rates, MEMORY, BARE)
    show(rates, RECORDS, BARE)
    show(rates, COMMITTED, BYTES, "at least 0.97")
    show(rates, RECORDS, OFFICIAL, "at least 8")
    for number, seconds in extra.items():
        print(f"{f'CPU s of CommitToDIS, {number:,} records':42} {seconds:6.2f}")


def show(rates: dict[str, list[float]], reader: str, other: str, target: str = "") -> None:
    """Print the ratio of two readers."""
    if other in rates:
        ratio = statistics.median(a / b for a, b in zip(rates[reader], rates[other], strict=True))
        print(f"{f'{reader} / {other}':42} {ratio:6.2f}   {f'(target: {target})' if target else ''}")


if __name__ == "__main__":
    main()
