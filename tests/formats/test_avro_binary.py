import time
from contextlib import suppress
from datetime import datetime, timezone
from io import BytesIO

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.errors import DecodeError, EncodeError
from beam_dis.formats import AvroFormat, CSVFormat, JSONFormat
from beam_dis.formats.nesting import MOST_LEVELS

SCHEMA = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": ["null", "string"]},
        {
            "name": "spots",
            "type": {
                "type": "array",
                "items": {"type": "record", "name": "Spot", "fields": [{"name": "x", "type": "int"}]},
            },
        },
        {"name": "last", "type": "Spot"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}
VALUE = {
    "id": 1,
    "name": "n",
    "spots": [{"x": 1}, {"x": 2}],
    "last": {"x": 3},
    "at": datetime(2013, 1, 1, tzinfo=timezone.utc),
}


def test_another_avro_library_reads_and_writes_the_same_records():
    stream = BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(SCHEMA), VALUE)
    assert AvroFormat(SCHEMA).encode(VALUE) == stream.getvalue()
    assert AvroFormat(SCHEMA).decode(stream.getvalue()) == VALUE


def test_bytes_after_the_value_are_refused():
    with pytest.raises(DecodeError, match="2 bytes are left after the value"):
        AvroFormat(SCHEMA).decode(AvroFormat(SCHEMA).encode(VALUE) + b"\x00\x00")


@pytest.mark.parametrize(("size", "field"), [(0, "id"), (1, "name"), (4, "spots"), (8, "last.x"), (9, "at")])
def test_the_error_for_a_truncated_record_names_the_field(size, field):
    with pytest.raises(DecodeError) as caught:
        AvroFormat(SCHEMA).decode(AvroFormat(SCHEMA).encode(VALUE)[:size])
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        ("int", 2**31, "field 'a': Expected `int` <= 2147483647"),
        ("int", True, "field 'a': Expected `int`, got `bool`"),
        ("int", 1.5, "field 'a': Expected `int`, got `float`"),
        ("float", 1e300, r"field 'a': 1e\+300 is out of range"),
        ("boolean", 5, "field 'a': Expected `bool`, got `int`"),
        (["null", {"type": "array", "items": "int"}], ("int", 5), r"field 'a\[0\]': Expected `int`, got `str`: 'int'"),
        ("string", "\ud800", "field 'a': .*surrogates not allowed"),
    ],
)
def test_values_that_fastavro_would_cut_or_wrap_are_refused(type_, value, message):
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": type_}]}
    with pytest.raises(EncodeError, match=message):
        AvroFormat(schema).encode({"a": value})


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), 1.5])
def test_infinities_are_numbers_of_avro_and_csv(value):
    schema = {
        "type": "record",
        "name": "R",
        "fields": [{"name": "a", "type": "float"}, {"name": "b", "type": "double"}],
    }
    for format_ in (AvroFormat(schema), CSVFormat(schema)):
        assert format_.decode(format_.encode({"a": value, "b": value})) == {"a": value, "b": value}


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_a_value_or_a_decode_error(data):
    flat = {**SCHEMA, "fields": [SCHEMA["fields"][0], SCHEMA["fields"][1], SCHEMA["fields"][4]]}
    for format_ in (AvroFormat(SCHEMA), JSONFormat(SCHEMA), CSVFormat(flat)):
        with suppress(DecodeError):
            assert list(format_.decode(data)) == [field.name for field in format_.schema.record.fields]


@settings(deadline=None)
@given(st.data())
def test_a_damaged_record_is_a_value_or_a_decode_error(data):
    record = bytearray(AvroFormat(SCHEMA).encode(VALUE))
    record[data.draw(st.integers(0, len(record) - 1))] = data.draw(st.integers(0, 255))
    with suppress(DecodeError):
        assert list(AvroFormat(SCHEMA).decode(bytes(record))) == list(VALUE)


def test_a_deep_record_inside_itself_takes_well_under_a_second(undisturbed):
    """It is JSON text in the row. The text of each level was read and written again at every level above: 25 s."""
    node = {"name": "next", "type": ["null", "R"]}
    format_ = AvroFormat({"type": "record", "name": "R", "fields": [{"name": "x", "type": "long"}, node]})
    data = b"\x02\x02" * MOST_LEVELS + b"\x02\x00"

    def seconds():
        started = time.perf_counter()
        assert format_.encode(format_.decode(data)) == data
        return time.perf_counter() - started

    assert undisturbed(seconds, 2) < 2
