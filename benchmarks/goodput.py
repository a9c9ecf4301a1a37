"""The cost of retries: records/s that arrive while one request in ten fails, compared with a service without faults.

    python benchmarks/goodput.py [records]

The faults are those of a local DIS, chosen by seed. The failures are errors, resets before and after the work, and truncated and garbled
answers, two requests in a hundred each. For comparison: one record in ten is refused, so that no request succeeds at once; and
throttling, which asks for less traffic and gets it. Both ways of writing alternate, with and without faults, on one server. Each
record is read back by its number, so that none counts twice. The results depend on the machine; nothing passes or fails.
"""

from __future__ import annotations

import itertools
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from beam_dis import DISClient, DISConnection, WriteToDIS
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord
from beam_dis.testing import CutAnswer, Failing, Fault, RecordsRefused, Reset, Throttled, WrongJSON

RECORD_BYTES = 200
REQUEST_RECORDS = 500
PARTITIONS = 4
THREADS = 8
ROUNDS = 5
CHUNK = 1000
ASKED = {"10 % failures": "(target: at least 0.85)"}

FAILURES: tuple[Fault, ...] = (
    Failing(operation="put_records", rate=0.02, seed=1),
    Reset(operation="put_records", when="before", rate=0.02, seed=2),
    Reset(operation="put_records", when="after", rate=0.02, seed=3),
    CutAnswer(operation="put_records", rate=0.02, seed=4),
    WrongJSON(operation="put_records", rate=0.02, seed=5),
)
THROTTLING: tuple[Fault, ...] = (Throttled(operation="put_records", rate=0.1, seed=6),)
REFUSALS: tuple[Fault, ...] = (RecordsRefused(code="DIS.5250", rate=0.1, seed=7),)
KINDS = {
    "without faults": (),
    "10 % failures": FAILURES,
    "10 % records refused": REFUSALS,
    "10 % throttled": THROTTLING,
}

_streams = itertools.count()


def element(number: int) -> bytes:
    """A record that begins with its number."""
    return b"%010d" % number + bytes(RECORD_BYTES - 10)


def elements(first: int, count: int) -> Iterator[bytes]:
    """Consecutive records."""
    return (element(number) for number in range(first, first + count))


def client_in_threads(connection: DISConnection, stream: str, count: int) -> None:
    """Put with DISClient in some threads, one request after the other in each; requests whose answer is lost are retried."""

    def put(first: int) -> None:
        records = [PutRecord(data) for data in elements(first, min(REQUEST_RECORDS, count - first))]
        while records:
            results = client.put_records(stream, records, retry_lost=True).records
            records = [record for record, result in zip(records, results, strict=True) if result.error_code]

    with DISClient(connection) as client, ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(put, range(0, count, REQUEST_RECORDS)))


def sink(connection: DISConnection, stream: str, count: int) -> None:
    """Write with WriteToDIS on the FnApiRunner, fused with the step that makes the records."""
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    chunks = pipeline | beam.Create([(first, min(CHUNK, count - first)) for first in range(0, count, CHUNK)])
    made = chunks | "Elements" >> beam.FlatMapTuple(elements).with_output_types(bytes)
    _ = made | WriteToDIS(stream, connection=connection)
    pipeline.run().wait_until_finish()


WRITERS: dict[str, Callable[[DISConnection, str, int], None]] = {
    f"DISClient, {THREADS} threads": client_in_threads,
    "WriteToDIS": sink,
}


def arrived(client: DISClient, stream: str) -> int:
    """How many different records are in a stream."""
    return len({data[:10] for partition in range(PARTITIONS) for data in _read(client, stream, partition)})


def _read(client: DISClient, stream: str, partition: int) -> Iterable[bytes]:
    cursor = client.get_cursor(stream, partition_id=str(partition), cursor_type="TRIM_HORIZON")
    while page := client.get_records(cursor):
        if not page.records:
            return
        yield from (record.data for record in page.records)
        cursor = page.next_partition_cursor


def goodput(
    dis: LocalDIS, client: DISClient, write: Callable[[str], None], faults: tuple[Fault, ...], count: int
) -> float:
    """Distinct records per second that have arrived by the end."""
    stream = f"bench-{next(_streams)}"
    client.create_stream(stream, partition_count=PARTITIONS)
    for fault in faults:
        dis.inject(fault)
    started = time.perf_counter()
    write(stream)
    seconds = time.perf_counter() - started
    dis.clear_faults()
    different = arrived(client, stream)
    if different != count:
        sys.exit(f"{different} of {count} records have arrived in {stream}")
    client.delete_stream(stream)
    return count / seconds


def main() -> None:
    """Print records/s and the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, Beam {beam.__version__}")
    rates: dict[tuple[str, str], list[float]] = {}
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        for _, (writer, write), (kind, faults) in itertools.product(range(ROUNDS), WRITERS.items(), KINDS.items()):
            measured = goodput(dis, client, lambda stream, w=write: w(dis.connection, stream, count), faults, count)
            rates.setdefault((writer, kind), []).append(measured)
    medians = {key: statistics.median(values) for key, values in rates.items()}
    for (writer, kind), median in medians.items():
        spread = f"({min(rates[writer, kind]):,.0f} to {max(rates[writer, kind]):,.0f})"
        ratio = median / medians[writer, "without faults"]
        print(f"{writer:22} {kind:21} {median:10,.0f} records/s {spread:26} {ratio:5.2f}{ASKED.get(kind, '')}")


if __name__ == "__main__":
    main()
