"""Schemaless Avro records: the binary encoding of one value, and nothing else. ``framing`` has the others.

Rules:
1. A record is exactly one value, to the last byte.
2. The data don't say which schema they were written with. Reading them with another schema is an error at best, unless
   that schema is given too: then they are resolved.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beam_dis.errors import DecodeError, EncodeError
from beam_dis.formats.avro_reader import AvroReader
from beam_dis.formats.avro_writer import AvroWriter
from beam_dis.formats.json_writer import JSONTexts
from beam_dis.formats.mismatch import ValueMismatch
from beam_dis.formats.resolution import ResolvingReader
from beam_dis.formats.schema import read_schema
from beam_dis.formats.type_tree import Schema
from beam_dis.formats.value_types import PLAIN, ValueTypes
from beam_dis.plain_values import shown


class AvroFormat:
    """Schemaless Avro, with the schema given as text, parsed JSON or a Schema.

    Records to read were written with the schema ``writer``; None is the schema itself. Raises ValueMismatch if the two can't be
    resolved.
    """

    def __init__(
        self, schema: str | Mapping[str, Any] | Schema, types: ValueTypes = PLAIN, writer: Schema | None = None
    ) -> None:
        self.schema = schema if isinstance(schema, Schema) else read_schema(schema)
        self.types = types
        texts = JSONTexts(self.schema, types)
        reader = (
            AvroReader(self.schema, types, texts.writer)
            if writer is None
            else ResolvingReader(self.schema, types, writer)
        )
        self._read = reader.function()
        self._write = AvroWriter(self.schema, types, texts.reader).function()

    def decode(self, data: bytes) -> Any:
        """The value of a record's bytes. Raises DecodeError."""
        end = len(data)
        value, pos = self.decode_at(data, 0, end)
        if pos != end:
            raise DecodeError(f"{end - pos} bytes are left after the value: it was written with another schema")
        return value

    def decode_at(self, data: bytes, pos: int, end: int) -> tuple[Any, int]:
        """The value at a position, and the position after it; ``end`` is that of the data. Raises DecodeError."""
        try:
            return self._read(data, pos, end)
        except ValueMismatch as mismatch:
            raise mismatch.decode_error() from mismatch
        except RecursionError as error:
            raise DecodeError(f"{end} bytes are nested too deeply: {shown(data)}") from error

    def encode(self, value: Any) -> bytes:
        """The bytes of a value. Raises EncodeError."""
        try:
            return self._write(value)
        except ValueMismatch as mismatch:
            raise mismatch.encode_error() from mismatch
        except RecursionError as error:
            raise EncodeError(f"{shown(value)} can't be written: it is nested too deeply ({error})") from error
