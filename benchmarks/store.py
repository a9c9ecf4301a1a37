"""Records a second through the store of the local DIS alone: appends that are committed and fsynced, and reads.

    python benchmarks/store.py [--records 1000000] [--data DIR]

Requests of 500 records of 200 bytes with keys that never repeat, 8 partitions, 1, 4 and 16 requests under way; then all
of it read back from as many threads, in pages of 2 MiB. In columns, as the server does, and as tuples.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

from beam_dis.local.store import Entry, Store, Stream, StreamDefinition, open_store

REQUEST, SIZE, PARTITIONS, PAGE = 500, 200, 8, 2 * 2**20


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=1_000_000)
    arguments.add_argument("--data", type=Path, default=None, help="a folder on the disk to measure")
    given = arguments.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
    print(f"{'under way':>10} {'shape':>8} {'put/s':>10} {'p50 ms':>7} {'p99 ms':>7} {'get/s':>10}")
    for workers, (shape, send, receive) in itertools.product((1, 4, 16), SHAPES):
        with tempfile.TemporaryDirectory(dir=given.data) as folder:
            store = open_store(Path(folder), clock=time.time)
            stream = store.create_stream("p", StreamDefinition(name="s", partition_count=PARTITIONS)).result()
            put, latencies = _puts(store, stream, given.records, workers, send)
            get = _gets(store, stream, workers, receive)
            store.close()
        p50, p99 = (1000 * latencies[int(len(latencies) * share)] for share in (0.5, 0.99))
        print(f"{workers:>10} {shape:>8} {put:>10,.0f} {p50:>7.2f} {p99:>7.2f} {get:>10,.0f}")


def _columns(store: Store, stream: Stream, first: int) -> Future[list[int | None]]:
    numbers = range(first, first + REQUEST)
    keys: list[str | None] = [f"key-{number}" for number in numbers]
    return store.append_columns(stream, [number % PARTITIONS for number in numbers], keys, [DATA] * REQUEST)


def _entries(store: Store, stream: Stream, first: int) -> Future[list[object]]:
    entries = [Entry(number % PARTITIONS, f"key-{number}", DATA) for number in range(first, first + REQUEST)]
    return store.append(stream, entries)  # type: ignore[return-value]


def _read_runs(store: Store, stream: Stream, partition: int, start: int) -> int:
    return sum(len(run.datas) for run in store.read_runs(stream, partition, start, PAGE))


def _read(store: Store, stream: Stream, partition: int, start: int) -> int:
    return len(store.read(stream, partition, start, PAGE))


DATA = os.urandom(SIZE)
SHAPES: list[tuple[str, Callable[..., Future[list[object]]], Callable[[Store, Stream, int, int], int]]] = [
    ("columns", _columns, _read_runs),  # type: ignore[list-item]
    ("tuples", _entries, _read),
]


def _puts(
    store: Store, stream: Stream, records: int, workers: int, send: Callable[..., Future[list[object]]]
) -> tuple[float, list[float]]:
    """Records a second, and how long each request took: one thread keeps ``workers`` requests under way, as a loop does."""
    latencies: list[float] = []
    room = threading.Semaphore(workers)

    def timed(begun: float) -> Callable[[Future[list[object]]], None]:
        def done(_: Future[list[object]]) -> None:
            latencies.append(time.perf_counter() - begun)
            room.release()

        return done

    started = time.perf_counter()
    for first in range(0, records, REQUEST):
        room.acquire()
        send(store, stream, first).add_done_callback(timed(time.perf_counter()))
    for _ in range(workers):
        room.acquire()
    return records / (time.perf_counter() - started), sorted(latencies)


def _gets(store: Store, stream: Stream, workers: int, receive: Callable[[Store, Stream, int, int], int]) -> float:
    partitions: Iterator[int] = iter(range(PARTITIONS))
    counts: list[int] = []

    def work() -> None:
        for partition in partitions:
            start = 0
            while page := receive(store, stream, partition, start):
                start += page
            counts.append(start)

    started = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(min(workers, 4))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
