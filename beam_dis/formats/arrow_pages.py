"""Reads many records at once into Arrow columns: CSV with Arrow's own reader, Avro with pyruhvro.

Rules:
1. These libraries take more than a format does, such as hexadecimal numbers or bytes after the last field. So what they read is
   checked: CSV by the characters beside delimiters, and Avro by writing it again, which must give the same bytes.
2. Records that can't be read or checked this way raise NotAtOnceError. Then they are read one by one by their format, which decides
   what they mean.
3. JSON is read one by one: Arrow's reader takes as long as the functions of a schema, and msgspec alone half as long.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

from beam_dis.formats.arrow_types import arrow_schema
from beam_dis.formats.csv_rows import CSVFormat
from beam_dis.formats.mismatch import ValueMismatch
from beam_dis.formats.type_tree import ArrayOf, Enumeration, MapOf, Nullable, RecordType, Scalar, Schema, Type
from beam_dis.formats.value_types import PLAIN

ReadPage = Callable[[Sequence[bytes]], list[Any]]
"""From records to columns; raises NotAtOnceError."""

_SPECIAL = (b'"', b"\r", b"\0", b"\xef\xbb\xbf")
"""What CSV gives a meaning of its own."""
_LENIENT = (b" ", b"\t", b"0x", b"0X")
"""What Arrow takes in numbers, and CSV doesn't, if it is at the start or the end of a cell."""
_TIMES = frozenset({"date", "timestamp-millis", "timestamp-micros"})
_WITH_SECONDS = len("2013-01-01T10:00:00Z")
_PRIMITIVES = frozenset({"boolean", "int", "long", "float", "double", "string"})
_IN_CSV = _PRIMITIVES | _TIMES


class NotAtOnceError(Exception):
    """These records can't be read all at once: they are read one by one instead."""


def csv_page_reader(format_: CSVFormat) -> ReadPage | None:
    """The function that reads the records of a CSV format, each of which is one row; None if it has none."""
    delimiter, types = format_.delimiter, _inner_types(format_.schema)
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter == "\0":  # Arrow takes no other delimiters
        return None
    return _CSVPageReader(format_) if all(isinstance(t, Scalar) and t.name in _IN_CSV for t in types) else None


def _inner_types(schema: Schema) -> list[Type]:
    """The types of the fields without null."""
    return [field.type.of if isinstance(field.type, Nullable) else field.type for field in schema.record.fields]


class _CSVPageReader:
    """Reads numbers as Arrow does, and the other columns as text first."""

    def __init__(self, format_: CSVFormat) -> None:
        import pyarrow as pa
        from pyarrow import csv

        record, delimiter = format_.schema.record, format_.delimiter
        self._null, self._types = format_.null, [field.type for field in record.fields]
        names = [f"f{place}" for place in range(len(record.fields))]
        self._schema = arrow_schema(record, names)
        columns = {
            field.name: pa.string() if pa.types.is_temporal(field.type) else field.type for field in self._schema
        }
        columns |= {field.name: pa.float64() for field in self._schema if field.type == pa.float32()}
        read_as = list(columns.values())
        self._without_null = [
            place for place, field in enumerate(self._schema) if not field.nullable and read_as[place] != pa.string()
        ]
        self._not_final = [
            place
            for place, field in enumerate(self._schema)
            if read_as[place] != field.type
            or pa.types.is_floating(field.type)
            or (field.nullable and field.type == pa.string())
        ]
        self._parse = csv.ParseOptions(delimiter=delimiter, quote_char=False, ignore_empty_lines=False)
        self._convert = csv.ConvertOptions(
            column_types=columns, null_values=[self._null, ""], true_values=["true"], false_values=["false"]
        )
        self._names = names
        ends = (delimiter.encode(), b"\n")
        self._lenient = [
            *(end + start for end in ends for start in (b"0x", b"0X", b"-0x", b"-0X", b" ", b"\t")),
            *(blank + end for end in ends for blank in (b" ", b"\t")),
        ]

    def __call__(self, records: Sequence[bytes]) -> list[Any]:
        import pyarrow as pa
        from pyarrow import csv

        page = b"\n".join(records)
        if any(_contains(page, text) for text in _SPECIAL) or page.count(b"\n") != len(records) - 1:
            raise NotAtOnceError
        if any(_contains(page, text) for text in _LENIENT):  # searched first, because it is fast
            framed = b"\n" + page + b"\n"
            if any(text in framed for text in self._lenient):
                raise NotAtOnceError
        read = csv.ReadOptions(column_names=self._names, use_threads=False, block_size=len(page) + 1)
        try:
            table = csv.read_csv(
                pa.BufferReader(page), read_options=read, parse_options=self._parse, convert_options=self._convert
            )
            if table.num_rows != len(records):
                raise NotAtOnceError
            (batch,) = table.combine_chunks().to_batches()
            columns: list[Any] = batch.columns
            if any(columns[place].null_count for place in self._without_null):
                raise NotAtOnceError
            for place in self._not_final:
                columns[place] = self._column(self._types[place], columns[place], self._schema.field(place))
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            raise NotAtOnceError from error
        return columns

    def _column(self, type_: Type, cells: Any, field: Any) -> Any:
        """The column of what Arrow has read: nulls in place of their texts, times of texts, and only finite numbers."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if pa.types.is_floating(cells.type):
            cells = cells.cast(field.type, safe=False)
            _require(pc.is_finite(cells))
            return cells
        is_text = field.type == cells.type
        if field.nullable:
            null = pc.equal(cells, self._null)
            if not is_text:
                null = pc.or_(null, pc.equal(cells, ""))
            cells = pc.if_else(null, pa.scalar(None, pa.string()), cells)
        if is_text:
            return cells
        if pa.types.is_timestamp(field.type):  # Arrow takes times without seconds too
            _require(pc.ends_with(cells, "Z"))
            _require(pc.greater_equal(pc.binary_length(cells), _WITH_SECONDS))
        column = cells.cast(field.type)
        inner: Any = type_.of if isinstance(type_, Nullable) else type_
        _check_range(column, PLAIN.number(inner))
        return column


def _contains(page: bytes, text: bytes) -> bool:
    """Whether a text is in a page; its last byte is searched first, because one byte is found much faster than several."""
    return text[-1:] in page and text in page


def _require(checked: Any) -> None:
    """Raise NotAtOnceError unless all values that aren't null are true."""
    if checked.false_count:
        raise NotAtOnceError


def avro_page_reader(schema: Schema) -> ReadPage | None:
    """The function that reads schemaless Avro; None if pyruhvro isn't installed or may read a type of the schema differently."""
    types = _inner_types(schema)
    if not types or not all(_is_plain(type_) or _is_time(type_) for type_ in types):
        return None
    try:
        import pyruhvro
    except ImportError:
        return None
    return _AvroPageReader(schema, pyruhvro)


def _is_plain(type_: Type) -> bool:
    if isinstance(type_, RecordType):
        return all(_is_plain(field.type) for field in type_.fields)
    if isinstance(type_, (Nullable, ArrayOf, MapOf)):
        return _is_plain(type_.of)
    return isinstance(type_, Enumeration) or (isinstance(type_, Scalar) and type_.name in _PRIMITIVES)


class _AvroPageReader:
    """Reads records, writes them again and compares the bytes."""

    def __init__(self, schema: Schema, library: Any) -> None:
        names = [f"f{place}" for place in range(len(schema.record.fields))]
        fields = [field.with_name(name) for field, name in zip(schema.record.fields, names, strict=True)]
        self._text = json.dumps(_plain_schema(RecordType("R", tuple(fields)), count()))
        self._library = library
        self._schema = arrow_schema(schema.record, names)
        self._times = {
            place: PLAIN.number(type_)
            for place, type_ in enumerate(_inner_types(schema))
            if isinstance(type_, Scalar) and _is_time(type_)
        }

    def __call__(self, records: Sequence[bytes]) -> list[Any]:
        import pyarrow as pa

        try:
            batch = self._library.deserialize_array(list(records), self._text)
            batch.validate(full=True)  # texts may not be UTF-8
            written = self._library.serialize_record_batch(batch, self._text, 1)
            columns = [column.cast(field.type) for column, field in zip(batch.columns, self._schema, strict=True)]
        except (ValueError, TypeError, OverflowError) as error:  # pyarrow's errors are ValueErrors
            raise NotAtOnceError from error
        if not pa.chunked_array(written).combine_chunks().equals(pa.array(records, pa.binary())):
            raise NotAtOnceError
        for place, number in self._times.items():
            _check_range(columns[place], number)
        return columns


def _plain_schema(type_: Type, numbers: Iterator[int]) -> Any:
    """The schema of a type without what doesn't change its bytes, such as logical types that the library stops at."""
    if isinstance(type_, Nullable):
        branches = ["null", _plain_schema(type_.of, numbers)]
        return branches if type_.null_first else branches[::-1]
    if isinstance(type_, ArrayOf):
        return {"type": "array", "items": _plain_schema(type_.of, numbers)}
    if isinstance(type_, MapOf):
        return {"type": "map", "values": _plain_schema(type_.of, numbers)}
    name = f"n{next(numbers)}"
    if isinstance(type_, Enumeration):
        return {"type": "enum", "name": name, "symbols": type_.symbols}
    if isinstance(type_, RecordType):
        fields = [{"name": field.name, "type": _plain_schema(field.type, numbers)} for field in type_.fields]
        return {"type": "record", "name": name, "fields": fields}
    scalar: Any = type_
    return {"type": scalar.avro, "logicalType": scalar.name} if _is_time(type_) else scalar.name


def _is_time(type_: Type) -> bool:
    return isinstance(type_, Scalar) and type_.name in _TIMES


def _check_range(column: Any, number: Any) -> None:
    """Raise NotAtOnceError if a time or a date is out of the range of its type."""
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = column.cast(pa.int32() if pa.types.is_date32(column.type) else pa.int64())
    try:
        for end in pc.min_max(numbers).as_py().values():
            if end is not None:
                number.value(end)
    except (ValueMismatch, OverflowError) as error:
        raise NotAtOnceError from error
