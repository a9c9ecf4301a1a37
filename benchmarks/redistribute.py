"""``redistribute=4`` on Flink: one partition, four slots, and a step that takes 100 µs a record after the read.

    python benchmarks/redistribute.py [records]

There are ``records`` of 200 bytes (100,000 by default) on one partition. Reads with and without ``redistribute`` alternate, and a ratio
is the median over the rounds.

Rule 1: each slot has a Python process of its own (``--sdk_worker_parallelism=4`` and a pool of workers). With the default of 1, the
slots of a TaskManager share one process, and a step that needs the CPU gains nothing.
Rule 2: a step that needs the CPU can't become faster than the cores allow: at most twice as fast on 2 cores, less what reading takes.
A step that waits shows what four slots give.
"""

from __future__ import annotations

import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apache_beam as beam
from endless_read import FLINK, POLL_INTERVAL, flink_endpoint, read, show

from beam_dis import DISClient, DISConnection, ReadFromDIS
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord

STREAM = "one-partition"
SLOTS = 4
ROUNDS = 3
STEP_SECONDS = 100e-6


def compute(data: bytes) -> bytes:
    """Take 100 µs of CPU."""
    until = time.thread_time() + STEP_SECONDS
    while time.thread_time() < until:
        pass
    return data


def wait(data: bytes) -> bytes:
    """Wait for 100 µs."""
    time.sleep(STEP_SECONDS)
    return data


@contextmanager
def worker_pool() -> Iterator[str]:
    """The address of a pool that starts a process for each worker, in this interpreter's environment."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryFile() as log:
        command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        python_path = f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        environment = {**os.environ, "PATH": path, "PYTHONPATH": python_path}
        with subprocess.Popen(command, stdout=log, stderr=log, env=environment) as pool:
            try:
                yield f"localhost:{port}"
            finally:
                pool.terminate()


def load(connection: DISConnection, count: int) -> None:
    with DISClient(connection) as client:
        client.create_stream(STREAM, partition_count=1, stream_type="ADVANCED")
        for _ in range(0, count, 1000):
            client.put_records(STREAM, [PutRecord(data=b"x" * 200) for _ in range(1000)])


def rate(
    flags: list[str], connection: DISConnection, step: Callable[[bytes], bytes], count: int, groups: int | None
) -> float:
    source = ReadFromDIS(
        STREAM, connection=connection, decode="bytes", poll_interval=POLL_INTERVAL, redistribute=groups
    )
    return read(flags, source | "Step" >> beam.Map(step), count).rate


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    if not FLINK.exists():
        sys.exit("Flink isn't installed: run `make runners`")
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, Beam {beam.__version__}")
    with LocalDIS() as dis, worker_pool() as pool, flink_endpoint() as endpoint:
        load(dis.connection, count)
        flags = ["--runner=FlinkRunner", f"--job_endpoint={endpoint}", "--streaming", f"--parallelism={SLOTS}"]
        flags += ["--environment_type=EXTERNAL", f"--environment_config={pool}", f"--sdk_worker_parallelism={SLOTS}"]
        flags += ["--checkpointing_interval=2000", "--finish_bundle_before_checkpointing"]
        flags += ["--number_of_execution_retries=0"]
        for name, step in (("needs the CPU", compute), ("waits", wait)):
            rounds = [
                tuple(rate(flags, dis.connection, step, count, groups) for groups in (None, SLOTS))
                for _ in range(ROUNDS)
            ]
            for index, kind in enumerate(("one partition", f"redistribute={SLOTS}")):
                show(
                    f"a step that {name}: {kind}, records/s",
                    f"{statistics.median(each[index] for each in rounds):,.0f}",
                )
            ratio = statistics.median(after / before for before, after in rounds)
            show(f"a step that {name}: with / without redistribute", f"{ratio:.2f}", "at least 2")


if __name__ == "__main__":
    main()
