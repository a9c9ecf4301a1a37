"""The rate of commands beside loops by hand on httpx with msgspec: ``beam-dis put`` and ``export``; and how soon ``tail`` shows a record.

    python benchmarks/commands.py [--records 1000000] [--rounds 3] [--only put|export|tail]

``put`` writes a file of lines to a local DIS of its own run, and so does the loop. ``export`` writes the same records of one local DIS
into a file, while the loop only decodes them. The ratio is the median over the rounds, so that it doesn't depend on changes in the
machine's speed. Target: at least 0.5. A command's time includes its start. ``tail`` shows a record in less than 0.3 s after it was put.
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
from functools import partial
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


class Record(msgspec.Struct):
    """A record of a page."""

    data: bytes
    sequence_number: str
    timestamp: int
    partition_key: str | None = None


class Page(msgspec.Struct):
    """The answer to a get."""

    records: list[Record]
    next_partition_cursor: str


def main() -> None:
    parser = argparse.ArgumentParser(description="The rate of commands beside loops by hand.")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=("put", "export", "tail"))
    options = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}; {options.records:,} lines")
    with tempfile.TemporaryDirectory(prefix="beam-dis-") as folder:
        lines = Path(folder) / "lines"
        with lines.open("w") as file:
            file.writelines(
                f"{number:012} {'a line of a log with some words ' * 3}\n" for number in range(options.records)
            )
        if options.only in (None, "put"):
            report(
                "put", options, partial(timed_alone, put_by_command, lines), partial(timed_alone, put_by_hand, lines)
            )
        with serving() as endpoint:
            create(endpoint)
            put_by_hand(endpoint, lines)
            if options.only in (None, "export"):
                by_hand = partial(timed, get_by_hand, endpoint, options.records)
                for ending in ("ndjson", "parquet"):
                    file = Path(folder) / f"records.{ending}"
                    report(f"export into {ending}", options, partial(timed, export_by_command, endpoint, file), by_hand)
            if options.only in (None, "tail"):
                report_tail(endpoint)


def report(what: str, options: argparse.Namespace, command: Callable[[], float], by_hand: Callable[[], float]) -> None:
    """Print the rates of a command and of a loop by hand in each round, and the median of their ratios."""
    ratios = []
    for number in range(options.rounds):
        pair = (command, by_hand) if number % 2 else (by_hand, command)
        seconds = {function: function() for function in pair}
        ratios.append(seconds[by_hand] / seconds[command])
        rates = [f"{options.records / seconds[function]:>10,.0f}/s" for function in (command, by_hand)]
        print(f"{what}: command {rates[0]}, by hand {rates[1]}, ratio {ratios[-1]:.2f}", flush=True)
    print(f"{what}: median ratio {statistics.median(ratios):.2f} (target 0.50)")


def timed(function: Callable[..., None], *arguments: object) -> float:
    """The seconds that a function takes."""
    began = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - began


def timed_alone(function: Callable[[str, Path], None], lines: Path) -> float:
    """The seconds that a function takes to put the lines, on a server of its own."""
    with serving() as endpoint:
        create(endpoint)
        return timed(function, endpoint, lines)


def create(endpoint: str) -> None:
    body = {"stream_name": "lines", "partition_count": PARTITIONS}
    httpx.post(f"{endpoint}/v2/local/streams", content=json.dumps(body)).raise_for_status()


def report_tail(endpoint: str, count: int = 30) -> None:
    """Print how long after a put was answered ``tail`` shows its record, at its default settings."""
    command = [sys.executable, "-m", "beam_dis", "tail", "lines", "--endpoint", endpoint]
    waited = []
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as process,
        httpx.Client(base_url=endpoint, timeout=60) as client,
    ):
        time.sleep(3)
        for number in range(count):
            body = msgspec.json.encode(Body("lines", [Entry(b"%d" % number)]))
            client.post("/v2/local/records", content=body).raise_for_status()
            began = time.perf_counter()
            if process.stdout is None or process.stdout.readline() != b"%d\n" % number:
                raise RuntimeError("tail shows another record")
            waited.append(time.perf_counter() - began)
            time.sleep(0.29)
        process.terminate()
    print(f"tail: median {statistics.median(waited):.3f} s, longest {max(waited):.3f} s after a put (target 0.30)")


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


def export_by_command(endpoint: str, file: Path) -> None:
    file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "beam_dis", "export", "lines", str(file), "--endpoint", endpoint]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def get_by_hand(endpoint: str, count: int) -> None:
    decode, found = msgspec.json.Decoder(Page).decode, 0
    with httpx.Client(base_url=f"{endpoint}/v2/local", timeout=60) as client:
        for partition in range(PARTITIONS):
            question = {"stream-name": "lines", "partition-id": str(partition), "cursor-type": "TRIM_HORIZON"}
            cursor = client.get("/cursors", params=question).json()["partition_cursor"]
            while (page := decode(client.get("/records", params={"partition-cursor": cursor}).content)).records:
                found += len(page.records)
                cursor = page.next_partition_cursor
    if found < count:
        raise RuntimeError(f"{found} records were read of {count}")


if __name__ == "__main__":
    main()
