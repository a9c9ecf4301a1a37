"""Records as rows of one field, ``payload``: the record's bytes, or its text.

The name of the field is that of Beam YAML's own sources, whose formats RAW and STRING give such rows.
"""

from __future__ import annotations

from typing import Any

from beam_dis.errors import DecodeError, EncodeError
from beam_dis.formats.schema import read_schema
from beam_dis.formats.value_types import ValueTypes
from beam_dis.plain_values import plain_value, shown

FIELD = "payload"


class PayloadFormat:
    """Bytes, or with ``text`` UTF-8 text, as the only field of a row."""

    def __init__(self, values: ValueTypes, *, text: bool) -> None:
        type_ = "string" if text else "bytes"
        self.schema = read_schema({"type": "record", "name": "Payload", "fields": [{"name": FIELD, "type": type_}]})
        self._make = values.record(self.schema.record).make
        self._text = text

    def decode(self, data: bytes) -> Any:
        """The row of a record. Raises DecodeError if it should be text and isn't."""
        if not self._text:
            return self._make((data,))
        try:
            return self._make((data.decode(),))
        except UnicodeDecodeError as error:
            raise DecodeError(
                f"not UTF-8 text: {error.reason} at byte {error.start} of {shown(data)}", field=FIELD
            ) from error

    def encode(self, value: Any) -> bytes:
        """The bytes of a row. Raises EncodeError."""
        return payload_bytes(value[FIELD] if isinstance(value, dict) else getattr(value, FIELD), FIELD)


def payload_bytes(payload: Any, field: str) -> bytes:
    """Bytes as they are, text as UTF-8. Raises EncodeError, which names the field, for anything else."""
    payload = plain_value(payload)
    if isinstance(payload, bytes):
        return payload
    if not isinstance(payload, str):
        raise EncodeError(
            f"field {field!r}: {shown(payload)} is of type {type(payload).__name__}, neither bytes nor text"
        )
    try:
        return payload.encode()
    except UnicodeEncodeError:
        raise EncodeError(f"field {field!r}: {shown(payload)} can't be encoded as UTF-8") from None
