"""What ``beam-dis put`` makes of a line: the data of its record, and its key.

Rules:
1. A line of CSV or JSON is read by the stream's schema, and written as the stream's records are. Without a schema it is checked to be
   CSV or a JSON object, and is sent as it is.
2. Every failure is a DISError that names the field.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from beam_dis.cli.exits import Failed
from beam_dis.cli.stream_values import format_of_stream
from beam_dis.errors import DecodeError, DISError, EncodeError
from beam_dis.field_values import FieldValue
from beam_dis.formats import CSVFormat, JSONFormat, Schema
from beam_dis.formats.byte_order_mark import without_mark
from beam_dis.formats.mismatch import brief
from beam_dis.formats.several_rows import CSVHeaderFormat
from beam_dis.formats.value_types import PLAIN
from beam_dis.names import checked_partition_key, did_you_mean
from beam_dis.plain_values import shown
from beam_dis.stream_service import StreamListing

Values = Callable[[bytes], "tuple[bytes, str | None]"]
"""A line → the data and the key of its record. Raises DISError."""


def values_of_json(listing: StreamListing, key: str | None) -> Values:
    """For lines that are JSON objects. Raises Failed if the schema has no field of the key's name."""
    if listing.data_schema is None:
        return partial(_checked_object, _key_of(key, None))
    format_ = format_of_stream(listing)
    read = JSONFormat(format_.schema).decode
    return partial(_encoded, read, format_.encode, _key_of(key, format_.schema))


def values_of_csv(listing: StreamListing, key: str | None, *, delimiter: str, header: bytes | None) -> Values:
    """For rows of CSV, after a ``header`` with the names of the columns, or in the order of the schema's fields.

    Raises:
        Failed: the columns don't fit the schema, or there is none of the key's name.
    """
    if listing.data_schema is None:
        return _values_of_cells(key, delimiter, header)
    format_ = format_of_stream(listing)
    one = CSVFormat(format_.schema, delimiter=delimiter)
    read: Callable[[bytes], Any] = one.decode
    if header is not None:
        try:
            read = CSVHeaderFormat(one, PLAIN, partial(CSVFormat, delimiter=delimiter)).reader(header)
        except DecodeError as error:
            raise Failed(f"line 1: {error}; without a header, add --no-header") from error
    return partial(_encoded, read, format_.encode, _key_of(key, format_.schema))


def _encoded(
    read: Callable[[bytes], Any], write: Callable[[Any], bytes], key_of: Callable[[Any], str | None], line: bytes
) -> tuple[bytes, str | None]:
    value = read(line.removesuffix(b"\r"))
    return write(value), key_of(value)


def _checked_object(key_of: Callable[[Any], str | None], line: bytes) -> tuple[bytes, str | None]:
    line = without_mark(line)
    try:
        value = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not a JSON object, {brief(error)}: {shown(line)}") from error
    return line, key_of(value)


def _values_of_cells(key: str | None, delimiter: str, header: bytes | None) -> Values:
    if key is None:
        return lambda line: (line, None)
    if header is None:
        raise Failed(f"--key {key}: columns have no names without a header, and the stream has no schema")
    names = [name.strip() for name in _cells(header, delimiter)]
    if key not in names:
        raise Failed(f"--key {key}: the header has no such column{did_you_mean(key, names)}: it has {shown(names)}")
    place = names.index(key)

    def values(line: bytes) -> tuple[bytes, str | None]:
        cells = _cells(line, delimiter)
        if len(cells) != len(names):
            raise DecodeError(f"{len(cells)} columns, but the header has {len(names)}: {shown(line)}")
        return line, _text_of(key, cells[place])

    return values


def _cells(line: bytes, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line.decode("utf-8-sig")], delimiter=delimiter, strict=True), [])
    except (csv.Error, UnicodeDecodeError, TypeError) as error:
        raise DecodeError(f"not a row of CSV, {brief(error)}: {shown(line)}") from error


def _key_of(field: str | None, schema: Schema | None) -> Callable[[Any], str | None]:
    if field is None:
        return lambda _value: None
    names = [] if schema is None else [each.name for each in schema.record.fields]
    if schema is not None and field not in names:
        raise Failed(
            f"--key {field}: the stream's schema has no such field{did_you_mean(field, names)}: it has {shown(names)}"
        )
    get = FieldValue(field)
    return lambda value: _text_of(field, get(value))


def _text_of(field: str, value: Any) -> str | None:
    """A key: text and numbers as text; null and empty text are no key."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise EncodeError(f"field {field!r}: {shown(value)} is no key: give a field of text or whole numbers")
    try:
        return checked_partition_key("key", str(value))
    except DISError as error:
        raise EncodeError(f"field {field!r}: {error}") from error
