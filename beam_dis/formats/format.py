"""Chooses the format of a stream's records, by the stream's description.

Rules:
1. ``data_type`` and ``data_schema`` decide, by one table.
2. A description that doesn't decide raises ConfigurationError, which says what to do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from beam_dis.errors import ConfigurationError
from beam_dis.formats.avro_binary import AvroFormat
from beam_dis.formats.csv_rows import CSVFormat
from beam_dis.formats.json_objects import JSONFormat
from beam_dis.formats.schema import read_schema
from beam_dis.formats.type_tree import Schema

MOST_ROWS = 1_000_000
"""The most rows that a record may have."""


class Rows(list[Any]):
    """The values of a record that holds several; a list, so that it is never taken for one value that is a list."""


class Format(Protocol):
    """Reads and writes the values of a schema."""

    schema: Schema

    def decode(self, data: bytes) -> Any:
        """The value of a record's bytes, fields in the order of the schema, or :class:`Rows` of such values.

        Raises DecodeError with the field's path.
        """
        ...

    def encode(self, value: Any) -> bytes:
        """The bytes of a value. Raises EncodeError with the field's path and the value."""
        ...


def format_of(data_type: str, data_schema: str | None, *, delimiter: str = ",", null: str = "") -> Format:
    """The format of a stream.

    Args:
        data_type: ``"BLOB"``, ``"JSON"`` or ``"CSV"``. A BLOB stream with a schema holds schemaless Avro (ours: the service
            leaves the bytes of a BLOB to its users).
        data_schema: an Avro schema as JSON text.
        delimiter: CSV only.
        null: CSV only: the text of a null.

    Raises:
        ConfigurationError: there is no schema, or rows can't be read by it.
    """
    make = _FORMATS.get(data_type)
    if make is None:
        raise ConfigurationError(f"data_type {data_type!r} is not one of {', '.join(_FORMATS)}")
    if not data_schema:
        raise ConfigurationError(
            f"a stream of data_type {data_type} without a data_schema holds bytes, not rows:"
            " give the stream a schema, or read it with a coder such as AvroCoder(schema), or as bytes"
        )
    return make(read_schema(data_schema), delimiter, null)


_FORMATS: dict[str, Callable[[Schema, str, str], Format]] = {
    "BLOB": lambda schema, _delimiter, _null: AvroFormat(schema),
    "JSON": lambda schema, _delimiter, _null: JSONFormat(schema),
    "CSV": lambda schema, delimiter, null: CSVFormat(schema, delimiter=delimiter, null=null),
}
