"""Reads and writes records by a stream's data_type and data_schema: CSV, JSON and schemaless Avro.

Rules:
1. Pure: bytes to plain Python values and back. No Beam, no network, no clock.
2. A value of a schema is a dict in field order. It holds bool, int, float, str, bytes, aware datetimes in UTC (timestamps),
   date, list (arrays), dict (maps and nested records) and None.
3. ``decode(encode(value)) == value`` for every such value.
4. Data that doesn't fit the schema raises DecodeError or EncodeError, with the name of the field.
5. A schema that isn't Avro's, or isn't a record, raises ConfigurationError when the format is made.
6. ``compression``, ``several_rows`` and ``framing`` have formats around these, and :class:`Rows` is what a record of several has.
"""

from beam_dis.formats.avro_binary import AvroFormat
from beam_dis.formats.csv_rows import CSVFormat
from beam_dis.formats.format import Format, Rows, format_of
from beam_dis.formats.json_objects import JSONFormat
from beam_dis.formats.schema import read_schema
from beam_dis.formats.type_tree import Schema

__all__ = ["AvroFormat", "CSVFormat", "Format", "JSONFormat", "Rows", "Schema", "format_of", "read_schema"]
