"""Coders between Beam rows and the bytes of a record: AvroCoder, CSVCoder, JSONCoder.

Rules:
1. A coder is its schema and its settings: it pickles as these, and is recreated on a worker.
2. The same row always gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import apache_beam as beam
from apache_beam.typehints.row_type import RowTypeConstraint

from beam_dis.coders.row_values import from_row, to_row
from beam_dis.coders.schemas import row_type
from beam_dis.formats import AvroFormat, CSVFormat, Format, JSONFormat
from beam_dis.formats.mismatch import ValueMismatch

AvroSchema = str | Mapping[str, Any]


class _RowsCoder(beam.coders.Coder):
    """Reads and writes rows in a format; ``row_type`` is their NamedTuple."""

    def __init__(self, format_: Format, make: Callable[[str], _RowsCoder]) -> None:
        self._make = make
        self._schema_text = format_.schema.text
        self._decode, self._encode = format_.decode, format_.encode
        record = format_.schema.record
        self.row_type = row_type(record)
        self._to_row, self._from_row = to_row(record), from_row(record)

    def encode(self, value: Any) -> bytes:
        """The bytes of a row, a NamedTuple, a dataclass, a beam.Row or a dict. Raises EncodeError with the field's name."""
        try:
            return self._encode(self._from_row(value))
        except ValueMismatch as mismatch:
            raise mismatch.encode_error() from mismatch

    def decode(self, encoded: bytes) -> Any:
        """The row of a record's bytes. Raises DecodeError with the field's name."""
        return self._to_row(self._decode(encoded))

    def is_deterministic(self) -> bool:
        """True: maps are written in the order of their keys."""
        return True

    def to_type_hint(self) -> Any:
        """The row type as Beam's own type, so that Beam knows the types of the fields, also of keys made from them."""
        return RowTypeConstraint.from_user_type(self.row_type)

    def _settings(self) -> tuple[Any, ...]:
        return (self._schema_text,)

    def __reduce__(self) -> Any:
        return self._make, (self._schema_text,)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._settings() == self._settings()

    def __hash__(self) -> int:
        return hash((type(self), self._settings()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.row_type.__name__})"


class AvroCoder(_RowsCoder):
    """Schemaless Avro: the binary encoding of one value, by a schema.

    Args:
        schema: an Avro schema, as JSON text or as parsed JSON.

    Raises:
        ConfigurationError: it isn't an Avro schema, or has a type that isn't supported.
    """

    def __init__(self, schema: AvroSchema) -> None:
        super().__init__(AvroFormat(schema), AvroCoder)


class JSONCoder(_RowsCoder):
    """One JSON object per record; timestamps and dates are written as the schema's numbers.

    Args:
        schema: an Avro schema, as JSON text or as parsed JSON.

    Raises:
        ConfigurationError: it isn't an Avro schema, or has a type that isn't supported.
    """

    def __init__(self, schema: AvroSchema) -> None:
        super().__init__(JSONFormat(schema), JSONCoder)


class CSVCoder(_RowsCoder):
    """One row of CSV per record, columns in the order of the schema's fields; timestamps are ISO 8601 text.

    Args:
        schema: an Avro schema, as JSON text or as parsed JSON; flat.
        delimiter: one character.
        null: the text of a null in nullable columns, such as ``"NA"``.

    Raises:
        ConfigurationError: it isn't an Avro schema, has a type that isn't supported, or isn't flat.
    """

    def __init__(self, schema: AvroSchema, *, delimiter: str = ",", null: str = "") -> None:
        self._delimiter, self._null = delimiter, null
        super().__init__(
            CSVFormat(schema, delimiter=delimiter, null=null), partial(CSVCoder, delimiter=delimiter, null=null)
        )

    def _settings(self) -> tuple[Any, ...]:
        return (self._schema_text, self._delimiter, self._null)
