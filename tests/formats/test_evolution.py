"""Records of a writer's schema are read as values of a later one as fastavro reads them, for versions drawn at random."""

import json
import math
from io import BytesIO

import fastavro
import pytest
from avro_forms import branch_of, named_types, without_logical_types
from avro_schemas import same
from hypothesis import HealthCheck, event, given, settings
from schema_changes import versions

from beam_dis.errors import ConfigurationError, DecodeError
from beam_dis.formats import AvroFormat, read_schema
from beam_dis.formats.avro_versions import resolved
from beam_dis.formats.scalars import single
from beam_dis.formats.value_types import PLAIN


def agrees(schema, ours, fast, named):
    """Whether our value is the one of fastavro.

    These faults of fastavro count as the right value:

    1. A default is as the schema's JSON has it: bytes are text, an int may stand for a double, and fields of a record that have
       defaults of their own may be missing.
    2. A number that becomes a ``float`` isn't rounded to 32 bits.
    3. Of a union's branches it takes the first that a value can become, also if a later one is of the written type.
    """
    if isinstance(schema, list):
        return union_agrees(schema, ours, fast, named)
    schema = named.get(schema, schema) if isinstance(schema, str) else schema
    kind = schema if isinstance(schema, str) else schema["type"]
    if isinstance(fast, dict) and isinstance(ours, str):  # a record inside itself
        return json.loads(ours) == fast
    if kind == "record":
        return all(
            agrees(field["type"], ours[field["name"]], fast[field["name"]], named)
            for field in schema["fields"]
            if field["name"] in fast or "default" not in field
        )
    if kind == "array":
        return len(ours) == len(fast) and all(
            agrees(schema["items"], *pair, named) for pair in zip(ours, fast, strict=True)
        )
    if kind == "map":
        return ours.keys() == fast.keys() and all(agrees(schema["values"], ours[key], fast[key], named) for key in ours)
    return scalar_agrees(kind, ours, fast)


def scalar_agrees(kind, ours, fast):
    if kind in {"bytes", "fixed"} and isinstance(fast, str):
        return ours == fast.encode("latin-1")
    if kind in {"float", "double"}:
        return same(ours, single(float(fast)) if kind == "float" else float(fast))
    return same(ours, fast)


def union_agrees(union, ours, fast, named):
    number, value = branch_of(union, ours)
    if "null" in union and len(union) == 2:
        return agrees(union[number], value, fast, named)
    if isinstance(value, (int, float)):
        return same(float(value), float(fast)) or math.isclose(value, fast, rel_tol=1e-7)
    if isinstance(value, (str, bytes)) and isinstance(fast, (str, bytes)):
        return as_bytes(value) in {as_bytes(fast), as_bytes(fast, "latin-1")}
    return agrees(union[number], value, fast, named)


def as_bytes(text, encoding="utf-8"):
    return text.encode(encoding, "replace") if isinstance(text, str) else text


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=300)
@given(versions())
def test_a_later_schema_reads_what_fastavro_reads(drawn):
    writer, reader, values = without_logical_types(drawn[0]), without_logical_types(drawn[1]), drawn[2]
    records = [AvroFormat(drawn[0]).encode(value) for value in values]
    try:
        format_ = resolved(read_schema(reader), PLAIN, read_schema(writer))
    except ConfigurationError:
        event("the schemas can't be resolved")  # fastavro finds that out at a record that has such a value
        return
    for data in records:
        fast = read_by_fastavro(data, writer, reader)
        if fast is None:
            with pytest.raises(DecodeError):
                format_.decode(data)
        else:
            ours = format_.decode(data)
            assert agrees(reader, ours, fast, named_types(reader)), (ours, fast)


def read_by_fastavro(data, writer, reader):
    """The value that fastavro reads; None if it refuses the record."""
    try:
        return fastavro.schemaless_reader(BytesIO(data), fastavro.parse_schema(writer), fastavro.parse_schema(reader))
    except (fastavro.read.SchemaResolutionError, UnicodeDecodeError):
        return None
