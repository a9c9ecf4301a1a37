"""Rule of every format: decode(encode(value)) == value, for every schema that Avro allows and every value of it."""

import math
from contextlib import suppress
from datetime import date, datetime, time, timezone
from io import BytesIO

import fastavro
import pytest
from avro_schemas import SCALARS, TEXT, Names, flat_records, logical, nested_records, same, without_order
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beam_dis.errors import EncodeError
from beam_dis.formats import AvroFormat, CSVFormat, JSONFormat


def holds(value, found):
    if isinstance(value, dict):
        return any(holds(item, found) for item in value.values())
    return any(holds(item, found) for item in value) if isinstance(value, list) else found(value)


property_test = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=200)


@property_test
@given(st.data())
def test_avro_returns_every_value_of_every_schema(data):
    schema, values = data.draw(nested_records)
    value, format_ = data.draw(values), AvroFormat(schema)
    assert same(without_order(format_.decode(format_.encode(value))), without_order(value))


@property_test
@given(st.data())
def test_json_returns_every_finite_value_of_every_schema(data):
    schema, values = data.draw(nested_records)
    value, format_ = data.draw(values), JSONFormat(schema)
    if holds(value, lambda item: isinstance(item, float) and not math.isfinite(item)):
        with pytest.raises(EncodeError, match="finite"):
            format_.encode(value)
    else:
        assert same(without_order(format_.decode(format_.encode(value))), without_order(value))


@property_test
@given(
    st.data(),
    st.sampled_from([",", ";", "\t", "|", " ", "é", "||", "::", "\0", "{", "\\"]),
    st.sampled_from(["", "NA", "0", "true", "A", "\\N"]),
)
def test_csv_returns_every_value_of_every_flat_schema(data, delimiter, null):
    schema, values = data.draw(flat_records())
    if delimiter in null:
        return
    value, format_ = data.draw(values), CSVFormat(schema, delimiter=delimiter, null=null)
    assert same(without_order(format_.decode(format_.encode(value))), without_order(value))


@property_test
@given(st.data())
def test_every_format_returns_fields_in_the_order_of_the_schema(data):
    schema, values = data.draw(flat_records())
    value = dict(reversed(data.draw(values).items()))
    names = [field["name"] for field in schema["fields"]]
    for format_ in (AvroFormat(schema), JSONFormat(schema), CSVFormat(schema)):
        with suppress(EncodeError):
            assert list(format_.decode(format_.encode(value))) == names


def with_sorted_maps(value):
    """A value with its maps in the order in which they are written."""
    return {key: dict(sorted(item.items())) if isinstance(item, dict) else item for key, item in value.items()}


PLAIN_SCALARS = [pair for pair in SCALARS if isinstance(pair[0], str)]


@st.composite
def plain_records(draw):
    """Records without logical types and unions, which fastavro and we have as the same values."""
    names = Names()
    kinds = st.sampled_from(PLAIN_SCALARS)
    fields = []
    for _ in range(draw(st.integers(0, 5))):
        schema, values = draw(kinds)
        shape = draw(st.sampled_from(["plain", "nullable", "array", "map"]))
        if shape == "nullable" and schema != "null":
            schema, values = [schema, "null"], st.none() | values
        elif shape == "array":
            schema, values = {"type": "array", "items": schema}, st.lists(values, max_size=3)
        elif shape == "map":
            schema, values = {"type": "map", "values": schema}, st.dictionaries(TEXT, values, max_size=3)
        fields.append((names.next("f"), schema, values))
    schema = {
        "type": "record",
        "name": names.next("R"),
        "fields": [{"name": name, "type": type_} for name, type_, _ in fields],
    }
    return schema, st.fixed_dictionaries({name: values for name, _, values in fields})


@property_test
@given(st.data())
def test_fastavro_reads_and_writes_the_same_bytes(data):
    schema, values = data.draw(plain_records())
    value = data.draw(values)
    parsed, stream = fastavro.parse_schema(schema), BytesIO()
    fastavro.schemaless_writer(stream, parsed, with_sorted_maps(value))
    ours = AvroFormat(schema)
    written = ours.encode(value)
    assert written == stream.getvalue()
    assert same(without_order(fastavro.schemaless_reader(BytesIO(written), parsed, None)), without_order(value))


@property_test
@given(st.data())
def test_fastavro_reads_every_record_of_every_schema(data):
    """Records with logical types and unions: fastavro reads them to the last byte, as the value that it has for them."""
    schema, values = data.draw(nested_records)
    value = data.draw(values)
    stream = BytesIO(AvroFormat(schema).encode(value))
    fastavro.schemaless_reader(stream, fastavro.parse_schema(schema), None)
    assert stream.read() == b""


def test_the_first_and_last_day_that_python_knows_are_returned():
    day = logical("int", "date")
    moment = logical("long", "timestamp-millis")
    schema = {"type": "record", "name": "R", "fields": [{"name": "t", "type": moment}, {"name": "d", "type": day}]}
    for value in (
        {"t": datetime.min.replace(tzinfo=timezone.utc), "d": date.min},
        {"t": datetime.max.replace(microsecond=999000, tzinfo=timezone.utc), "d": date.max},
    ):
        for format_ in (AvroFormat(schema), JSONFormat(schema), CSVFormat(schema)):
            assert format_.decode(format_.encode(value)) == value


def test_the_last_moment_of_a_day_is_returned():
    schema = {"type": "record", "name": "R", "fields": [{"name": "t", "type": logical("long", "time-micros")}]}
    for format_ in (AvroFormat(schema), JSONFormat(schema), CSVFormat(schema)):
        assert format_.decode(format_.encode({"t": time.max})) == {"t": time.max}
