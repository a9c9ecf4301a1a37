"""Writes the records of one object into a file: as text, compressed or not, or as parquet.

Rule 1: the bytes of a file depend on its records and the destination only, not on the time or the machine.
Rule 2: ``close`` returns when the file is on disk.
Rule 3: text has the bytes of each record unchanged, and the delimiter after each; nothing is escaped.
Rule 4: parquet has a column for each field of the stream's schema. A record that doesn't fit is left out and counted.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Protocol, cast

from beam_dis.errors import ConfigurationError, DecodeError
from beam_dis.formats import JSONFormat
from beam_dis.formats.arrow_types import arrow_schema, columns, number_of_rows
from beam_dis.formats.type_tree import RecordType
from beam_dis.formats.value_types import RecordShape, ValueTypes
from beam_dis.local.store import Stream
from beam_dis.wire.dump_tasks import GZIP, PARQUET, OBSDestination
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import MIB
from beam_dis.wire.streams import DATA_TYPES

DELIMITERS = {"\n": b"\n", "\\n": b"\n", ",": b",", ";": b";", "|": b"|", "NULL": b"", "": b""}
"""``record_delimiter`` → the bytes after each record."""

BLOB, JSON, CSV = DATA_TYPES

ROW_GROUP_BYTES = 16 * MIB
"""The columns of one group of rows of a parquet file, in memory."""


class ObjectFile(Protocol):
    """A file that becomes an object."""

    def add(self, datas: Sequence[bytes]) -> int:
        """Add records; returns how many of them are in the file."""
        ...

    def close(self) -> None:
        """End the file and flush it to disk."""
        ...

    def abort(self) -> None:
        """Close an unfinished file. Raises OSError if its disk fails."""
        ...


OpenFile = Callable[[Path], ObjectFile]


def file_opener(destination: OBSDestination, stream: Stream) -> OpenFile:
    """The function that opens the files of a destination.

    Raises:
        Refusal: DIS.4360 if the stream has no JSON with a schema that can be columns.
    """
    compressed = destination.compression_format == GZIP
    if destination.destination_file_type != PARQUET:
        delimiter = DELIMITERS[destination.record_delimiter or ""]
        return lambda path: _TextFile(path, delimiter, compressed=compressed)
    if stream.data_type != JSON or not stream.data_schema:
        raise Refusal(4360, f"stream {stream.name} has no JSON with a data_schema, which parquet needs")
    try:
        rows = _Rows(stream.data_schema)
    except (ConfigurationError, ValueError, RecursionError) as error:
        raise Refusal(4360, f"the data_schema of stream {stream.name} can't be columns: {error}") from error
    return lambda path: _ParquetFile(path, rows, compressed=compressed)


class _TextFile:
    def __init__(self, path: Path, delimiter: bytes, *, compressed: bool) -> None:
        self._delimiter = delimiter
        self._file = path.open("wb")
        # neither name nor time in the header, so that the same records give the same bytes
        text = gzip.GzipFile("", "wb", fileobj=self._file, mtime=0) if compressed else self._file
        self._text = cast("IO[bytes]", text)

    def add(self, datas: Sequence[bytes]) -> int:
        self._text.write(self._delimiter.join([*datas, b""]))
        return len(datas)

    def close(self) -> None:
        if self._text is not self._file:
            self._text.close()
        _close_durably(self._file)

    def abort(self) -> None:
        with self._file:
            self._text.close()


class _Tuples(ValueTypes):
    """Records as tuples, which is what columns are made of."""

    def record(self, record: RecordType) -> RecordShape:
        """What a record is: a tuple."""
        return RecordShape(tuple, tuple, tuple(field.name for field in record.fields))


class _Rows:
    """Makes batches of rows of JSON records."""

    def __init__(self, data_schema: str) -> None:
        self._types = _Tuples()
        self._format = JSONFormat(data_schema, self._types)
        self._record = self._format.schema.record
        if not self._record.fields:
            raise ConfigurationError("it has no fields")
        self.schema = arrow_schema(self._record, [field.name for field in self._record.fields])

    def batch(self, datas: Sequence[bytes]) -> Any:
        """The records that fit, as one batch."""
        rows = [row for data in datas for row in self._row(data)]
        try:
            return self._columns(rows)
        except (ValueError, TypeError, OverflowError):  # Arrow's errors are ValueErrors
            return self._columns([row for row in rows if self._fits(row)])

    def _row(self, data: bytes) -> list[Any]:
        try:
            return [self._format.decode(data)]
        except DecodeError:
            return []

    def _fits(self, row: Any) -> bool:
        try:
            self._columns([row])
        except (ValueError, TypeError, OverflowError):
            return False
        return True

    def _columns(self, rows: Sequence[Any]) -> Any:
        import pyarrow as pa

        made = columns(self._record, number_of_rows(self._types), self.schema, rows)
        return pa.RecordBatch.from_arrays(made, schema=self.schema)


class _ParquetFile:
    def __init__(self, path: Path, rows: _Rows, *, compressed: bool) -> None:
        from pyarrow import parquet

        self._rows = rows
        self._file = path.open("wb")
        self._waiting: list[Any] = []
        self._writer = parquet.ParquetWriter(self._file, rows.schema, compression=GZIP if compressed else "snappy")

    def add(self, datas: Sequence[bytes]) -> int:
        batch = self._rows.batch(datas)
        if batch.num_rows:
            self._waiting.append(batch)
        if sum(waiting.nbytes for waiting in self._waiting) >= ROW_GROUP_BYTES:
            self._write()
        return int(batch.num_rows)

    def close(self) -> None:
        self._write()
        self._writer.close()
        _close_durably(self._file)

    def _write(self) -> None:
        """Write the batches that wait as one group of rows."""
        import pyarrow as pa

        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting))
        self._waiting.clear()

    def abort(self) -> None:
        with self._file:
            self._writer.close()


def _close_durably(file: IO[bytes]) -> None:
    with file:
        file.flush()
        os.fsync(file.fileno())
