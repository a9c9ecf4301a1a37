"""The load on a local DIS, or on an emulator of a stream service, as a separate process of many connections.

Each connection is a coroutine that sends a request when the last one is answered, or, if a rate is given, when the next is due.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from load_protocols import ACCESS_KEY, DISJSON, PROTOCOLS, SECRET_KEY, Call, Kinesis, Load

__all__ = ["ACCESS_KEY", "PARTITIONS", "RECORDS", "SECRET_KEY", "SIZE", "STREAM", "Job"]

RECORDS, SIZE, PARTITIONS = 500, 200, 8
STREAM = "load"


class Job(NamedTuple):
    """A measurement: ``what`` is put, get or latency; ``rate`` is records per second over all connections, 0 for as fast as possible.

    With ``streams``, requests go to as many streams in turn.
    """

    endpoint: str
    signed: bool
    what: str
    connections: int
    seconds: float
    rate: float
    protocol: str = "JSON"
    records: int = RECORDS
    size: int = SIZE
    partitions: int = PARTITIONS
    streams: int = 1


@dataclass
class Requests:
    """The requests of all connections: when they are due, their streams, their times in seconds, and their records."""

    stop: float
    due: Iterator[float]
    streams: Iterator[str] = field(default_factory=lambda: itertools.repeat(STREAM))
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

    def __init__(self, protocol: DISJSON | Kinesis, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.protocol = protocol
        self._reader = reader
        self._writer = writer

    async def ask(self, call: Call) -> bytes:
        """The body of the answer to one request."""
        lines = "".join(f"{name}: {value}\r\n" for name, value in call.headers.items())
        query = f"?{call.query}" if call.query else ""
        head = f"{call.method} {call.path}{query} HTTP/1.1\r\n{lines}content-length: {len(call.body)}\r\n\r\n"
        self._writer.write(head.encode() + call.body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = answer.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
        return await self._reader.readexactly(int(length or 0))


async def put(connection: Connection, _number: int, requests: Requests, job: Job) -> None:
    while await requests.wait_until_due():
        call = connection.protocol.put(next(requests.streams))
        start = time.perf_counter()
        connection.protocol.check_put(await connection.ask(call))
        requests.add(start, job.records)


async def get(connection: Connection, number: int, requests: Requests, _job: Job) -> None:
    cursor = ""
    while await requests.wait_until_due():
        if not cursor:
            asked = connection.protocol.cursor(STREAM, number)
            cursor = connection.protocol.cursor_of(await connection.ask(asked))
        start = time.perf_counter()
        records, after = connection.protocol.page_of(await connection.ask(connection.protocol.page(cursor)))
        requests.add(start, records)
        cursor = after if records else ""


async def latency(connection: Connection, number: int, requests: Requests, job: Job) -> None:
    """Put when the next request is due; a second connection asks all the time, until it has the records. For streams of one partition."""
    protocol, reader = connection.protocol, await _open(job, connection.protocol)
    cursor = protocol.cursor_of(await reader.ask(protocol.cursor(STREAM, number, "LATEST")))
    while await requests.wait_until_due():
        start = time.perf_counter()
        answered = asyncio.ensure_future(connection.ask(protocol.put(STREAM)))
        records = 0
        while not records:
            records, cursor = protocol.page_of(await reader.ask(protocol.page(cursor)))
        requests.add(start, records)
        protocol.check_put(await answered)


async def run(job: Job) -> dict[str, float]:
    """Run a job; returns records per second, and the median and 99th percentile of the request times in ms."""
    load = Load(job.endpoint.removeprefix("http://"), job.records, job.size, job.partitions)
    protocol = PROTOCOLS[job.protocol](load, signed=job.signed)
    connections = [await _open(job, protocol) for _ in range(job.connections)]
    names = [STREAM, *(f"{STREAM}-{number}" for number in range(1, job.streams))]
    for name in names:
        await connections[0].ask(protocol.create(name))
    await asyncio.sleep(protocol.creation_seconds)
    begin = time.perf_counter()
    requests = Requests(begin + job.seconds, _due_times(job, begin), itertools.cycle(names))
    work = {"put": put, "get": get, "latency": latency}[job.what]
    await asyncio.gather(*(work(connection, number, requests, job) for number, connection in enumerate(connections)))
    rate = requests.records / (time.perf_counter() - begin)
    times = sorted(requests.times)
    return {
        "rate": rate,
        "records": requests.records,
        "requests": len(times),
        "p50": 1000 * times[len(times) // 2],
        "p99": 1000 * times[len(times) * 99 // 100],
    }


async def _open(job: Job, protocol: DISJSON | Kinesis) -> Connection:
    host, port = job.endpoint.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=2**24)
    return Connection(protocol, reader, writer)


def _due_times(job: Job, begin: float) -> Iterator[float]:
    if not job.rate:
        return itertools.repeat(begin)
    return (begin + number * job.records / job.rate for number in itertools.count())


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(Job(*json.loads(sys.argv[1]))))))
