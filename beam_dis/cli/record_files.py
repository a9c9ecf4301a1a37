"""Files of records: lines of JSON or parquet, with the place, the time and the key of each record.

Rules:

1. A file appears under its name when it is whole. Until then it has another name in the same folder, and a failure removes it.
2. Every record comes back byte by byte.
3. A partition's records are in the order of their numbers. Between partitions there is no order.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from beam_dis.cli.exits import Failed
from beam_dis.cli.output import print_json_lines
from beam_dis.cli.record_lines import lines_of
from beam_dis.stream_service import StreamListing

if TYPE_CHECKING:
    from beam_dis.consumer import PartitionPage

STDOUT = "-"
ROWS_OF_A_GROUP = 100_000
BYTES_OF_A_GROUP = 32 * 1024 * 1024


class RecordSink(Protocol):
    """Takes the records of an export."""

    def write(self, page: PartitionPage) -> None:
        """Write records of a partition."""

    def finish(self) -> None:
        """Write what is left."""


class LinesSink:
    """Writes a line of JSON per record."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write

    def write(self, page: PartitionPage) -> None:
        """Write records of a partition."""
        self._write(lines_of(page.partition_id, page.records))

    def finish(self) -> None:
        """Nothing is left."""


class ParquetSink:
    """Writes row groups of parquet; the stream's name and schema are in the file's metadata."""

    def __init__(self, out: BinaryIO, listing: StreamListing) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        about = {"stream": listing.name, "data_type": listing.data_type, "data_schema": listing.data_schema or ""}
        self._arrow = pa
        self._schema = pa.schema(
            [
                pa.field("partition_id", pa.string(), nullable=False),
                pa.field("sequence_number", pa.int64(), nullable=False),
                pa.field("timestamp", pa.timestamp("ms", tz="UTC"), nullable=False),
                pa.field("partition_key", pa.string()),
                pa.field("data", pa.binary(), nullable=False),
            ],
            metadata={f"beam_dis.{name}": text for name, text in about.items()},
        )
        self._writer = parquet.ParquetWriter(out, self._schema, compression="zstd")
        self._batches: list[Any] = []
        self._rows = 0
        self._bytes = 0

    def write(self, page: PartitionPage) -> None:
        """Write records of a partition."""
        records = page.records
        columns = [
            [page.partition_id] * len(records),
            [record.sequence_number for record in records],
            [record.timestamp for record in records],
            [record.partition_key or None for record in records],
            [record.data for record in records],
        ]
        batch = self._arrow.record_batch(
            [self._arrow.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)],
            schema=self._schema,
        )
        self._batches.append(batch)
        self._rows += batch.num_rows
        self._bytes += batch.nbytes
        if self._rows >= ROWS_OF_A_GROUP or self._bytes >= BYTES_OF_A_GROUP:
            self._write_group()

    def finish(self) -> None:
        """Write what is left, and the end of the file."""
        self._write_group()
        self._writer.close()

    def _write_group(self) -> None:
        if self._batches:
            self._writer.write_table(self._arrow.Table.from_batches(self._batches))
        self._batches, self._rows, self._bytes = [], 0, 0


def sink_of(file: Path) -> Callable[[BinaryIO, StreamListing], RecordSink]:
    """What writes a file, by the end of its name. Raises Failed for any other name."""
    if str(file) == STDOUT:
        return lambda _out, _listing: LinesSink(print_json_lines)
    if file.suffix in {".ndjson", ".jsonl"}:
        return lambda out, _listing: LinesSink(out.write)
    if file.suffix == ".parquet":
        return ParquetSink
    raise Failed(
        f"{file} has another ending than .ndjson, .jsonl and .parquet: name a file of lines of JSON, or of parquet"
    )


@contextmanager
def whole_file(file: Path) -> Iterator[BinaryIO]:
    """A file to write, which gets its name at the end of the block; standard output for ``-``.

    Raises:
        Failed: there is a file of that name.
    """
    if str(file) == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.flush()
        return
    _check_free(file)
    unfinished = file.with_name(f".{file.name}.{os.getpid()}.unfinished")
    try:
        with unfinished.open("xb") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        _check_free(file)
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)


def _check_free(file: Path) -> None:
    if file.exists():
        raise Failed(f"{file} is there already: give another name, or remove it")
