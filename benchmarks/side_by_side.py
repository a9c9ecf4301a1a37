"""What benchmarks share that put servers under the load of ``dis_load.py``, one beside the other."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from dis_load import Job


class Measured(NamedTuple):
    """Records per second, request times in ms, and microseconds of the server's CPU time for each record."""

    rate: float
    p50: float
    p99: float
    cpu: float


def measure(pid: int, job: Job) -> Measured:
    """Run a job in a process of its own, against the server with this process id."""
    before = cpu_seconds(pid)
    load = [sys.executable, str(Path(__file__).with_name("dis_load.py")), json.dumps(job)]
    answer = subprocess.run(load, check=True, stdout=subprocess.PIPE)
    result: dict[str, float] = json.loads(answer.stdout)
    cpu = 1e6 * (cpu_seconds(pid) - before) / max(result["records"], 1)
    return Measured(result["rate"], result["p50"], result["p99"], cpu)


def cpu_seconds(pid: int) -> float:
    """The CPU time of a process; 0 if the system doesn't provide it. Other processes disturb it less than a rate."""
    stat = Path(f"/proc/{pid}/stat")
    fields = stat.read_text().rpartition(")")[2].split() if stat.exists() else ["0"] * 13
    return (int(fields[11]) + int(fields[12])) / 100


def machine() -> str:
    """The machine, and how busy it is: the load says how many processes want a CPU."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    name = next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
    return f"{name}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
