"""The load on a local DIS, as a separate process: many connections, and as little work per record as possible.

Each connection is a coroutine that sends a request when the last one is answered, or, if a rate is given, when the next is due. Data
is prepared in advance, except the keys, which never repeat. Answers are counted, not parsed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import randbytes
from typing import NamedTuple

from beam_dis.wire.signing import SigningRequest, sign
from beam_dis.wire.timestamps import sdk_date

RECORDS, SIZE, PARTITIONS = 500, 200, 8
STREAM = "load"
ACCESS_KEY, SECRET_KEY = "BENCHMARKACCESSKEY00", "benchmark-secret-key"
DATA = [b64encode(randbytes(SIZE)) for _ in range(64)]
ROOT = "/v2/benchmark"


class Job(NamedTuple):
    """A measurement: ``what`` is put or get; ``rate`` is records per second over all connections, 0 for as fast as possible."""

    endpoint: str
    signed: bool
    what: str
    connections: int
    seconds: float
    rate: float


@dataclass
class Requests:
    """The requests of all connections: when they are due, their times in seconds, and their records."""

    stop: float
    due: Iterator[float]
    keys: Iterator[int] = field(default_factory=lambda: itertools.count(time.time_ns()))
    times: list[float] = field(default_factory=list)
    records: int = 0

    async def wait_until_due(self) -> bool:
        """Wait until the next request is due; False if the time is over."""
        now, due = time.perf_counter(), next(self.due)
        if due > now:
            await asyncio.sleep(due - now)
        return max(due, now) < self.stop

    def add(self, start: float, records: int) -> None:
        """Add a request that has just been answered."""
        self.times.append(time.perf_counter() - start)
        self.records += records


class Connection:
    """One HTTP/1.1 connection."""

    def __init__(self, job: Job, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._signed = job.signed
        self._host = job.endpoint.removeprefix("http://")
        self._reader = reader
        self._writer = writer

    async def ask(self, method: str, path: str, query: str = "", body: bytes = b"") -> bytes:
        """The body of the answer to one request."""
        headers = {"host": self._host, "content-type": "application/json"}
        if self._signed:
            headers["x-sdk-date"] = sdk_date(time.time())
            request = SigningRequest(method, path, query, headers, body)
            headers["authorization"] = sign(
                request, access_key=ACCESS_KEY, secret_key=SECRET_KEY, signed_headers=list(headers)
            )
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {path}?{query} HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n"
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = answer.partition(b"content-length: ")[2].partition(b"\r")[0]
        return await self._reader.readexactly(int(length or 0))


async def put(connection: Connection, _number: int, requests: Requests) -> None:
    while await requests.wait_until_due():
        body = _body(requests.keys)
        start = time.perf_counter()
        answer = await connection.ask("POST", f"{ROOT}/records", body=body)
        if not answer.startswith(b'{"failed_record_count":0,'):
            raise RuntimeError(answer[:500])
        requests.add(start, RECORDS)


async def get(connection: Connection, number: int, requests: Requests) -> None:
    cursor = ""
    while await requests.wait_until_due():
        cursor = cursor or await _cursor(connection, number % PARTITIONS)
        start = time.perf_counter()
        query = f"max_fetch_bytes={RECORDS * SIZE}&partition-cursor={cursor}"
        answer = await connection.ask("GET", f"{ROOT}/records", query)
        records = answer.count(b'"sequence_number"')
        requests.add(start, records)
        cursor = answer.rpartition(b'"next_partition_cursor":"')[2].rstrip(b'"}').decode() if records else ""


async def load(job: Job) -> dict[str, float]:
    """Run a job; returns records per second, and the median and 99th percentile of the request times in ms."""
    host, port = job.endpoint.removeprefix("http://").split(":")
    opened = [await asyncio.open_connection(host, int(port), limit=2**24) for _ in range(job.connections)]
    connections = [Connection(job, reader, writer) for reader, writer in opened]
    stream = json.dumps({"stream_name": STREAM, "partition_count": PARTITIONS}).encode()
    await connections[0].ask("POST", f"{ROOT}/streams", body=stream)
    begin = time.perf_counter()
    requests = Requests(begin + job.seconds, _due_times(job.rate, begin))
    work = {"put": put, "get": get}[job.what]
    await asyncio.gather(*(work(connection, number, requests) for number, connection in enumerate(connections)))
    rate = requests.records / (time.perf_counter() - begin)
    times = sorted(requests.times)
    return {
        "rate": rate,
        "records": requests.records,
        "p50": 1000 * times[len(times) // 2],
        "p99": 1000 * times[len(times) * 99 // 100],
    }


def _due_times(rate: float, begin: float) -> Iterator[float]:
    return (begin + number * RECORDS / rate for number in itertools.count()) if rate else itertools.repeat(begin)


def _body(keys: Iterator[int]) -> bytes:
    data = itertools.cycle(DATA)
    entries = [b'{"data":"%b","partition_key":"%d"}' % (next(data), next(keys)) for _ in range(RECORDS)]
    return b'{"stream_name":"load","records":[%b]}' % b",".join(entries)


async def _cursor(connection: Connection, number: int) -> str:
    query = f"cursor-type=TRIM_HORIZON&partition-id={number}&stream-name={STREAM}"
    cursor: str = json.loads(await connection.ask("GET", f"{ROOT}/cursors", query))["partition_cursor"]
    return cursor


if __name__ == "__main__":
    print(json.dumps(asyncio.run(load(Job(*json.loads(sys.argv[1]))))))
