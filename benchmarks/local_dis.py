"""How many records per second the local DIS stores durably and returns, and how long a put takes.

    python benchmarks/local_dis.py [--seconds 5] [--connections 1,4,16] [--signed] [--data DIR]

The load comes from a second process (``dis_load.py``): requests of 500 records of 200 bytes, keys that never repeat, 8 partitions.
Latency is measured at half of the highest rate. The results depend on the machine; nothing passes or fails.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from dis_load import ACCESS_KEY, PARTITIONS, RECORDS, SECRET_KEY, SIZE, Job

from beam_dis.local import LocalDIS


def main() -> None:
    options = _options()
    keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY} if options.signed else {}
    print(
        f"{_processor()}, {os.cpu_count()} CPUs, Python {platform.python_version()}; "
        f"{RECORDS} x {SIZE} B a request, {PARTITIONS} partitions, {'signed' if options.signed else 'unsigned'}"
    )
    print(f"{'':>12} {'connections':>11} {'records/s':>10} {'p50 ms':>8} {'p99 ms':>8} {'CPU us/record':>14}")
    with LocalDIS(options.data, **keys) as dis:
        counts = [int(number) for number in options.connections.split(",")]
        best = max(_measure("put", dis, options, number) for number in counts)
        for number in counts:
            _measure("get", dis, options, number)
        _measure("put at half", dis, options, 4, rate=best / 2)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="How many records per second the local DIS stores durably and returns."
    )
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", default="1,4,16")
    parser.add_argument("--signed", action="store_true", help="sign every request, and verify it")
    parser.add_argument("--data", help="a folder on the disk to measure; default: a temporary one")
    return parser.parse_args()


def _measure(what: str, dis: LocalDIS, options: argparse.Namespace, connections: int, rate: float = 0.0) -> float:
    job = Job(dis.endpoint, options.signed, what.split(maxsplit=1)[0], connections, options.seconds, rate)
    load = Path(__file__).with_name("dis_load.py")
    before = _cpu_seconds(dis.pid)
    answer = subprocess.run([sys.executable, load, json.dumps(job)], check=True, stdout=subprocess.PIPE)
    result: dict[str, float] = json.loads(answer.stdout)
    cpu = 1e6 * (_cpu_seconds(dis.pid) - before) / result["records"]
    times = f"{result['p50']:>8.1f} {result['p99']:>8.1f}"
    print(f"{what:>12} {connections:>11} {result['rate']:>10,.0f} {times} {cpu:>14.2f}", flush=True)
    return result["rate"]


def _cpu_seconds(pid: int) -> float:
    """The CPU time of a process; 0 if the system doesn't provide it. Other processes disturb it less than a rate."""
    stat = Path(f"/proc/{pid}/stat")
    fields = stat.read_text().rpartition(")")[2].split() if stat.exists() else ["0"] * 13
    return (int(fields[11]) + int(fields[12])) / 100


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
