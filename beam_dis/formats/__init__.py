"""Records by a stream's data_type and data_schema: CSV, JSON and schemaless Avro, both directions.

Law: pure. Bytes go to plain Python values and back; no Beam, no network, no clock. A value of a schema is a dict in field
order that holds bool, int, float, str, bytes, aware datetime in UTC (timestamps), date, list (arrays), dict (maps and
nested records) and None; for each such value ``decode(encode(value)) == value``. What doesn't fit the schema is a
DecodeError or an EncodeError that names the field; what the schema may not hold is a ConfigurationError, when the format
is made. Avro's fixed, decimal, times of day, uuid, unions of more than null and one type, and recursion are refused so.
"""

from beam_dis.formats.avro_binary import AvroFormat
from beam_dis.formats.csv_rows import CSVFormat
from beam_dis.formats.format import Format, format_of
from beam_dis.formats.json_objects import JSONFormat
from beam_dis.formats.schema import Schema, read_schema

__all__ = ["AvroFormat", "CSVFormat", "Format", "JSONFormat", "Schema", "format_of", "read_schema"]
