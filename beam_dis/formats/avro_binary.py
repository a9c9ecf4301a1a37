"""Schemaless Avro records: the binary encoding of one value, without a container and without a schema id.

Rules:
1. A record is exactly one value, to the last byte.
2. Values are checked before they are written, because fastavro's writer cuts and wraps wrong ones without an error.
3. The data don't say which schema they were written with. Reading them with another schema is an error at best.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from io import BytesIO
from typing import Any

import fastavro

from beam_dis.errors import DecodeError
from beam_dis.formats.conversions import Conversion, conversion_of
from beam_dis.formats.encoding import RecordWriter
from beam_dis.formats.schema import Schema, read_schema
from beam_dis.formats.structs import checked, plain, value_struct

_SINGLE = struct.Struct("<f")

_UNREADABLE = (EOFError, LookupError, ValueError, OverflowError, TypeError, struct.error)
"""The errors of fastavro for bytes that aren't a value of the schema."""


class AvroFormat:
    """Schemaless Avro, with the schema given as text, parsed JSON or a Schema."""

    def __init__(self, schema: str | Mapping[str, Any] | Schema) -> None:
        self.schema = schema if isinstance(schema, Schema) else read_schema(schema)
        self._avro = self.schema.avro
        self._struct = value_struct(self.schema.record)
        self._in_single = conversion_of(self.schema.record, _check_single)
        self._writer = RecordWriter(self.schema.record, self._write)

    def decode(self, data: bytes) -> dict[str, Any]:
        """The value of a record's bytes. Raises DecodeError."""
        stream = BytesIO(data)
        try:
            value: Any = fastavro.schemaless_reader(stream, self._avro, None)
        except _UNREADABLE as error:
            raise self._unreadable(data, error) from error
        if stream.tell() != len(data):
            raise DecodeError(
                f"{len(data) - stream.tell()} bytes are left after the value: it was written with another schema"
            )
        return value  # type: ignore[no-any-return]

    def encode(self, value: Mapping[str, Any]) -> bytes:
        """The bytes of a value. Raises EncodeError."""
        return self._writer.encode(value)

    def _write(self, value: Mapping[str, Any]) -> bytes:
        whole = plain(checked(value, self._struct))
        stream = BytesIO()
        fastavro.schemaless_writer(stream, self._avro, whole if self._in_single is None else self._in_single(whole))
        return stream.getvalue()

    def _unreadable(self, data: bytes, error: Exception) -> DecodeError:
        """Find the field at fault by reading one field more each time; slow, but only for records that can't be read."""
        fields = self._avro["fields"]
        for count, field in enumerate(fields, start=1):
            head = fastavro.parse_schema({"type": "record", "name": self._avro["name"], "fields": fields[:count]})
            try:
                fastavro.schemaless_reader(BytesIO(data), head, None)
            except _UNREADABLE:
                return DecodeError(
                    f"{len(data)} bytes can't be read as the schema says: {error!r}", field=field["name"]
                )
        return DecodeError(f"{len(data)} bytes can't be read as the schema says: {error!r}")


def _check_single(name: str) -> Conversion | None:
    def check(value: float) -> float:
        _SINGLE.pack(value)
        return value

    return check if name == "float" else None
