"""A local DIS with many streams and much data, beside one with little.

    python benchmarks/many_streams.py [--gigabytes 1,2,4] [--data DIR] [puts] [idle] [start]

``puts``: two servers take turns, one with a single stream of 10 partitions, one with 1,000 of which 100 are written. Both get the same
requests, at the same rate. The 99th percentiles are those of all rounds, and the ratio is the median over the rounds.

``idle``: the CPU time of both afterwards, while nobody asks anything.

``start``: how long a server takes from its start until it answers, and how much it reads, by the amount of data in its folder: after it
was stopped, and after it was killed. ``--data`` needs room for the largest.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from changed_dis import NO_QUOTA, changed_dis
from dis_load import Job
from side_by_side import Measured, cpu_seconds, machine, measure

from beam_dis import DISClient
from beam_dis.local import LocalDIS
from beam_dis.local.store import StreamDefinition, open_store

STREAMS, WRITTEN, PARTITIONS = 1000, 100, 10
CONNECTIONS, REQUESTS, RECORDS = 4, 40, 100
ROUNDS, SECONDS = 6, 5.0
SETTLING_SECONDS, IDLE_SECONDS = 10.0, 20.0
MIB = 2**20
TURNS = 3


def main() -> None:
    """Print the tables that are asked for."""
    parser = argparse.ArgumentParser(description="A local DIS with many streams and much data.")
    parser.add_argument("--gigabytes", default="1,2,4")
    parser.add_argument("--data", help="a folder on the disk to measure; default: a temporary one")
    parser.add_argument("measurements", nargs="*", metavar="measurement", help="puts, idle or start; default: all")
    options = parser.parse_args()
    print(machine())
    asked = options.measurements or ["puts", "idle", "start"]
    if {"puts", "idle"}.intersection(asked):
        puts_and_idle(asked)
    if "start" in asked:
        start([float(size) for size in options.gigabytes.split(",")], options.data)


def puts_and_idle(asked: list[str]) -> None:
    """Measure both servers."""
    with ExitStack() as stack:
        few = stack.enter_context(changed_dis(NO_QUOTA))
        many = stack.enter_context(changed_dis(NO_QUOTA))
        create_streams(many)
        servers = {
            f"1 stream x {PARTITIONS}": (few, 1),
            f"{STREAMS} x {PARTITIONS}, {WRITTEN} written": (many, WRITTEN),
        }
        found: dict[str, list[Measured]] = {name: [] for name in servers}
        for number in range(ROUNDS if "puts" in asked else 1):
            order = list(servers.items())
            for name, (dis, streams) in order if number % 2 else reversed(order):
                found[name].append(measure(dis.pid, job(dis, streams)))
        if "puts" in asked:
            print_puts(found)
        if "idle" in asked:
            print_idle({name: dis for name, (dis, _) in servers.items()})


def create_streams(dis: LocalDIS) -> None:
    """Create the streams that aren't written; the load creates the others."""
    with DISClient(dis.connection) as client, ThreadPoolExecutor(4) as pool:
        names = (f"unused-{number}" for number in range(STREAMS - WRITTEN))
        list(pool.map(lambda name: client.create_stream(name, partition_count=PARTITIONS), names))


def job(dis: LocalDIS, streams: int) -> Job:
    """Some requests a second, to as many streams in turn."""
    rate = float(REQUESTS * RECORDS)
    made = Job(dis.endpoint, signed=False, what="put", connections=CONNECTIONS, seconds=SECONDS, rate=rate)
    return made._replace(records=RECORDS, partitions=PARTITIONS, streams=streams)


def print_puts(found: dict[str, list[Measured]]) -> None:
    """Print a line for each server."""
    print(
        f"\nputs of {RECORDS} x 200 B, {REQUESTS} a second over {CONNECTIONS} connections, {ROUNDS} rounds of {SECONDS:.0f} s"
    )
    print(f"{'':28}{'p50 ms':>8}{'p99 ms':>8}{'ratio of p99':>14}{'asked':>7}{'CPU us/record':>15}")
    plain = next(iter(found.values()))
    for name, results in found.items():
        ratio = statistics.median(mine.p99 / other.p99 for mine, other in zip(results, plain, strict=True))
        p50, p99, cpu = (
            statistics.median(getattr(result, part) for result in results) for part in ("p50", "p99", "cpu")
        )
        print(f"{name:28}{p50:>8.1f}{p99:>8.1f}{ratio:>14.2f}{'' if results is plain else '2':>7}{cpu:>15.1f}")


def print_idle(servers: dict[str, LocalDIS]) -> None:
    """Print the CPU time of each server in a second without requests."""
    time.sleep(SETTLING_SECONDS)
    before = {name: cpu_seconds(dis.pid) for name, dis in servers.items()}
    time.sleep(IDLE_SECONDS)
    print(f"\nidle for {IDLE_SECONDS:.0f} s (asked: below 2 % of a core)")
    for name, dis in servers.items():
        print(f"{name:28}{100 * (cpu_seconds(dis.pid) - before[name]) / IDLE_SECONDS:>8.2f} % of a core")


def start(sizes: list[float], data: str | None) -> None:
    """Fill a folder step by step, and start a server in it."""
    print(f"\nstart, medians of {TURNS} (asked: below 2 s at 20 GB)")
    print(f"{'':12}{'after a stop':>14}{'after a kill':>14}{'CPU s':>8}{'read MB':>9}")
    with tempfile.TemporaryDirectory(dir=data, prefix="beam-dis-") as folder:
        for size in (0.0, *sizes):
            filled = fill(Path(folder), size)
            stopped, killed = (turns(folder, end) for end in (signal.SIGTERM, signal.SIGKILL))
            seconds = [statistics.median(one[0] for one in found) for found in (stopped, killed)]
            cpu, read = (statistics.median(one[part] for one in (*stopped, *killed)) for part in (1, 2))
            print(
                f"{filled / 1e9:>9.1f} GB{seconds[0]:>12.2f} s{seconds[1]:>12.2f} s{cpu:>8.2f}{read / 1e6:>9.1f}",
                flush=True,
            )


def fill(folder: Path, gigabytes: float) -> int:
    """Put records until the file is so large; returns its size."""
    store = open_store(folder, clock=time.time)
    stream = store.stream("p", "s") or store.create_stream("p", StreamDefinition(name="s", partition_count=50)).result()
    block = [os.urandom(10_000) for _ in range(100)]
    partitions = [number % 50 for number in range(100)]
    while (size := store.path.stat().st_size) < gigabytes * 1e9:
        waiting = [store.append(stream, partitions, [None] * 100, block) for _ in range(16)]
        for put in waiting:
            put.result()
    store.close()
    return size


def turns(folder: str, end: signal.Signals) -> list[tuple[float, float, int]]:
    """Start a server some times, each time after the one before was ended in this way."""
    return [started(folder, end) for _ in range(TURNS + 1)][1:]


def started(folder: str, end: signal.Signals) -> tuple[float, float, int]:
    """Start a server, put a record, and end it; returns the seconds until it answers, its CPU time and the bytes it read by then."""
    command = [sys.executable, "-m", "beam_dis", "serve", "--port", "0", "--data", folder]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        endpoint = process.stdout.readline().split()[2]
        seconds, cpu = time.perf_counter() - began, cpu_seconds(process.pid)
        counters = dict(line.split(": ") for line in Path(f"/proc/{process.pid}/io").read_text().splitlines())
        measure(process.pid, Job(endpoint, signed=False, what="put", connections=1, seconds=0.5, rate=0.0))
        process.send_signal(end)
    return seconds, cpu, int(counters["rchar"])


if __name__ == "__main__":
    main()
