"""The load of ``beam-dis bench``: several threads that put, and then get, as fast as they are answered.

Rules:
1. A request that has begun when the time is over is finished, and counts.
2. The first failure of a request as a whole ends the measurement.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

from beam_dis.client import DISClient
from beam_dis.record import PutRecord

_DIFFERENT = 16
_MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchLoad:
    """What is put and got: ``records`` of ``size`` bytes in a put, by ``connections`` threads, for so many ``seconds`` each."""

    stream: str
    seconds: float
    size: int
    records: int
    connections: int
    partitions: int


@dataclass(slots=True, kw_only=True)
class Measured:
    """The requests of one kind: their times in seconds, their records and data, and how long they took together."""

    what: str
    times: list[float] = field(default_factory=list)
    records: int = 0
    failed: int = 0
    data_bytes: int = 0
    seconds: float = 0.0

    def as_row(self) -> dict[str, Any]:
        """The rates and times, by the names of columns."""
        cuts = quantiles(self.times, n=100, method="inclusive") if len(self.times) > 1 else self.times * 99
        seconds = self.seconds or 1.0
        return {
            "what": self.what,
            "requests": len(self.times),
            "records_per_s": round(self.records / seconds),
            "mb_per_s": round(self.data_bytes / _MB / seconds, 1),
            "median_ms": round(cuts[49] * 1000, 1) if cuts else None,
            "p99_ms": round(cuts[98] * 1000, 1) if cuts else None,
            "failed": self.failed,
        }


Request = Callable[[DISClient, BenchLoad, int], "Iterator[tuple[int, int, int]]"]
"""Sends requests of a thread, by its number; yields records, bytes and failed records of each answer."""


def measure(client: DISClient, load: BenchLoad, *, clock: Callable[[], float] = time.perf_counter) -> list[Measured]:
    """The measurements of puts, and then of gets of what was put. Raises DISError if a request fails."""
    return [_run("put", _puts, client, load, clock), _run("get", _gets, client, load, clock)]


def _run(what: str, requests: Request, client: DISClient, load: BenchLoad, clock: Callable[[], float]) -> Measured:
    measured, lock, stop = Measured(what=what), threading.Lock(), threading.Event()
    began = clock()

    def one(number: int) -> None:
        answers = requests(client, load, number)
        while not stop.is_set() and (start := clock()) < began + load.seconds:
            try:
                records, data_bytes, failed = next(answers)
            except BaseException:
                stop.set()
                raise
            with lock:
                measured.times.append(clock() - start)
                measured.records += records
                measured.data_bytes += data_bytes
                measured.failed += failed

    with ThreadPoolExecutor(load.connections) as threads:
        running = [threads.submit(one, number) for number in range(load.connections)]
        try:
            for each in running:
                each.result()
        finally:
            stop.set()
    measured.seconds = clock() - began
    return measured


def _puts(client: DISClient, load: BenchLoad, _number: int) -> Iterator[tuple[int, int, int]]:
    different = [PutRecord(os.urandom(load.size)) for _ in range(_DIFFERENT)]
    records = [different[number % _DIFFERENT] for number in range(load.records)]
    while True:
        failed = client.put_records(load.stream, records).failed_record_count
        written = load.records - failed
        yield written, written * load.size, failed


def _gets(client: DISClient, load: BenchLoad, number: int) -> Iterator[tuple[int, int, int]]:
    """Pages of a partition from its beginning, again and again."""
    while True:
        cursor = client.get_cursor(load.stream, partition_id=number % load.partitions, cursor_type="TRIM_HORIZON")
        while True:
            page = client.get_records(cursor)
            yield len(page.records), sum(len(record.data) for record in page.records), 0
            if not page.records:
                break
            cursor = page.next_partition_cursor
