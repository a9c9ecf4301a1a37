"""Loads a file of flights into a DIS stream: a CSV record for each row, routed by its carrier.

    python pipelines/load_flights.py --dis_region=eu-de --dis_project_id=… --stream=flights [--file=flights.csv.gz]

Records that the service refuses are sent again. Order is kept only within a request.
"""

from __future__ import annotations

import csv
import gzip
import random
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from beam_dis import DISClient, DISConnection, DISError, PutRecord

JANUARY = Path(__file__).parent / "data" / "flights-2013-01.csv.gz"
REQUEST_RECORDS = 500
DEADLINE_SECONDS = 120.0
LONGEST_PAUSE_SECONDS = 5.0


def rows_of(file: Path) -> list[str]:
    """The lines of a gzipped CSV file, without the header."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        return lines.read().splitlines()[1:]


def records_of(rows: list[str], carrier: int = 9) -> Iterator[PutRecord]:
    """A record for each row; the column ``carrier`` is its partition key."""
    for row, columns in zip(rows, csv.reader(rows), strict=True):
        yield PutRecord(data=row.encode(), partition_key=columns[carrier])


def put_all(client: DISClient, stream: str, records: list[PutRecord]) -> None:
    """Put records, and put those that were refused again, for up to two minutes; DISError if some remain."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    for attempt in count():
        results = client.put_records(stream, records).records
        refused = [(record, result) for record, result in zip(records, results, strict=True) if result.error_code]
        if not refused:
            return
        records = [record for record, _ in refused]
        if time.monotonic() > deadline:
            result = refused[0][1]
            raise DISError(f"{stream} refused {len(refused)} records: {result.error_code} {result.error_message}")
        time.sleep(random.uniform(0, min(LONGEST_PAUSE_SECONDS, 0.05 * 2**attempt)))


def load(client: DISClient, stream: str, file: Path = JANUARY, *, console: Console | None = None) -> int:
    """Put every row of a file into a stream, with a progress bar; returns the number of rows."""
    rows = rows_of(file)
    records = records_of(rows)
    with Progress(console=console) as progress:
        task = progress.add_task(f"loading {file.name}", total=len(rows))
        while batch := list(islice(records, REQUEST_RECORDS)):
            put_all(client, stream, batch)
            progress.advance(task, len(batch))
    return len(rows)


def main() -> int:
    """Load the file that the command line names."""
    parser = ArgumentParser(description="Load flights into a DIS stream.")
    parser.add_argument("--stream", default="flights", help="the stream (flights)")
    parser.add_argument("--file", type=Path, default=JANUARY, help="a gzipped CSV file (January 2013)")
    parser.add_argument("--dis_endpoint", help="URL of the service")
    parser.add_argument("--dis_region", help="or its region")
    parser.add_argument("--dis_project_id", help="the project")
    options = parser.parse_args()
    try:
        with DISClient(DISConnection().resolved(options)) as client:
            count = load(client, options.stream, options.file)
    except (DISError, OSError) as error:
        print(f"load_flights: {error}", file=sys.stderr)
        return 1
    print(f"{count:,} flights are in {options.stream}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
