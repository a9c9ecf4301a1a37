"""Reads the records of a file that ``export`` wrote: lines of JSON, or parquet.

Rules:

1. A line that is no record is one failure with its number, and the others go on.
2. Each record comes with its line of JSON, so that one that can't be written can be kept in a file of such lines.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from beam_dis.cli.exits import Failed
from beam_dis.cli.line_writer import Line
from beam_dis.errors import EncodeError
from beam_dis.formats.byte_order_mark import without_mark
from beam_dis.record import PutRecord
from beam_dis.record_checks import checked_record

_ROWS = 5_000

Progress = Callable[[int, int], object]


class GivenRecord(msgspec.Struct, omit_defaults=True, gc=False):
    """A record of a file. It needs data, as ``text`` or ``data``; what says its place may be left out."""

    partition_id: str | None = None
    sequence_number: int | None = None
    timestamp: int | None = None
    partition_key: str | None = None
    text: str | None = None
    data: bytes | None = None

    def to_put(self, *, by_partition: bool) -> PutRecord:
        """The record to put: into its partition, or where its key belongs. Raises EncodeError if it can't be put."""
        if (self.text is None) == (self.data is None):
            raise EncodeError("a record has its data in one of the fields text and data (in base64)")
        data = self.data if self.text is None else self.text.encode("utf-8", "surrogatepass")
        if by_partition and self.partition_id is None:
            raise EncodeError("the record has no partition_id: import it with --place key")
        return checked_record(
            PutRecord(data or b"", self.partition_key, None, self.partition_id if by_partition else None)
        )


class InputRecord(NamedTuple):
    """A line of a file, and its record, or the reason why it has none."""

    line: Line
    record: GivenRecord | str


def records_in(file: Path, on_progress: Progress | None = None) -> Iterator[InputRecord]:
    """The records of a file, by the end of its name; ``-`` is lines of JSON on standard input.

    ``on_progress`` is called with how much has been read, and how much there is.

    Raises:
        Failed: the file isn't parquet, though its name says so, or it lacks the column with the data.
    """
    if str(file) == "-":
        yield from _lines(sys.stdin.buffer)
    elif file.suffix == ".parquet":
        yield from _rows(file, on_progress)
    else:
        size = file.stat().st_size
        read = 0
        with file.open("rb") as lines:
            for found in _lines(lines):
                read += len(found.line.text) + 1
                if on_progress is not None and found.line.number % _ROWS == 0:
                    on_progress(min(read, size), size)
                yield found


def _lines(lines: BinaryIO) -> Iterator[InputRecord]:
    decode: Callable[[bytes], GivenRecord] = msgspec.json.Decoder(GivenRecord).decode
    for number, raw in enumerate(lines, 1):
        text = (without_mark(raw) if number == 1 else raw).rstrip(b"\r\n")
        if not text:
            continue
        try:
            yield InputRecord(Line(number, text), decode(text))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            yield InputRecord(Line(number, text), f"not a record: {error}")


def _rows(file: Path, on_progress: Progress | None) -> Iterator[InputRecord]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        found = parquet.ParquetFile(file)
    except pa.ArrowInvalid as error:
        raise Failed(f"{file} is not a file of parquet: {error}") from error
    names = set(found.schema_arrow.names)
    type_ = found.schema_arrow.field("data").type if "data" in names else None
    if type_ is None or not (pa.types.is_binary(type_) or pa.types.is_large_binary(type_)):
        raise Failed(f"{file} has no column 'data' of bytes: it is not a file that export wrote")
    columns = [name for name in ("partition_id", "partition_key", "data") if name in names]
    encode = msgspec.json.Encoder().encode
    number = 0
    batches = found.iter_batches(batch_size=_ROWS, columns=columns)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as error:
            raise Failed(f"{file} is damaged after record {number}: {error}") from error
        if batch is None:
            return
        row: dict[str, Any]
        for row in batch.to_pylist():
            number += 1
            record = GivenRecord(**row)
            yield InputRecord(Line(number, encode(record)), record)
        if on_progress is not None:
            on_progress(number, found.metadata.num_rows)
