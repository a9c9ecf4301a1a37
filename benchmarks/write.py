"""Write: elements on the FnApiRunner → local DIS, compared with a bare loop and with a DoFn on the official client.

WriteToDIS also writes with ``ordered=True``, and DISProducer writes the same records without a pipeline. Both also write with
30 ms between request and answer, as over a slow network. Target: at least 0.7 of the throughput without.

Run: ``python benchmarks/write.py [records]`` (1,000,000 by default, 150 bytes each, keys that never repeat, 8 partitions).
The writers alternate in one run, so that the ratios don't depend on changes in the machine's speed. Target: at least 0.8
of the bare loop (httpx and msgspec, no Beam, one connection) and at least 8 times a DoFn written by hand on
``huaweicloudsdkdis``, of which there are two: one gathers a thousand records for a request, as well as one can by hand,
and writes a tenth of the records; one puts each element as it comes, and writes a thousandth.
"""

from __future__ import annotations

import itertools
import os
import platform
import statistics
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import httpx
import msgspec
from apache_beam.options.pipeline_options import PipelineOptions

from beam_dis import DISClient, DISConnection, DISProducer, WriteToDIS
from beam_dis.local import LocalDIS
from beam_dis.testing import Latency
from beam_dis.wire.records import PutRecordsRequest, PutRecordsRequestEntry, PutRecordsResult

PARTITIONS = 8
REQUEST_RECORDS = 1000
PADDING = b"x" * 142
CHUNK = 20_000
ROUNDS = 3
LATENCY = Latency(operation="put_records", seconds=0.03)
SLOW = " with 30 ms"
ORDERED = "WriteToDIS, ordered=True"
OFFICIAL = "official client, 1000 a request"
OFFICIAL_SINGLY = "official client, one a request"

_streams = itertools.count()


def elements(first: int, count: int) -> Iterator[bytes]:
    """Records of 150 bytes that begin with a number of their own."""
    return (b"%08d" % number + PADDING for number in range(first, first + count))


def key_of(data: bytes) -> str:
    return data[:8].decode()


def bare_loop(connection: DISConnection, stream: str, count: int) -> None:
    """Httpx and msgspec, one request after the other: the cost of writing without a pipeline."""
    url = f"{connection.endpoint}/v2/{connection.project_id}/records"
    headers = {"content-type": "application/json"}
    decoder = msgspec.json.Decoder(PutRecordsResult)
    with httpx.Client() as http:
        for first in range(0, count, REQUEST_RECORDS):
            data = elements(first, min(REQUEST_RECORDS, count - first))
            entries = [PutRecordsRequestEntry(data=each, partition_key=key_of(each)) for each in data]
            body = msgspec.json.encode(PutRecordsRequest(stream_name=stream, records=entries))
            answer = decoder.decode(http.post(url, content=body, headers=headers).content)
            if answer.failed_record_count:
                sys.exit(f"the bare loop had {answer.failed_record_count} records refused")


class OfficialClientFn(beam.DoFn):
    """A DoFn as one writes it without a connector: batches in the bundle, one request after the other."""

    def __init__(self, connection: DISConnection, stream: str, request_records: int) -> None:
        self._endpoint, self._project_id, self._stream = connection.endpoint, connection.project_id, stream
        self._request_records = request_records

    def setup(self) -> None:
        """A client on the worker."""
        from huaweicloudsdkcore.auth.credentials import BasicCredentials
        from huaweicloudsdkdis.v2 import DisClient

        builder = DisClient.new_builder().with_credentials(BasicCredentials("ak", "sk", self._project_id))
        self._client = builder.with_endpoint(self._endpoint).build()

    def start_bundle(self) -> None:
        """Start with no records."""
        self._entries: list[Any] = []

    def process(self, element: bytes) -> None:
        """Add a record, and put the batch when it is full."""
        from huaweicloudsdkdis.v2 import PutRecordsRequestEntry as Entry

        self._entries.append(Entry(data=b64encode(element).decode(), partition_key=key_of(element)))
        if len(self._entries) == self._request_records:
            self._put()

    def finish_bundle(self) -> None:
        """Put the rest."""
        if self._entries:
            self._put()

    def _put(self) -> None:
        from huaweicloudsdkdis.v2 import PutRecordsRequest as Body
        from huaweicloudsdkdis.v2 import SendRecordsRequest

        answer = self._client.send_records(SendRecordsRequest(Body(stream_name=self._stream, records=self._entries)))
        self._entries = []
        if answer.failed_record_count:
            raise RuntimeError(f"{answer.failed_record_count} records were refused")


def piped(sink: beam.PTransform[Any, Any], count: int) -> None:
    """Make the elements on the FnApiRunner, fused with the sink, and write them."""
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    chunks = pipeline | beam.Create([(first, min(CHUNK, count - first)) for first in range(0, count, CHUNK)])
    _ = chunks | "Elements" >> beam.FlatMapTuple(elements).with_output_types(bytes) | "Write" >> sink
    pipeline.run().wait_until_finish()


def produced(connection: DISConnection, stream: str, count: int) -> None:
    """Write without a pipeline."""
    with DISProducer(stream, connection=connection) as out:
        for data in elements(0, count):
            out.put(data, partition_key=key_of(data))


def rate(dis: DISClient, write: Callable[[str], None], count: int) -> float:
    """Records/s of one writer into a new stream, whose records are counted."""
    stream = f"bench-{next(_streams)}"
    dis.create_stream(stream, partition_count=PARTITIONS)
    started = time.perf_counter()
    write(stream)
    seconds = time.perf_counter() - started
    partitions = dis.describe_stream(stream).partitions
    arrived = sum(int(partition.sequence_number_range.strip("[]").split(":")[1]) for partition in partitions)
    if arrived != count:
        sys.exit(f"{arrived} of {count} records have arrived in {stream}")
    dis.delete_stream(stream)
    return count / seconds


def writers(connection: DISConnection, count: int) -> dict[str, tuple[Callable[[str], None], int]]:
    """All writers by name, each with the number of records that it writes."""

    def official(records: int, request_records: int) -> tuple[Callable[[str], None], int]:
        def write(stream: str) -> None:
            piped(beam.ParDo(OfficialClientFn(connection, stream, request_records)), records)

        return write, records

    return {
        "bare loop": (lambda stream: bare_loop(connection, stream, count), count),
        "WriteToDIS": (
            lambda stream: piped(WriteToDIS(stream, partition_key=key_of, connection=connection), count),
            count,
        ),
        ORDERED: (
            lambda stream: piped(WriteToDIS(stream, partition_key=key_of, ordered=True, connection=connection), count),
            count,
        ),
        "DISProducer": (lambda stream: produced(connection, stream, count), count),
        OFFICIAL: official(count // 10, REQUEST_RECORDS),
        OFFICIAL_SINGLY: official(count // 1000, 1),
    }


def main() -> None:
    """Print records/s and the ratios."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, Beam {beam.__version__}")
    with LocalDIS() as local, DISClient(local.connection) as dis:
        rates: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for name, (write, records) in writers(local.connection, count).items():
                rates.setdefault(name, []).append(rate(dis, write, records))
                if name in ("WriteToDIS", "DISProducer"):
                    local.inject(LATENCY)
                    rates.setdefault(name + SLOW, []).append(rate(dis, write, records))
                    local.clear_faults()
    medians = {name: statistics.median(values) for name, values in rates.items()}
    for name, median in medians.items():
        print(f"{name:31} {median:10,.0f} records/s   ({min(rates[name]):,.0f} to {max(rates[name]):,.0f})")
    for name, asked in {"bare loop": 0.8, OFFICIAL: 8, OFFICIAL_SINGLY: 8}.items():
        print(f"WriteToDIS / {name:31} {medians['WriteToDIS'] / medians[name]:8.2f}   (target: at least {asked})")
    for name in ("WriteToDIS", "DISProducer"):
        print(f"{name + SLOW:31} / without {medians[name + SLOW] / medians[name]:18.2f}   (target: at least 0.7)")
    print(f"{ORDERED} / without {medians[ORDERED] / medians['WriteToDIS']:24.2f}")
    print(f"DISProducer / WriteToDIS {medians['DISProducer'] / medians['WriteToDIS']:24.2f}   (target: at least 1)")


if __name__ == "__main__":
    main()
