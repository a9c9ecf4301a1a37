"""The demo: a local DIS, a month of flights in, their delays out, shown in the terminal and as files.

    make demo
    python pipelines/demo.py --dis_endpoint=http://dis:7700

Writes ``demo-out/delays.jsonl``, the records as they were read back, and ``demo-out/delays.png``. The local DIS and its data are
removed at the end, also after Ctrl-C. With ``--dis_endpoint`` a local DIS is used that runs already, and only the streams are removed.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from rich.console import Console

from beam_dis import DISClient, DISConnection
from beam_dis.errors import StreamNotFoundError
from beam_dis.local import LocalDIS

HERE = Path(__file__).parent
FLIGHTS, DELAYS = "flights", "delays"


@contextmanager
def step(console: Console, what: str) -> Iterator[None]:
    """Print a step and how long it took."""
    started = time.monotonic()
    console.print(f"[bold]▸ {what}[/]")
    yield
    console.print(f"  [dim]{time.monotonic() - started:.1f} s[/]")


def make_streams(client: DISClient) -> None:
    """Create a CSV stream for the flights and a JSON stream for the delays, each with its schema."""
    for name, partitions, data_type in ((FLIGHTS, 4, "CSV"), (DELAYS, 2, "JSON")):
        schema = (HERE / f"{name}.avsc").read_text(encoding="utf-8")
        client.create_stream(name, partition_count=partitions, data_type=data_type, data_schema=schema)


def run_pipeline(endpoint: str, project_id: str) -> None:
    """Run flight_delays.py with the arguments of its command line."""
    import flight_delays

    where = [f"--dis_endpoint={endpoint}", f"--dis_project_id={project_id}"]
    flight_delays.main(["--runner=FnApiRunner", *where, f"--input_stream={FLIGHTS}", f"--output_stream={DELAYS}"])


def read_back(client: DISClient, stream: str) -> list[dict[str, Any]]:
    """Every record of a JSON stream, by day and carrier."""
    partitions = client.describe_stream(stream).partitions
    rows = [json.loads(data) for partition in partitions for data in records_of(client, stream, partition.partition_id)]
    return sorted(rows, key=lambda row: (row["day"], row["carrier"]))


def records_of(client: DISClient, stream: str, partition_id: str) -> Iterator[bytes]:
    """The data of a partition's records, from the oldest to the newest."""
    cursor = client.get_cursor(stream, partition_id=partition_id, cursor_type="TRIM_HORIZON")
    while (page := client.get_records(cursor)).records:
        yield from (record.data for record in page.records)
        cursor = page.next_partition_cursor


def keep(delays: list[dict[str, Any]], folder: Path) -> None:
    """Write the files."""
    from delay_pictures import draw

    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"{json.dumps(row)}\n" for row in delays)
    (folder / "delays.jsonl").write_text(lines, encoding="utf-8")
    draw(delays, folder / "delays.png")


def demonstrate(connection: DISConnection, console: Console, folder: Path) -> None:
    """Create the streams, load flights, run the pipeline, read the delays back and show them."""
    from delay_pictures import show
    from load_flights import load

    with DISClient(connection) as client:
        make_streams(client)
        with step(console, f"flights into the stream {FLIGHTS} of a local DIS at {connection.endpoint}"):
            load(client, FLIGHTS, console=console)
        with step(console, f"Beam reads {FLIGHTS}, computes delays, writes {DELAYS}"):
            run_pipeline(connection.endpoint or "", connection.project_id or "")
        with step(console, f"{DELAYS} read back, into {folder}/"):
            delays = read_back(client, DELAYS)
            keep(delays, folder)
    console.print()
    show(delays, console)
    console.print(
        f"\n{len(delays)} records from {DELAYS} are in {folder}/delays.jsonl, a picture is {folder}/delays.png"
    )


def demonstrate_on(connection: DISConnection, console: Console, folder: Path) -> None:
    """The same on a DIS that runs already; the streams are deleted at the end."""
    try:
        demonstrate(connection, console, folder)
    finally:
        with DISClient(connection) as client:
            for name in (FLIGHTS, DELAYS):
                with suppress(StreamNotFoundError):
                    client.delete_stream(name)


def main() -> int:
    """Run the demo; the exit status is 130 after Ctrl-C."""
    parser = ArgumentParser(description="A month of flights through a local DIS and a Beam pipeline.")
    parser.add_argument("--out", type=Path, default=Path("demo-out"), help="folder for the files (demo-out)")
    parser.add_argument("--dis_endpoint", help="a local DIS that runs already (one of its own)")
    parser.add_argument("--dis_project_id", help="the project there")
    options = parser.parse_args()
    logging.getLogger().setLevel(logging.ERROR)
    console = Console()
    try:
        if options.dis_endpoint:
            demonstrate_on(DISConnection().resolved(options), console, options.out)
        else:
            with LocalDIS() as dis:
                demonstrate(dis.connection, console, options.out)
    except KeyboardInterrupt:
        console.print("stopped")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
