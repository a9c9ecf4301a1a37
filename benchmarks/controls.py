"""The cost of a local DIS's admin routes while they aren't used: put and get rates with them and without.

    python benchmarks/controls.py [--seconds 0.8] [--rounds 20]

Three servers alternate in one run under the load of ``dis_load.py``. A ratio is the median over the rounds, so that it doesn't depend
on changes in the machine's speed. Target: at least 0.97 with admin routes and no rule. The CPU time per record is printed too,
because other processes disturb it less. The third server, for comparison, has a rule that matches no call.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from dis_load import STREAM, Job

from beam_dis.local.admin_client import AdminClient
from beam_dis.testing import Throttled

TOKEN = "benchmark-token"
CONNECTIONS = 4
PLAIN, ADMIN, RULE = "without admin", "admin, no rule", "admin, a rule for no call"


class Server(NamedTuple):
    """A server under load."""

    endpoint: str
    pid: int


class Measured(NamedTuple):
    """Records per second, and microseconds of the server's CPU time per record."""

    rate: float
    cpu: float


def main() -> None:
    parser = argparse.ArgumentParser(description="The cost of a local DIS's admin routes while they aren't used.")
    parser.add_argument("--seconds", type=float, default=0.8)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}; {CONNECTIONS} connections")
    with serving() as plain, serving("--admin") as admin, serving("--admin") as ruled:
        servers = {PLAIN: plain, ADMIN: admin, RULE: ruled}
        for server in servers.values():
            measure(server, "put", 1.0)
        AdminClient(ruled.endpoint, TOKEN).send("POST", "/admin/faults", Throttled(stream=STREAM, nth=10**12))
        for what in ("put", "get"):
            report(what, measured(servers, what, options.rounds, options.seconds))


@contextmanager
def serving(*arguments: str) -> Iterator[Server]:
    """A server of its own, on a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="beam-dis-") as folder:
        command = [sys.executable, "-m", "beam_dis", "serve", "--port", "0", "--data", folder, *arguments]
        environment = {**os.environ, "BEAM_DIS_ADMIN_TOKEN": TOKEN}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            try:
                yield Server(process.stdout.readline().split()[2], process.pid)
            finally:
                process.terminate()


def measured(servers: dict[str, Server], what: str, rounds: int, seconds: float) -> dict[str, list[Measured]]:
    """The results of each server in each round; the order changes from round to round."""
    found: dict[str, list[Measured]] = defaultdict(list)
    for number in range(rounds):
        order = list(servers.items())
        for name, server in order if number % 2 else reversed(order):
            found[name].append(measure(server, what, seconds))
    return found


def measure(server: Server, what: str, seconds: float) -> Measured:
    job = Job(server.endpoint, signed=False, what=what, connections=CONNECTIONS, seconds=seconds, rate=0.0)
    before = _cpu_seconds(server.pid)
    load = [sys.executable, str(Path(__file__).with_name("dis_load.py")), json.dumps(job)]
    result = json.loads(subprocess.run(load, check=True, stdout=subprocess.PIPE).stdout)
    return Measured(result["rate"], 1e6 * (_cpu_seconds(server.pid) - before) / result["records"])


def report(what: str, found: dict[str, list[Measured]]) -> None:
    """Print a line per server: medians, and their ratios to the plain server."""
    for name in (PLAIN, ADMIN, RULE):
        results = found[name]
        pairs = list(zip(results, found[PLAIN], strict=True))
        rate = statistics.median(mine.rate / plain.rate for mine, plain in pairs)
        cpu = statistics.median(mine.cpu / plain.cpu for mine, plain in pairs)
        print(
            f"{what}  {name:<26} {statistics.median(r.rate for r in results):>10,.0f} records/s  {rate:>5.3f} of plain"
            f"   {statistics.median(r.cpu for r in results):>6.2f} us CPU a record  {cpu:>5.3f}"
        )


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


if __name__ == "__main__":
    main()
