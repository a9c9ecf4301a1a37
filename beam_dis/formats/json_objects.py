"""JSON records: one object a record.

Law: unknown fields are ignored, absent ones take their default, null where they are nullable; anything else that doesn't
fit is refused, NaN and infinities too. Timestamps and dates are written as the schema's numbers, read as ISO 8601 too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from beam_dis.errors import DecodeError
from beam_dis.formats.encoding import encoded
from beam_dis.formats.misfit import Misfit, misfit_of, shown
from beam_dis.formats.scalars import SCALARS
from beam_dis.formats.schema import Schema, read_schema
from beam_dis.formats.shapes import checked, json_shape, plain, value_shape
from beam_dis.formats.walk import change_of


class JSONFormat:
    """JSON by an Avro schema, given as text, parsed JSON or a Schema."""

    def __init__(self, schema: str | Mapping[str, Any] | Schema) -> None:
        self.schema = schema if isinstance(schema, Schema) else read_schema(schema)
        record = self.schema.record
        self._decode = msgspec.json.Decoder(json_shape(record)).decode
        self._encode_struct = msgspec.json.Encoder(order="deterministic").encode
        self._encode_plain = msgspec.json.Encoder().encode
        self._shape = value_shape(record, finite=True)
        self._from_json = change_of(record, lambda name: SCALARS[name].from_json)
        self._to_json = change_of(record, lambda name: SCALARS[name].to_json)

    def decode(self, data: bytes) -> dict[str, Any]:
        """The value of a record's bytes. Raises DecodeError."""
        try:
            value = plain(self._decode(data))
            return value if self._from_json is None else self._from_json(value)
        except msgspec.MsgspecError as error:
            raise _misfit(error, data).decode_error() from error
        except (UnicodeDecodeError, RecursionError) as error:
            raise DecodeError(f"not a JSON object, {error}: {shown(data)}") from error
        except Misfit as misfit:
            raise misfit.decode_error() from misfit

    def encode(self, value: Mapping[str, Any]) -> bytes:
        """The bytes of a value. Raises EncodeError."""
        return encoded(self._write, value)

    def _write(self, value: Mapping[str, Any]) -> bytes:
        struct = checked(value, self._shape)
        return (
            self._encode_struct(struct) if self._to_json is None else self._encode_plain(self._to_json(plain(struct)))
        )


def _misfit(error: msgspec.MsgspecError, data: bytes) -> Misfit:
    """Reads the record again without a type, only to show the value that is wrong."""
    if not isinstance(error, msgspec.ValidationError):
        return misfit_of(error)
    try:
        return misfit_of(error, msgspec.json.decode(data))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return misfit_of(error)
