"""Several rows in a record: lines of JSON or CSV, a JSON array, CSV with a header.

Rules:
1. ``decode`` gives the values of all rows, in order, or raises DecodeError with the number of the row: a record is read as a whole
   or not at all.
2. ``encode`` writes a record of one row.
3. Empty lines are no rows. In CSV a line of spaces or tabs is a row: the delimiter may be one, and so may a value. A row that
   would be an empty line, such as that of a single null, is refused.
4. A record has at most 1,000,000 rows, so that a small compressed record can't fill the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from beam_dis.errors import DecodeError, EncodeError
from beam_dis.formats.byte_order_mark import refuse_other_encoding, without_mark
from beam_dis.formats.csv_rows import CSVFormat
from beam_dis.formats.defaults import defaults_of
from beam_dis.formats.format import MOST_ROWS, Rows
from beam_dis.formats.json_objects import JSONFormat
from beam_dis.formats.mismatch import brief
from beam_dis.formats.type_tree import Nullable, RecordField, RecordType, Scalar, Schema
from beam_dis.formats.value_types import NumberType, RecordShape, ValueTypes
from beam_dis.plain_values import shown

_MOST_HEADERS = 100


class JSONLinesFormat:
    """A JSON object on each line."""

    def __init__(self, format_: JSONFormat) -> None:
        self.schema = format_.schema
        self._format = format_

    def decode(self, data: bytes) -> Rows:
        """The values of a record. Raises DecodeError."""
        refuse_other_encoding(data)
        return decoded_rows(filter(bytes.strip, without_mark(data).split(b"\n")), self._format.decode)

    def encode(self, value: Any) -> bytes:
        """A line. Raises EncodeError."""
        return self._format.encode(value) + b"\n"


class JSONArrayFormat:
    """A JSON array of objects."""

    def __init__(self, format_: JSONFormat) -> None:
        self.schema = format_.schema
        self._format = format_
        self._items = msgspec.json.Decoder(list[msgspec.Raw]).decode

    def decode(self, data: bytes) -> Rows:
        """The values of a record. Raises DecodeError."""
        try:
            items = self._items(without_mark(data))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            refuse_other_encoding(data)
            raise DecodeError(f"not a JSON array, {brief(error)}: {shown(data)}") from error
        return decoded_rows(map(bytes, items), self._format.decode)

    def encode(self, value: Any) -> bytes:
        """An array of one object. Raises EncodeError."""
        return b"[" + self._format.encode(value) + b"]"


class CSVLinesFormat:
    """A row of CSV on each line; quoted cells may contain line breaks."""

    def __init__(self, format_: CSVFormat) -> None:
        self.schema = format_.schema
        self._format = format_

    def decode(self, data: bytes) -> Rows:
        """The values of a record. Raises DecodeError."""
        return decoded_rows(_csv_lines(data), self._format.decode)

    def encode(self, value: Any) -> bytes:
        """A line. Raises EncodeError."""
        return _csv_line(self._format, value)


class CSVHeaderFormat:
    """CSV whose first line has the names of the columns, in any order.

    Columns that aren't in the schema are ignored. A column that isn't there has its field's default, or is null if the field is
    nullable; otherwise the record doesn't decode.

    Args:
        format_: the format of the rows that are written, in the order of the schema.
        types: what the values are in Python.
        format_of: makes the format of a record's columns from a schema and the types of its values.
    """

    def __init__(
        self, format_: CSVFormat, types: ValueTypes, format_of: Callable[[Schema, ValueTypes], CSVFormat]
    ) -> None:
        self.schema = format_.schema
        self._types = types
        self._format_of = format_of
        record = format_.schema.record
        self._absent = defaults_of(format_.schema, record, types)
        for field in record.fields:
            if isinstance(field.type, Nullable):
                self._absent.setdefault(field.name, None)
        self._header = format_.delimiter.join(format_.quoted(field.name) for field in record.fields).encode() + b"\n"
        self._format = format_
        self._readers: dict[bytes, Callable[[bytes], Any]] = {}

    def decode(self, data: bytes) -> Rows:
        """The values of a record. Raises DecodeError."""
        lines = iter(_csv_lines(data))
        header = next(lines, None)
        if header is None:
            raise DecodeError("there is no line with the names of the columns")
        read = self._readers.get(header)
        if read is None:
            read = self.reader(header)
            if len(self._readers) >= _MOST_HEADERS:
                self._readers.clear()
            self._readers[header] = read
        return decoded_rows(lines, read)

    def encode(self, value: Any) -> bytes:
        """The header and a row. Raises EncodeError."""
        return self._header + _csv_line(self._format, value)

    def reader(self, header: bytes) -> Callable[[bytes], Any]:
        """The function that reads a row under a header. Raises DecodeError."""
        names = [name.strip() for name in self._format.cells(header)]
        record = self._format.schema.record
        known = {field.name: field for field in record.fields}
        if len(set(names)) < len(names):
            raise DecodeError(f"the header has a column twice: {shown(header)}")
        for name in known:
            if name not in names and name not in self._absent:
                raise DecodeError(f"the header has no such column, and it has no default: {shown(header)}", field=name)
        other = Nullable(Scalar("string"))
        # other columns are read by their places: msgspec has no fields with names like theirs
        fields = tuple(known.get(name) or RecordField(f" {place}", other) for place, name in enumerate(names))
        schema = Schema(self.schema.text, RecordType(record.name, fields), self.schema.named)
        values = _ColumnsByName(self._types, record, names, self._absent)
        return self._format_of(schema, values).decode


class _ColumnsByName(ValueTypes):
    """Makes the values of a record from columns in another order; other types are as ``types`` says."""

    def __init__(self, types: ValueTypes, record: RecordType, names: list[str], absent: dict[str, Any]) -> None:
        self._types = types
        self._shape = types.record(record)
        self._places = [
            (names.index(field.name), None) if field.name in names else (None, absent[field.name])
            for field in record.fields
        ]

    def record(self, record: RecordType) -> RecordShape:
        return RecordShape(None, self._make, tuple(field.name for field in record.fields))

    def number(self, scalar: Scalar) -> NumberType | None:
        return self._types.number(scalar)

    def _make(self, values: tuple[Any, ...]) -> Any:
        return self._shape.make(tuple(default if place is None else values[place] for place, default in self._places))


def decoded_rows(rows: Iterable[bytes], decode: Callable[[bytes], Any]) -> Rows:
    """The values of the rows of a record. Raises DecodeError with the number of the row, from 1."""
    values = Rows()
    for row in rows:
        if len(values) == MOST_ROWS:
            raise DecodeError(f"the record has more than {MOST_ROWS} rows, the most that are read")
        try:
            values.append(decode(row))
        except DecodeError as error:
            raise DecodeError(f"row {len(values) + 1}: {error.reason}", field=error.field) from error
    return values


def _csv_lines(data: bytes) -> Iterable[bytes]:
    """The rows of CSV, without empty lines. A line break in quotes belongs to its row."""
    refuse_other_encoding(data)
    lines = without_mark(data).split(b"\n")
    if b'"' in data:
        lines = _joined(lines)
    return (line for line in lines if line not in {b"", b"\r"})


def _csv_line(format_: CSVFormat, value: Any) -> bytes:
    """The line of a row. Raises EncodeError."""
    row = format_.encode(value)
    if row in {b"", b"\n"}:
        raise EncodeError(f"{shown(value)} is an empty line, which is no row: choose null=, the text of a null")
    return row + b"\n"


def _joined(lines: list[bytes]) -> list[bytes]:
    rows: list[bytes] = []
    parts: list[bytes] = []
    quotes = 0
    for line in lines:
        parts.append(line)
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            rows.append(b"\n".join(parts))
            parts = []
    return rows + ([b"\n".join(parts)] if parts else [])


JSON_RECORDS = {"lines": JSONLinesFormat, "array": JSONArrayFormat}
CSV_RECORDS = ("lines", "header")
