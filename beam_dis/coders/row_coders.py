"""Coders between Beam rows and the bytes of a record: AvroCoder, CSVCoder, JSONCoder.

Rules:
1. A coder is its schema and its settings: it pickles as these, and is recreated on a worker.
2. The same row always gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import apache_beam as beam

from beam_dis.coders.row_types import RowTypeHint
from beam_dis.coders.row_values import RowValues
from beam_dis.formats import AvroFormat, CSVFormat, Format, JSONFormat

AvroSchema = str | Mapping[str, Any]


class _RowsCoder(beam.coders.Coder):
    """Reads and writes rows in a format; ``row_type`` is their NamedTuple."""

    def __init__(self, format_: Format, values: RowValues, **settings: Any) -> None:
        self._schema_text = format_.schema.text
        self._settings = settings
        self._decode, self._encode = format_.decode, format_.encode
        self.row_type = values.row_type(format_.schema.record)

    def encode(self, value: Any) -> bytes:
        """The bytes of a row, a NamedTuple, a dataclass, a beam.Row or a dict. Raises EncodeError with the field's name."""
        return self._encode(value)

    def decode(self, encoded: bytes) -> Any:
        """The row of a record's bytes. Raises DecodeError with the field's name."""
        return self._decode(encoded)

    def is_deterministic(self) -> bool:
        """True: maps are written in the order of their keys."""
        return True

    def to_type_hint(self) -> Any:
        """The row type as Beam's own type, so that Beam knows the types of the fields, also of keys made from them."""
        return RowTypeHint(self.row_type)

    def __reduce__(self) -> Any:
        return partial(type(self), **self._settings), (self._schema_text,)

    def __eq__(self, other: object) -> bool:
        return (
            type(other) is type(self) and other._schema_text == self._schema_text and other._settings == self._settings
        )

    def __hash__(self) -> int:
        return hash((type(self), self._schema_text, repr(self._settings)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.row_type.__name__})"


class AvroCoder(_RowsCoder):
    """Schemaless Avro: the binary encoding of one value, by a schema.

    Args:
        schema: an Avro schema, as JSON text or as parsed JSON.
        times: what times and dates are in a row: ``"beam"``, Beam Timestamps and dates; ``"numbers"``, the schema's numbers;
            ``"text"``, ISO 8601 text.

    Raises:
        ConfigurationError: it isn't an Avro schema of a record.
    """

    def __init__(self, schema: AvroSchema, *, times: str = "beam") -> None:
        values = RowValues(times)
        super().__init__(AvroFormat(schema, values), values, times=times)


class JSONCoder(_RowsCoder):
    """One JSON object per record; timestamps and dates are written as the schema's numbers.

    Args:
        schema: an Avro schema, as JSON text or as parsed JSON.
        times: what times and dates are in a row: ``"beam"``, Beam Timestamps and dates; ``"numbers"``, the schema's numbers;
            ``"text"``, ISO 8601 text.

    Raises:
        ConfigurationError: it isn't an Avro schema of a record.
    """

    def __init__(self, schema: AvroSchema, *, times: str = "beam") -> None:
        values = RowValues(times)
        super().__init__(JSONFormat(schema, values), values, times=times)


class CSVCoder(_RowsCoder):
    """One row of CSV per record, columns in the order of the schema's fields; timestamps are ISO 8601 text.

    Args:
        schema: an Avro schema, as JSON text or as parsed JSON; flat.
        delimiter: one character or several; a backslash and a ``t``, as users type it, are a tab.
        null: the text of a null in nullable columns, such as ``"NA"``.
        booleans: the texts of true and false, such as ``("t", "f")`` or ``("1", "0")``. ``true`` and ``false`` are read too.
        time_zone: the zone of timestamps whose text has none, as databases print them: ``"UTC"``, ``"+02:00"`` or
            ``"Europe/Berlin"``. By default they are refused.
        times: what times and dates are in a row: ``"beam"``, Beam Timestamps and dates; ``"numbers"``, the schema's numbers;
            ``"text"``, ISO 8601 text.

    Raises:
        ConfigurationError: it isn't an Avro schema of a record, or isn't flat, or an option is wrong.
    """

    def __init__(
        self,
        schema: AvroSchema,
        *,
        delimiter: str = ",",
        null: str = "",
        booleans: tuple[str, str] = ("true", "false"),
        time_zone: str | None = None,
        times: str = "beam",
    ) -> None:
        values = RowValues(times)
        options: Any = {"delimiter": delimiter, "null": null, "booleans": booleans, "time_zone": time_zone}
        super().__init__(CSVFormat(schema, values, **options), values, times=times, **options)
