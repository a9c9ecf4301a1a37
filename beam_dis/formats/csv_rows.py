"""CSV records: one row per record, columns in the order of the schema's fields, quoted as in RFC 4180.

Rules:
1. A row has as many columns as the schema has fields.
2. ``null`` is the text of a null in nullable columns. In a nullable column that isn't text, an empty column is null too.
3. A value whose text would be read back as another value (text that looks like null) raises EncodeError.
4. A row may end with one line break. It is written without.
5. A byte order mark in front of a row is dropped. Text that begins with one is written in quotes.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from beam_dis.errors import ConfigurationError, DecodeError
from beam_dis.formats.byte_order_mark import TEXT_MARK, refuse_other_encoding, without_mark
from beam_dis.formats.encoding import RecordWriter
from beam_dis.formats.mismatch import ValueMismatch
from beam_dis.formats.scalars import SCALARS, ScalarCodec
from beam_dis.formats.schema import (
    ArrayOf,
    Enumeration,
    MapOf,
    Nullable,
    RecordField,
    RecordType,
    Scalar,
    Schema,
    read_schema,
)
from beam_dis.formats.structs import checked, value_struct
from beam_dis.plain_values import shown

_NESTED_TYPES: dict[type, str] = {ArrayOf: "an array", MapOf: "a map", RecordType: "a record"}
_UNREADABLE = (ValueError, OverflowError, msgspec.ValidationError)
_SPECIAL = re.compile(f'["\\r\\n\\0]|^{TEXT_MARK}').search


class _Column(NamedTuple):
    """One column: its name and its type for messages, and how its text is read and written."""

    name: str
    type_name: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]


class CSVFormat:
    """CSV by an Avro schema of flat fields, given as text, parsed JSON or a Schema.

    ``delimiter`` is one character, ``null`` the text of a null in nullable columns ("" for an empty column).
    """

    def __init__(self, schema: str | Mapping[str, Any] | Schema, *, delimiter: str = ",", null: str = "") -> None:
        self.schema = schema if isinstance(schema, Schema) else read_schema(schema)
        self.delimiter = _checked_delimiter(delimiter)
        self.null = _checked_null(null)
        self._columns = [_column(field, null) for field in self.schema.record.fields]
        self._names = [column.name for column in self._columns]
        self._readers = [column.read for column in self._columns]
        self._writers = [column.write for column in self._columns]
        self._struct = value_struct(self.schema.record)
        self._writer = RecordWriter(self.schema.record, self._write)

    def decode(self, data: bytes) -> dict[str, Any]:
        """The value of a row. Raises DecodeError."""
        cells = self._cells(data)
        if len(cells) != len(self._names):
            raise DecodeError(f"{len(cells)} columns, but the schema has {len(self._names)} fields: {shown(data)}")
        try:
            return dict(
                zip(self._names, [read(cell) for read, cell in zip(self._readers, cells, strict=True)], strict=True)
            )
        except _UNREADABLE as error:
            raise self._unreadable(cells) from error

    def encode(self, value: Mapping[str, Any]) -> bytes:
        """The row of a value. Raises EncodeError."""
        return self._writer.encode(value)

    def _write(self, value: Mapping[str, Any]) -> bytes:
        values = msgspec.structs.astuple(checked(value, self._struct))
        return self._row(self._texts(values)).encode()

    def _cells(self, data: bytes) -> list[str]:
        try:
            text = without_mark(data).decode()
        except UnicodeDecodeError as error:
            refuse_other_encoding(data)
            raise DecodeError(f"not UTF-8: {error}") from error
        text = text.removesuffix("\n").removesuffix("\r")
        if '"' in text:
            return self._quoted_cells(text)
        if "\n" in text or "\r" in text:
            raise DecodeError(f"a line break outside of quotes, which is more than one row: {shown(text)}")
        return text.split(self.delimiter)

    def _quoted_cells(self, text: str) -> list[str]:
        try:
            return next(csv.reader([text], delimiter=self.delimiter, strict=True))
        except csv.Error as error:
            raise DecodeError(f"not a row of CSV, {error}: {shown(text)}") from error

    def _texts(self, values: tuple[Any, ...]) -> list[str]:
        try:
            return [write(value) for write, value in zip(self._writers, values, strict=True)]
        except _UNREADABLE as error:
            raise self._unwritable(values) from error

    def _row(self, texts: list[str]) -> str:
        row = self.delimiter.join(texts)
        if row and not _SPECIAL(row) and row.count(self.delimiter) == len(texts) - 1:
            return row
        quoted = [self._quoted(column.name, text) for column, text in zip(self._columns, texts, strict=True)]
        return '""' if quoted == [""] else self.delimiter.join(quoted)

    def _quoted(self, name: str, text: str) -> str:
        if self.delimiter not in text and not _SPECIAL(text):
            return text
        if "\0" in text:
            raise ValueMismatch(f"{shown(text)} holds a NUL character, which CSV readers refuse", f".{name}")
        if len(text) > csv.field_size_limit():
            raise ValueMismatch(
                f"{len(text)} characters in quotes are more than csv.field_size_limit() allows to read", f".{name}"
            )
        return '"' + text.replace('"', '""') + '"'

    def _unwritable(self, values: tuple[Any, ...]) -> ValueMismatch:
        for column, value in zip(self._columns, values, strict=True):
            try:
                column.write(value)
            except _UNREADABLE as error:  # noqa: PERF203 - only after a value has failed
                return ValueMismatch(f"{shown(value)} can't be written: {error}", f".{column.name}")
        raise AssertionError(values)

    def _unreadable(self, cells: list[str]) -> DecodeError:
        for column, cell in zip(self._columns, cells, strict=True):
            try:
                column.read(cell)
            except _UNREADABLE as error:  # noqa: PERF203 - only after a row has failed
                return DecodeError(f"{shown(cell)} can't be read as {column.type_name}: {error}", field=column.name)
        raise AssertionError(cells)


def _checked_delimiter(delimiter: str) -> str:
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in f'"\r\n\0{TEXT_MARK}':
        raise ConfigurationError(f"delimiter {delimiter!r} must be one character, and not a quote or a line break")
    return delimiter


def _checked_null(null: str) -> str:
    if not isinstance(null, str):
        raise ConfigurationError(f"null={null!r} must be the text of a null, such as 'NA' or ''")
    return null


def _column(field: RecordField, null: str) -> _Column:
    type_ = field.type.of if isinstance(field.type, Nullable) else field.type
    if not isinstance(type_, (Scalar, Enumeration)):
        raise ConfigurationError(
            f"field {field.name!r} is {_NESTED_TYPES[type(type_)]}: a CSV column has one value, use JSON or Avro"
        )
    name, codec = (type_.name, SCALARS[type_.name]) if isinstance(type_, Scalar) else ("symbol", _symbols(type_))
    if not isinstance(field.type, Nullable):
        return _Column(field.name, name, codec.from_text, codec.to_text)
    nulls = frozenset({null} if name == "string" else {null, ""})
    return _Column(field.name, f"{name} or null", _nullable_read(codec, nulls), _nullable_write(codec, null, nulls))


def _nullable_read(codec: ScalarCodec, nulls: frozenset[str]) -> Callable[[str], Any]:
    read = codec.from_text
    return lambda text: None if text in nulls else read(text)


def _nullable_write(codec: ScalarCodec, null: str, nulls: frozenset[str]) -> Callable[[Any], str]:
    def write(value: Any) -> str:
        if value is None:
            return null
        text = codec.to_text(value)
        if text in nulls:
            raise ValueError(f"{text!r} would be read as null; choose another text with null=")
        return text

    return write


def _symbols(enumeration: Enumeration) -> ScalarCodec:
    def read(text: str) -> str:
        if text not in enumeration.symbols:
            raise ValueError(f"it is not one of {', '.join(enumeration.symbols)}")
        return text

    return ScalarCodec(value=str, json=str, from_text=read, to_text=str.__str__)
