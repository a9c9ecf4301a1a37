"""JSON records: one object per record.

Rules:
1. ``json_reader`` and ``json_writer`` say what a value is in JSON.
2. A byte order mark at the start is dropped.
3. Anything that doesn't fit the schema is refused, NaN and infinities too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from beam_dis.errors import DecodeError
from beam_dis.formats.byte_order_mark import refuse_other_encoding, without_mark
from beam_dis.formats.json_reader import JSONReader
from beam_dis.formats.json_writer import JSONWriter, plain_values
from beam_dis.formats.mismatch import ValueMismatch
from beam_dis.formats.refusals import refusal
from beam_dis.formats.schema import read_schema
from beam_dis.formats.type_tree import Schema
from beam_dis.formats.value_types import PLAIN, ValueTypes
from beam_dis.plain_values import shown


class JSONFormat:
    """JSON by an Avro schema, given as text, parsed JSON or a Schema."""

    def __init__(self, schema: str | Mapping[str, Any] | Schema, types: ValueTypes = PLAIN) -> None:
        self.schema = schema if isinstance(schema, Schema) else read_schema(schema)
        reader = JSONReader(self.schema, types)
        self._read = reader.reader_of(self.schema.record)
        self.encode = JSONWriter(self.schema, types, reader).encoder_of(self.schema.record, self._encode_plain)
        """The bytes of a value. Raises EncodeError."""

    def decode(self, data: bytes) -> Any:
        """The value of a record's bytes. Raises DecodeError."""
        try:
            return self._read(without_mark(data))
        except ValueMismatch as mismatch:
            refuse_other_encoding(data)
            raise mismatch.decode_error() from mismatch
        except RecursionError as error:
            raise DecodeError(f"not a JSON object, {error}: {shown(data)}") from error

    def _encode_plain(self, value: Any, error: Exception) -> bytes:
        """Write a value that failed because of a subclass of str, with Python's own texts in place of them. Raises EncodeError."""
        if isinstance(error, ValueMismatch):
            raise error.encode_error() from error
        return self.encode(plain_values(value), _refuse) if isinstance(error, TypeError) else _refuse(value, error)


def _refuse(value: Any, error: Exception) -> NoReturn:
    raise refusal(value, error) from error
