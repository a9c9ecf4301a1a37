"""Bounded read: local DIS → FnApiRunner → count, compared with a bare loop and with a DoFn on the official client.

Run: ``python benchmarks/bounded_read.py [records]`` (1,000,000 by default, 200 bytes each, 8 partitions). The three
readers alternate in one run, so that the ratios don't depend on changes in the machine's speed. Target: at least 0.5 of the
bare loop (httpx and msgspec, no Beam) and at least 8 times a handwritten DoFn on ``huaweicloudsdkdis``.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import httpx
import msgspec
from apache_beam.metrics import Metrics, MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions

from beam_dis import DISClient, DISConnection, ReadFromDIS, StoppingPosition
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord
from beam_dis.wire.records import GetRecordsResult

PARTITIONS = 8
DATA = b"x" * 200
STREAM = "bench"
ROUNDS = 3


def load(connection: DISConnection, count: int) -> None:
    """Put records under keys that never repeat."""
    with DISClient(connection) as client:
        client.create_stream(STREAM, partition_count=PARTITIONS, stream_type="ADVANCED")
        for first in range(0, count, 1000):
            keys = range(first, min(first + 1000, count))
            client.put_records(STREAM, [PutRecord(data=DATA, partition_key=str(key)) for key in keys])


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


def piped(source: beam.PTransform[Any, Any]) -> int:
    """Run a source into a counter on the FnApiRunner; returns the number of elements."""
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    _ = pipeline | "Read" >> source | "Count" >> beam.ParDo(Count())
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


def readers(connection: DISConnection) -> dict[str, Callable[[], int]]:
    """The three readers by name."""
    source = ReadFromDIS(STREAM, stop=StoppingPosition.latest(), connection=connection)
    by_hand = beam.Create(range(PARTITIONS)) | beam.ParDo(
        OfficialClientFn(connection.endpoint or "", connection.project_id or "")
    )
    return {
        "bare loop": lambda: bare_loop(connection),
        "ReadFromDIS": lambda: piped(source),
        "official client": lambda: piped(by_hand),
    }


def main() -> None:
    """Print records/s and the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, Beam {beam.__version__}")
    with LocalDIS() as dis:
        load(dis.connection, count)
        rates: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for name, read in readers(dis.connection).items():
                rates.setdefault(name, []).append(rate(name, read, count))
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, median in medians.items():
        print(f"{name:16} {median:10,.0f} records/s   ({min(rates[name]):,.0f} to {max(rates[name]):,.0f})")
    ours = medians["ReadFromDIS"]
    print(f"ReadFromDIS / bare loop        {ours / medians['bare loop']:6.2f}   (target: at least 0.5)")
    print(f"ReadFromDIS / official client  {ours / medians['official client']:6.2f}   (target: at least 8)")


if __name__ == "__main__":
    main()
