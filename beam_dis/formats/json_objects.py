"""JSON records: one object per record.

Rules:
1. Unknown fields are ignored. A missing field has its default; without one it is null if it is nullable.
2. An integral number such as ``5.0`` is read as an int.
3. Anything else that doesn't fit the schema is refused, NaN and infinities too.
4. Timestamps and dates are written as the schema's numbers. ISO 8601 text is read too.
4. A byte order mark in front of the object is dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from beam_dis.errors import DecodeError
from beam_dis.formats.byte_order_mark import refuse_other_encoding, without_mark
from beam_dis.formats.conversions import conversion_of
from beam_dis.formats.encoding import RecordWriter
from beam_dis.formats.mismatch import ValueMismatch, mismatch_of
from beam_dis.formats.scalars import INTEGERS, SCALARS, whole
from beam_dis.formats.schema import Schema, read_schema
from beam_dis.formats.structs import checked, json_struct, plain, value_struct
from beam_dis.plain_values import shown


class JSONFormat:
    """JSON by an Avro schema, given as text, parsed JSON or a Schema."""

    def __init__(self, schema: str | Mapping[str, Any] | Schema) -> None:
        self.schema = schema if isinstance(schema, Schema) else read_schema(schema)
        record = self.schema.record
        self._decode = msgspec.json.Decoder(json_struct(record)).decode
        self._encode_struct = msgspec.json.Encoder(order="deterministic").encode
        self._encode_plain = msgspec.json.Encoder().encode
        self._struct = value_struct(record, finite=True)
        self._from_json = conversion_of(record, lambda name: SCALARS[name].from_json)
        self._with_whole_numbers = conversion_of(record, lambda name: whole if name in INTEGERS else None)
        self._to_json = conversion_of(record, lambda name: SCALARS[name].to_json)
        self._writer = RecordWriter(record, self._write)

    def decode(self, data: bytes) -> dict[str, Any]:
        """The value of a record's bytes. Raises DecodeError."""
        data = without_mark(data)
        try:
            value = plain(self._struct_of(data))
            return value if self._from_json is None else self._from_json(value)
        except msgspec.MsgspecError as error:
            refuse_other_encoding(data)
            raise _mismatch(error, data).decode_error() from error
        except (UnicodeDecodeError, RecursionError) as error:
            raise DecodeError(f"not a JSON object, {error}: {shown(data)}") from error
        except ValueMismatch as mismatch:
            raise mismatch.decode_error() from mismatch

    def _struct_of(self, data: bytes) -> Any:
        """Read a record. One that doesn't fit is read again with its integral floats as ints, if it has ints."""
        try:
            return self._decode(data)
        except msgspec.ValidationError:
            if self._with_whole_numbers is None:
                raise
            return self._decode(msgspec.json.encode(self._with_whole_numbers(msgspec.json.decode(data))))

    def encode(self, value: Mapping[str, Any]) -> bytes:
        """The bytes of a value. Raises EncodeError."""
        return self._writer.encode(value)

    def _write(self, value: Mapping[str, Any]) -> bytes:
        struct = checked(value, self._struct)
        return (
            self._encode_struct(struct) if self._to_json is None else self._encode_plain(self._to_json(plain(struct)))
        )


def _mismatch(error: msgspec.MsgspecError, data: bytes) -> ValueMismatch:
    """Read the record again without a type, to show the value that is wrong."""
    if not isinstance(error, msgspec.ValidationError):
        return mismatch_of(error)
    try:
        return mismatch_of(error, msgspec.json.decode(data))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return mismatch_of(error)
