"""A local DIS beside emulators of Kinesis that run without containers: how many records a second each takes and gives.

    python benchmarks/emulator.py [--seconds 3] [--rounds 3] [--connections 1,16]

The emulators are MiniStack, a Python package (``benchmarks/requirements.txt``), and kinesalite, which runs on Node.js (``.ci/install-npm``).
One of them may be missing. All get requests of 500 records of 200 bytes for 8 partitions, with keys that never repeat, from the same
program (``dis_load.py``), at the same concurrency; pages have 500 records. They alternate in one run, and a ratio is the median over
the rounds.

They aren't alike: the local DIS flushes each put to disk and verifies each signature. The emulators, as they come, keep records in
memory and verify nothing. So the ratios are lower than those of equal work would be.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from dis_load import ACCESS_KEY, RECORDS, SECRET_KEY, SIZE, Job
from side_by_side import Measured, machine, measure

from beam_dis.local import LocalDIS

ASKED = {"put": 8, "get": 12}
START_SECONDS = 60.0
KINESALITE = Path(__file__).resolve().parent.parent / ".runners" / "npm" / "node_modules" / "kinesalite" / "cli.js"


class Server(NamedTuple):
    """A server that runs, and the protocol that it speaks."""

    endpoint: str
    pid: int
    protocol: str
    signed: bool


def main() -> None:
    """Print rates and ratios."""
    parser = argparse.ArgumentParser(description="A local DIS beside emulators of Kinesis.")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", default="1,16")
    options = parser.parse_args()
    emulators = {name: serve for name, (installed, serve) in EMULATORS.items() if installed()}
    if not emulators:
        sys.exit("no emulator is installed: pip install -r benchmarks/requirements.txt, or .ci/install-npm")
    print(f"{machine()}; {RECORDS} x {SIZE} B a request, medians of {options.rounds} rounds")
    print(
        f"{'':5}{'connections':>12}  {'beside':12}{'its/s':>10}{'local DIS/s':>13}{'ratio':>8}{'asked':>7}{'CPU us/record':>20}"
    )
    for what in ("put", "get"):
        for connections in map(int, options.connections.split(",")):
            results = [measure_all(emulators, what, connections, options.seconds) for _ in range(options.rounds)]
            for name in emulators:
                print_ratio(what, connections, name, [(found[OURS], found[name]) for found in results])


def measure_all(emulators: dict[str, Serve], what: str, connections: int, seconds: float) -> dict[str, Measured]:
    """The results of all servers, one after the other. They are new, so that none has more records than another for long."""
    found = {}
    for name, serve in {OURS: local_dis, **emulators}.items():
        with serve() as server:
            if what == "get":
                measure_at(server, "put", connections, seconds)
            found[name] = measure_at(server, what, connections, seconds)
    return found


def measure_at(server: Server, what: str, connections: int, seconds: float) -> Measured:
    """Measure one of the servers."""
    job = Job(server.endpoint, server.signed, what, connections, seconds, 0.0, server.protocol)
    return measure(server.pid, job)


def print_ratio(what: str, connections: int, name: str, results: list[tuple[Measured, Measured]]) -> None:
    """Print a line: the medians of both, and the median of their ratios."""
    ours, theirs = ([pair[index] for pair in results] for index in (0, 1))
    ratio = statistics.median(mine.rate / other.rate for mine, other in results)
    rates = [statistics.median(one.rate for one in found) for found in (theirs, ours)]
    cpu = " and ".join(f"{statistics.median(one.cpu for one in found):.1f}" for found in (theirs, ours))
    print(
        f"{what:5}{connections:>12}  {name:12}{rates[0]:>10,.0f}{rates[1]:>13,.0f}{ratio:>8.1f}{ASKED[what]:>7}{cpu:>20}",
        flush=True,
    )


@contextmanager
def local_dis() -> Iterator[Server]:
    """A local DIS that verifies signatures."""
    with LocalDIS(access_key=ACCESS_KEY, secret_key=SECRET_KEY) as dis:
        yield Server(dis.endpoint, dis.pid, "JSON", signed=True)


@contextmanager
def ministack() -> Iterator[Server]:
    """MiniStack with nothing but Kinesis."""
    port = free_port()
    settings = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "LOG_LEVEL": "ERROR", "SERVICES": "kinesis"}
    with running([sys.executable, "-m", "ministack"], port, settings) as server:
        yield server


@contextmanager
def kinesalite() -> Iterator[Server]:
    """kinesalite, whose new streams are ready after 10 ms."""
    port = free_port()
    with running(["node", str(KINESALITE), "--port", str(port), "--createStreamMs", "10"], port, {}) as server:
        yield server


@contextmanager
def running(command: list[str], port: int, settings: dict[str, str]) -> Iterator[Server]:
    """An emulator that answers on a port. It is killed at the end: it has nothing to save."""
    with subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            wait_for(port, process)
            yield Server(f"http://127.0.0.1:{port}", process.pid, "Kinesis", signed=False)
        finally:
            process.kill()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server accepts connections."""
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        time.sleep(0.2)
    sys.exit(f"{' '.join(process.args)} didn't start: run it, and look at what it prints")  # type: ignore[arg-type]


OURS = "local DIS"
Serve = Callable[[], AbstractContextManager[Server]]
EMULATORS: dict[str, tuple[Callable[[], bool], Serve]] = {
    "MiniStack": (lambda: importlib.util.find_spec("ministack") is not None, ministack),
    "kinesalite": (KINESALITE.is_file, kinesalite),
}


if __name__ == "__main__":
    main()
