"""The rate of commands beside loops by hand: ``beam-dis put`` of a file of lines, and httpx with msgspec.

    python benchmarks/commands.py [--records 1000000] [--rounds 3]

Both write the same lines to a local DIS of their own run, one after the other. The ratio is the median over the rounds, so that it
doesn't depend on changes in the machine's speed. Target: at least 0.5. The command's time includes its start.
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
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import httpx
import msgspec

RECORDS_OF_A_REQUEST = 1000
PARTITIONS = 8


class Entry(msgspec.Struct):
    """A record to put."""

    data: bytes


class Body(msgspec.Struct):
    """A request to put records."""

    stream_name: str
    records: list[Entry]


class Answer(msgspec.Struct):
    """The answer to a put."""

    failed_record_count: int


def main() -> None:
    parser = argparse.ArgumentParser(description="The rate of commands beside loops by hand.")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}; {options.records:,} lines")
    with tempfile.TemporaryDirectory(prefix="beam-dis-") as folder:
        lines = Path(folder) / "lines"
        with lines.open("w") as file:
            file.writelines(
                f"{number:012} {'a line of a log with some words ' * 3}\n" for number in range(options.records)
            )
        report("put", lines, options, put_by_command, put_by_hand)


def report(
    what: str,
    lines: Path,
    options: argparse.Namespace,
    command: Callable[[str, Path], None],
    by_hand: Callable[[str, Path], None],
) -> None:
    """Print the rates of a command and of a loop by hand in each round, and the median of their ratios."""
    ratios = []
    for number in range(options.rounds):
        pair = (command, by_hand) if number % 2 else (by_hand, command)
        seconds = {function: timed(function, lines) for function in pair}
        ratios.append(seconds[by_hand] / seconds[command])
        rates = [f"{options.records / seconds[function]:>10,.0f}/s" for function in (command, by_hand)]
        print(f"{what}: command {rates[0]}, by hand {rates[1]}, ratio {ratios[-1]:.2f}", flush=True)
    print(f"{what}: median ratio {statistics.median(ratios):.2f} (target 0.50)")


def timed(function: Callable[[str, Path], None], lines: Path) -> float:
    """The seconds that a function takes to put the lines, on a server of its own."""
    with serving() as endpoint:
        body = {"stream_name": "lines", "partition_count": PARTITIONS}
        httpx.post(f"{endpoint}/v2/local/streams", content=json.dumps(body)).raise_for_status()
        began = time.perf_counter()
        function(endpoint, lines)
        return time.perf_counter() - began


@contextmanager
def serving() -> Iterator[str]:
    """The endpoint of a server on a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="beam-dis-") as folder:
        command = [sys.executable, "-m", "beam_dis", "serve", "--port", "0", "--data", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield process.stdout.readline().split()[2]
            finally:
                process.terminate()


def put_by_command(endpoint: str, lines: Path) -> None:
    command = [sys.executable, "-m", "beam_dis", "put", "lines", "--file", str(lines), "--endpoint", endpoint]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def put_by_hand(endpoint: str, lines: Path) -> None:
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Answer).decode
    with lines.open("rb") as file, httpx.Client(base_url=endpoint, timeout=60) as client:
        while records := [Entry(line[:-1]) for line in islice(file, RECORDS_OF_A_REQUEST)]:
            answer = client.post("/v2/local/records", content=encode(Body("lines", records)))
            answer.raise_for_status()
            if decode(answer.content).failed_record_count:
                raise RuntimeError(answer.text[:500])


if __name__ == "__main__":
    main()
