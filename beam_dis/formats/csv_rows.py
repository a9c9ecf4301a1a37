"""CSV records: one row per record, columns in the order of the schema's fields, quoted as in RFC 4180.

Rules:
1. A row has as many columns as the schema has fields. It may begin with a byte order mark and end with one line break; it is
   written without.
2. Columns that are missing at the end have their defaults, or are null if they are nullable. A row with as many columns as
   another writer's schema has fields has that schema's columns, which are found by name and alias. More columns are refused:
   they may come from a value that should be in quotes.
3. A cell is quoted only if it must be: because of its characters (see ``csv_quotes``), or because its text would be read as null.
4. Rows are read and written by functions made for the schema. A row that these don't take, because of a quoted null, a 5.0
   for an int or a wrong value, is read or written again column by column.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from datetime import timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from beam_dis.errors import ConfigurationError, DecodeError
from beam_dis.formats.byte_order_mark import TEXT_MARK, refuse_other_encoding
from beam_dis.formats.csv_columns import BOOLEANS, CellOptions, Column, text_writer
from beam_dis.formats.csv_quotes import Quotes, splits
from beam_dis.formats.defaults import defaults_of
from beam_dis.formats.exact import exact_source, exact_struct, place_of
from beam_dis.formats.mismatch import FAULTS, ValueMismatch, reason_of
from beam_dis.formats.refusals import refusal
from beam_dis.formats.scalars import RANGES, is_missing
from beam_dis.formats.schema import read_schema
from beam_dis.formats.source import Source, function, indented, lines, tuple_of
from beam_dis.formats.type_tree import Enumeration, Nullable, RecordType, Scalar, Schema
from beam_dis.formats.value_types import PLAIN, RecordShape, ValueTypes, in_order
from beam_dis.plain_values import shown

_ESCAPES = {"\\t": "\t", "\\0": "\0", "\\|": "|"}
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_CAUGHT = (ValueMismatch, *FAULTS)


class CSVFormat:
    """CSV by an Avro schema of flat fields, given as text, parsed JSON or a Schema.

    Args:
        schema: the schema.
        types: what its values are in Python.
        delimiter: one character or several; a backslash and a ``t``, as users type it, are a tab.
        null: the text of a null in nullable columns.
        booleans: the texts of true and false, which are written; ``true`` and ``false`` are read in any case.
        time_zone: the zone of timestamps whose text has none: ``"UTC"``, ``"+02:00"`` or a name such as ``"Europe/Berlin"``.
        writers: other schemas that rows may be written with, the most likely one first.
        noticed: is called for each row with another number of columns than the schema has fields.
    """

    def __init__(
        self,
        schema: str | Mapping[str, Any] | Schema,
        types: ValueTypes = PLAIN,
        *,
        delimiter: str = ",",
        null: str = "",
        booleans: tuple[str, str] = ("true", "false"),
        time_zone: str | None = None,
        writers: Sequence[Schema] = (),
        noticed: Callable[[], None] = lambda: None,
    ) -> None:
        self.schema = schema if isinstance(schema, Schema) else read_schema(schema)
        self.delimiter = _checked_delimiter(delimiter)
        self.null = _checked_null(null, self.delimiter)
        options = CellOptions(null=null, booleans=_checked_booleans(booleans), zone=_zone(time_zone))
        record = self.schema.record
        shape = types.record(record)
        self._make, self._noticed = shape.make, noticed
        defaults = defaults_of(self.schema, record, types)
        self._order = in_order(record, shape, defaults)
        self._missing = {
            **{field.name: None for field in record.fields if isinstance(field.type, Nullable)},
            **defaults,
        }
        self._places = {len(writer.record.fields): _places(record, writer.record) for writer in reversed(writers)}
        self._columns = [Column(field, types, options) for field in record.fields]
        self._quotes = Quotes(self.delimiter, null)
        self.quoted = self._quotes.quoted
        source = _RowSource(self._columns, record, shape, self.delimiter)
        self._read = source.reader(self._read_slowly)
        self._read_with_underscores = source.reader(self._read_slowly, underscores=True)
        self._write = source.writer(self._order, self._write_slowly)

    def decode(self, data: bytes) -> Any:
        """The value of a row. Raises DecodeError."""
        text = _text_of(data)
        read = self._read if "_" not in text else self._read_with_underscores
        if '"' in text:
            raw, cells, depends_on_quotes = self._quotes.split(text)
            if depends_on_quotes:
                read = self._read_slowly
        else:
            raw = cells = text.split(self.delimiter) if text or self._columns else []
            if "\n" in text or "\r" in text:
                raise DecodeError(f"a line break outside of quotes, which is more than one row: {shown(text)}")
        count = len(self._columns)
        try:
            if len(cells) == count:
                return read(cells, raw)
            return self._read_other(cells, raw, data)
        except ValueMismatch as mismatch:
            raise mismatch.decode_error() from mismatch

    def cells(self, data: bytes) -> list[str]:
        """The cells of a row, without their quotes. Raises DecodeError."""
        text = _text_of(data)
        return self._quotes.split(text)[1] if '"' in text else text.split(self.delimiter)

    def encode(self, value: Any) -> bytes:
        """The row of a value. Raises EncodeError."""
        try:
            return self._write(value).encode()  # type: ignore[no-any-return]
        except (ValueMismatch, UnicodeEncodeError) as error:
            raise refusal(value, error) from error

    def _read_slowly(self, cells: list[str], raw: list[str], at: int = 0) -> Any:
        """Read column by column; the one ``at`` which the fast function stopped comes first, so that a wrong cell costs little."""
        stopped = self._value_of(at, cells, raw)
        return self._make(
            tuple(stopped if place == at else self._value_of(place, cells, raw) for place in range(len(cells)))
        )

    def _read_other(self, cells: list[str], raw: list[str], data: bytes) -> Any:
        """Read a row with another number of columns."""
        count = len(self._columns)
        places = self._places.get(len(cells))
        if places is None and len(cells) < count:
            places = [*range(len(cells)), *[None] * (count - len(cells))]
        names = [column.name for column in self._columns]
        if places is None or any(
            place is None and name not in self._missing for place, name in zip(places, names, strict=True)
        ):
            raise DecodeError(f"{len(cells)} columns, but the schema has {count} fields: {shown(data)}")
        cells = ["" if place is None else cells[place] for place in places]
        raw = ["" if place is None else raw[place] for place in places]
        value = self._make(
            tuple(
                deepcopy(self._missing[names[field]]) if place is None else self._value_of(field, cells, raw)
                for field, place in enumerate(places)
            )
        )
        self._noticed()
        return value

    def _value_of(self, place: int, cells: list[str], raw: list[str]) -> Any:
        try:
            return self._columns[place].read(raw[place], cells[place])
        except ValueMismatch as mismatch:
            mismatch.inside(f".{self._columns[place].name}")
            raise

    def _write_slowly(self, values: tuple[Any, ...], at: int) -> str:
        """Write column by column; the one ``at`` which the fast function stopped comes first, so that a wrong value costs little."""
        stopped = self._cell_at(at, values) if values else ""
        cells = [stopped if place == at else self._cell_at(place, values) for place in range(len(values))]
        if cells != [""]:
            return self.delimiter.join(cells)
        lone_null = is_missing(values[0]) and self._columns[0].takes("")  # in quotes it would be a value
        return "\n" if lone_null else '""'

    def _cell_at(self, place: int, values: tuple[Any, ...]) -> str:
        column = self._columns[place]
        try:
            return self._cell_of(column, values[place])
        except ValueMismatch as mismatch:
            mismatch.inside(f".{column.name}")
            raise
        except FAULTS as error:
            raise ValueMismatch(reason_of(error)).inside(f".{column.name}") from error

    def _cell_of(self, column: Column, value: Any) -> str:
        if column.nullable and is_missing(value):
            return self.null
        text = column.to_text(value)
        if column.nullable and (text == self.null or (not text and not column.is_text)):
            return '"' + text.replace('"', '""') + '"'
        return self.quoted(text)


def _places(record: RecordType, written: RecordType) -> list[int | None]:
    """The column of each field in rows of a writer's schema; None if they have none."""
    columns = {field.name: place for place, field in enumerate(written.fields)}
    return [
        next((columns[name] for name in (field.name, *field.aliases) if name in columns), None)
        for field in record.fields
    ]


class _RowSource:
    """Writes the source of the functions that read and write a row of usual cells."""

    def __init__(self, columns: list[Column], record: RecordType, shape: RecordShape, delimiter: str) -> None:
        self._columns = columns
        self._record = record
        self._shape = shape
        self._delimiter = delimiter

    def reader(self, slowly: Any, *, underscores: bool = False) -> Any:
        """The function that reads cells, given without and with their quotes.

        No quoted cell looks like null, and no cell has an underscore, which Python allows in numbers, unless with ``underscores``.
        """
        source = Source()
        source.use(make=self._shape.make, slowly=slowly, CAUGHT=_CAUGHT, wrong=_UnusualError)
        cells = [f"c{place}" for place in range(len(self._columns))]
        check = "if '_' in {c}: raise wrong" if underscores else ""
        reads = [self._read(source, column, cell, check) for column, cell in zip(self._columns, cells, strict=True)]
        body = lines(
            f"{tuple_of(cells)} = cells",
            *(lines(f"at = {place}", read) for place, read in enumerate(reads) if read),
            f"return make({tuple_of(cells)})",
        )
        text = function(
            "read(cells, raw)", "at = 0", "try:", indented(body), "except CAUGHT:", "    return slowly(cells, raw, at)"
        )
        source.add(text)
        return source.compile("read")

    def _read(self, source: Source, column: Column, c: str, check: str) -> str:
        name = column.type.name if isinstance(column.type, Scalar) else ""
        null = source.name_of(column.null, "null")
        if column.is_text:
            return f"if {c} == {null}: {c} = None" if column.nullable else ""
        if name in RANGES:
            low, high = RANGES[name]
            read = lines(check.format(c=c), f"{c} = int({c})", f"if not {low} <= {c} <= {high}: raise wrong")
        elif name == "double":
            read = lines(check.format(c=c), f"{c} = float({c})")
        else:
            value = c
            for step in column.steps:
                value = f"{source.name_of(step, 'read')}({value})"
            read = f"{c} = {value}"
        if not column.nullable:
            return read
        is_null = f"not {c} or {c} == {null}" if column.null else f"not {c}"
        return lines(f"if {is_null}:", f"    {c} = None", "else:", indented(read))

    def writer(self, order: Any, slowly: Any) -> Any:
        """The function that writes a row."""
        source = Source()
        write_cells, is_final = text_writer(self._delimiter)
        source.use(order=order, slowly=slowly, write_cells=write_cells, astuple=msgspec.structs.astuple)
        source.use(
            kind=self._shape.kind, wrong=_UnusualError, BOM=TEXT_MARK, place_of=place_of, CAUGHT=(*_CAUGHT, csv.Error)
        )
        struct = exact_struct(self._record, empty_texts=any(column.null for column in self._columns))
        changes = [
            lines(
                f"at, v = {place}, s.f{place}",
                f"{'if v is not None: ' if column.nullable else ''}s.f{place} = {source.name_of(column.to_text, 'write')}(v)",
            )
            for place, column in enumerate(self._columns)
            if not _is_plain(column)
        ]
        body = lines(
            *changes,
            "values = astuple(s)",
            f"null = {source.name_of(self._columns[0].null, 'null')}" if self._columns else "",
            *self._looks_null(),
            "values = [null if v is None else v for v in values]"
            if any(column.null for column in self._columns)
            else "",
            "text = write_cells(values)",
            f"if text and {is_final} and '\\n' not in text and '\\r' not in text and text[0] != BOM:",
            "    return text",
        )
        text = function(
            "write(row)",
            "if type(row) is not kind:\n    row = order(row)" if self._shape.kind else "row = order(row)",
            exact_source(self._record, struct, source, "return slowly(row, place_of(error))"),
            "at = 0",
            "try:",
            indented(body),
            "except CAUGHT:",
            "    pass",
            "return slowly(row, at)",
        )
        source.add(text)
        return source.compile("write")

    def _looks_null(self) -> list[str]:
        """Source that leaves values to the columns that would be read as null. The struct has refused texts that are empty."""
        nullable = [(column, place) for place, column in enumerate(self._columns) if column.nullable]
        texts = [f"values[{place}]" for column, place in nullable if column.is_text and column.null]
        empty = [f"values[{place}]" for column, place in nullable if not column.is_text and column.takes("")]
        if any(column.null and not column.is_text and column.takes(column.null) for column, _ in nullable):
            return ["raise wrong"]
        return [
            f"if null in {tuple_of(texts)}: raise wrong" if texts else "",
            f"if '' in {tuple_of(empty)}: raise wrong" if empty else "",
        ]


def _text_of(data: bytes) -> str:
    """A row without a byte order mark and a line break at its end. Raises DecodeError."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        refuse_other_encoding(data)
        raise DecodeError(f"not UTF-8: {error.reason} at byte {error.start}") from error
    if not text.isascii() and text[0] == TEXT_MARK:
        text = text[1:]
    return text.removesuffix("\n").removesuffix("\r")


def _is_plain(column: Column) -> bool:
    """Whether a value that was checked has its text by ``str``."""
    name = column.type.name if isinstance(column.type, Scalar) else ""
    return name in {"string", "int", "long", "double"} or isinstance(column.type, Enumeration)


class _UnusualError(ValueError):
    """A cell or a value that the fast function leaves to the columns."""


def _checked_delimiter(delimiter: str) -> str:
    typed = _ESCAPES.get(delimiter, delimiter) if isinstance(delimiter, str) else ""
    if not typed or set(typed) & set(f'"\r\n{TEXT_MARK}') or not _is_utf8(typed):
        raise ConfigurationError(
            f"delimiter={delimiter!r} must be text without a quote or a line break, such as ',' or '\\t'"
        )
    return typed


def _checked_null(null: str, delimiter: str) -> str:
    if not isinstance(null, str) or not _is_utf8(null):
        raise ConfigurationError(f"null={null!r} must be the text of a null, such as 'NA' or ''")
    if splits(null, delimiter) or set(null) & set('"\r\n'):
        raise ConfigurationError(f"null={null!r} must not contain the delimiter, a quote or a line break")
    return null


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _checked_booleans(booleans: tuple[str, str]) -> tuple[str, str]:
    right = (
        isinstance(booleans, (tuple, list)) and len(booleans) == 2 and all(isinstance(text, str) for text in booleans)
    )
    if (
        not right
        or booleans[0] == booleans[1]
        or BOOLEANS.get(booleans[0]) is False
        or BOOLEANS.get(booleans[1]) is True
    ):
        raise ConfigurationError(f"booleans={booleans!r} must be the texts of true and false, such as ('t', 'f')")
    return booleans[0], booleans[1]


def _zone(name: str | None) -> tzinfo | None:
    if name is None or name in {"UTC", "Z"}:
        return None if name is None else timezone.utc
    try:
        offset = _OFFSET.fullmatch(name)
        if offset:
            minutes = int(offset[2]) * 60 + int(offset[3])
            return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, TypeError, ValueError, OSError) as error:
        raise ConfigurationError(
            f"time_zone={name!r} must be 'UTC', an offset such as '+02:00', or a zone's name"
        ) from error
