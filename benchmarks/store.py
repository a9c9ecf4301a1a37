"""Records a second of the local DIS's store alone: appends, which are committed and fsynced, and reads.

    python benchmarks/store.py [--records 1000000] [--data DIR]

A request has 500 records of 200 bytes for 8 partitions, with keys that never repeat. One thread keeps 1, 4 or 16 requests under
way. After that as many threads, but at most 4, read everything in pages of 2 MiB.
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

from beam_dis.local.store import Store, Stream, StreamDefinition, open_store

REQUEST, SIZE, PARTITIONS, PAGE = 500, 200, 8, 2 * 2**20
DATA = os.urandom(SIZE)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--records", type=int, default=1_000_000)
    arguments.add_argument("--data", type=Path, default=None, help="a folder on the disk to measure")
    given = arguments.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
    print(f"{'under way':>10} {'put/s':>10} {'p50 ms':>7} {'p99 ms':>7} {'get/s':>10}")
    for workers in (1, 4, 16):
        with tempfile.TemporaryDirectory(dir=given.data) as folder:
            store = open_store(Path(folder), clock=time.time)
            stream = store.create_stream("p", StreamDefinition(name="s", partition_count=PARTITIONS)).result()
            put, latencies = _puts(store, stream, given.records, workers)
            get = _gets(store, stream, workers)
            store.close()
        p50, p99 = (1000 * latencies[int(len(latencies) * share)] for share in (0.5, 0.99))
        print(f"{workers:>10} {put:>10,.0f} {p50:>7.2f} {p99:>7.2f} {get:>10,.0f}")


def _puts(store: Store, stream: Stream, records: int, workers: int) -> tuple[float, list[float]]:
    """Records a second, and the seconds of each request in ascending order; ``workers`` requests are under way."""
    latencies: list[float] = []
    free = threading.Semaphore(workers)

    def timer(started: float) -> Callable[[Future[list[int | None]]], None]:
        def done(_: Future[list[int | None]]) -> None:
            latencies.append(time.perf_counter() - started)
            free.release()

        return done

    started = time.perf_counter()
    for first in range(0, records, REQUEST):
        free.acquire()
        numbers = range(first, first + REQUEST)
        partitions = [number % PARTITIONS for number in numbers]
        keys: list[str | None] = [f"key-{number}" for number in numbers]
        appended = store.append(stream, partitions, keys, [DATA] * REQUEST)
        appended.add_done_callback(timer(time.perf_counter()))
    for _ in range(workers):
        free.acquire()
    return records / (time.perf_counter() - started), sorted(latencies)


def _gets(store: Store, stream: Stream, workers: int) -> float:
    """Records a second; each thread reads one partition after the other."""
    partitions: Iterator[int] = iter(range(PARTITIONS))
    counts: list[int] = []

    def work() -> None:
        for partition in partitions:
            start = 0
            while page := store.read(stream, partition, start, PAGE):
                start += sum(len(batch.datas) for batch in page)
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
