"""Formats: the flights of January, decoded and encoded in CSV, JSON and Avro, as plain values and as Beam rows.

Run: ``python benchmarks/formats.py``. Each format is compared with its library alone on the same
bytes, without types (csv.reader, msgspec to plain dicts) or without checks (fastavro). They alternate; the best of five rounds counts.
"""

from __future__ import annotations

import csv
import gzip
import os
import platform
import time
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import msgspec

from beam_dis import AvroCoder, CSVCoder, JSONCoder
from beam_dis.formats import AvroFormat, CSVFormat, JSONFormat

PIPELINES = Path(__file__).parents[1] / "pipelines"
ROWS = 10_000
ROUNDS = 5

Work = dict[str, tuple[Callable[[Any], Any], list[Any]]]


def main() -> None:
    schema = (PIPELINES / "flights.avsc").read_text()
    lines = gzip.decompress((PIPELINES / "data" / "flights-2013-01.csv.gz").read_bytes()).splitlines()[1 : ROWS + 1]
    print(
        f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores"
    )
    print(f"{len(lines):,} flights of 19 fields, best of {ROUNDS} rounds\n")
    print(f"{'':24}{'records/s':>12}{'µs a record':>14}")
    for title, work in sections(schema, lines):
        print(title)
        for name, seconds in measured(work).items():
            print(f"  {name:22}{len(lines) / seconds:>12,.0f}{seconds / len(lines) * 1e6:>14.2f}")


def sections(schema: str, lines: list[bytes]) -> Iterable[tuple[str, Work]]:
    values = [CSVFormat(schema, null="NA").decode(line) for line in lines]
    texts = [line.decode() for line in lines]
    formats = {
        "CSV": (CSVFormat(schema, null="NA"), CSVCoder(schema, null="NA")),
        "JSON": (JSONFormat(schema), JSONCoder(schema)),
        "Avro": (AvroFormat(schema), AvroCoder(schema)),
    }
    avro = fastavro.parse_schema(formats["Avro"][0].schema.avro)
    bare_decode: dict[str, Callable[[list[bytes]], Any]] = {
        "CSV": lambda _: list(csv.reader(texts)),
        "JSON": lambda records: [msgspec.json.decode(record) for record in records],
        "Avro": lambda records: [fastavro.schemaless_reader(BytesIO(record), avro, None) for record in records],
    }
    for name, (format_, coder) in formats.items():
        records = [format_.encode(value) for value in values]
        rows = [coder.decode(record) for record in records]
        yield (
            f"{name}, {sum(map(len, records)) // len(records)} bytes a record",
            {
                "library, decode": (bare_decode[name], records),
                "format, decode": (each(format_.decode), records),
                "coder, decode to rows": (each(coder.decode), records),
                "format, encode": (each(format_.encode), values),
                "coder, encode rows": (each(coder.encode), rows),
            },
        )


def each(function: Callable[[Any], Any]) -> Callable[[list[Any]], Any]:
    return lambda items: [function(item) for item in items]


def measured(work: Work) -> dict[str, float]:
    best = dict.fromkeys(work, float("inf"))
    for _ in range(ROUNDS):
        for name, (function, items) in work.items():
            start = time.perf_counter()
            function(items)
            best[name] = min(best[name], time.perf_counter() - start)
    return best


if __name__ == "__main__":
    main()
