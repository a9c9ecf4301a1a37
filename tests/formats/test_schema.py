import json
import pickle
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.errors import ConfigurationError
from beam_dis.formats import AvroFormat, CSVFormat, JSONFormat, format_of, read_schema
from beam_dis.formats.schema import ArrayOf, Nullable, RecordField, RecordType, Scalar, is_avro


def record(*fields):
    return {"type": "record", "name": "R", "fields": [{"name": name, "type": type_} for name, type_ in fields]}


def test_a_schema_is_a_tree_of_types_with_names_resolved():
    inner = {"type": "record", "name": "I", "namespace": "n.s", "fields": [{"name": "x", "type": "int"}]}
    tree = read_schema(record(("a", ["null", inner]), ("b", {"type": "array", "items": "n.s.I"}))).record
    expected = RecordType("n.s.I", (RecordField("x", Scalar("int")),))
    assert tree == RecordType("R", (RecordField("a", Nullable(expected)), RecordField("b", ArrayOf(expected))))


def test_a_pickled_schema_still_has_no_default_if_it_had_none():
    schema = read_schema(
        {**record(), "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "int", "default": 1}]}
    )
    restored = pickle.loads(pickle.dumps(schema))
    assert [field.default for field in restored.record.fields] == [field.default for field in schema.record.fields]
    assert restored.record.fields[0].default is schema.record.fields[0].default


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        (
            {"type": "bytes", "logicalType": "decimal", "precision": 4},
            "field 'a' is of type 'decimal', .* use 'bytes' alone",
        ),
        ({"type": "int", "logicalType": "time-millis"}, "field 'a' is of type 'time-millis'"),
        ({"type": "string", "logicalType": "uuid"}, "field 'a' is of type 'uuid'"),
        ({"type": "fixed", "name": "F", "size": 4}, "field 'a' is of type 'fixed'"),
        ("null", "field 'a' is of type 'null'"),
        (["int", "string"], r"field 'a' is a union of \['int', 'string'\]"),
        (["null", "int", "string"], "field 'a' is a union"),
        ({"type": "array", "items": ["null", "R"]}, r"field 'a\[\]' contains its own record 'R'"),
        (record(("x", "int"), ("x", "int")) | {"name": "D"}, "record 'D' at 'a' has two fields of one name: x, x"),
        ({"type": "record", "name": "E", "fields": []}, "record 'E' at 'a' has no fields"),
        ({"type": "record", "name": "I", "fields": [{"name": "b", "type": "null"}]}, "field 'a.b' is of type 'null'"),
    ],
)
def test_an_unsupported_type_is_refused_with_the_name_of_the_field(type_, message):
    with pytest.raises(ConfigurationError, match=message):
        read_schema(record(("a", type_)))


NO_IDENTIFIERS = ["", "user-agent", "1a", "a b", "a.b.", "a\0", "\ud800", "ﬁ"]


@pytest.mark.parametrize("kind", [AvroFormat, CSVFormat, JSONFormat])
@pytest.mark.parametrize("name", [*NO_IDENTIFIERS, "from", "None", "_id", "__class__", 5, None, ["a"]])
def test_a_field_whose_name_is_no_attribute_of_a_row_is_refused(kind, name):
    with pytest.raises(ConfigurationError, match=r"field .* of 'R' can't be an attribute|is not an Avro schema"):
        kind(record((name, "int")))


@pytest.mark.parametrize("kind", [AvroFormat, JSONFormat])
@pytest.mark.parametrize("name", [*NO_IDENTIFIERS, "class", 5, None])
def test_a_record_whose_name_is_no_type_of_rows_is_refused(kind, name):
    inner = {"type": "record", "name": name, "fields": [{"name": "x", "type": "int"}]}
    for schema in (inner, record(("a", inner)), record(("a", {"type": "array", "items": ["null", inner]}))):
        with pytest.raises(ConfigurationError, match=r"record .* can't be a type of rows|is not an Avro schema"):
            kind(schema)


def test_the_error_about_a_nested_name_says_where_it_is():
    inner = {"type": "record", "name": "I", "fields": [{"name": "class", "type": "int"}]}
    with pytest.raises(ConfigurationError, match="field 'class' of 'I'"):
        read_schema(record(("a", inner)))
    with pytest.raises(ConfigurationError, match="record 'my-record' at 'a' "):
        read_schema(record(("a", inner | {"name": "my-record"})))


@pytest.mark.parametrize("kind", [AvroFormat, CSVFormat, JSONFormat])
@pytest.mark.parametrize(
    "type_",
    [
        {"type": "enum", "name": "E", "symbols": []},
        {"type": "enum", "name": "E", "symbols": "AB"},
        {"type": "enum", "name": "E", "symbols": ["A", "A"]},
        {"type": "enum", "name": "E", "symbols": ["not a symbol"]},
        {"type": "enum", "name": "my-enum", "symbols": ["A"]},
        ["null", ["null", "int"]],
    ],
)
def test_what_avro_does_not_allow_is_refused_by_every_format(kind, type_):
    with pytest.raises(ConfigurationError, match=r"field 'a'|is not an Avro schema"):
        kind(record(("a", type_)))


@pytest.mark.parametrize("logical_type", [["date"], {}, 5, None])
def test_a_logical_type_that_is_no_name_is_unknown(logical_type):
    type_ = {"type": "string", "logicalType": logical_type}
    assert read_schema(record(("a", type_))).record.fields == (RecordField("a", Scalar("string")),)


@pytest.mark.parametrize("levels", [51, 400, 5000])
def test_a_schema_that_is_nested_too_deeply_is_refused(levels):
    type_ = "int"
    for _ in range(levels):
        type_ = {"type": "array", "items": type_}
    with pytest.raises(ConfigurationError, match=r"nested too deeply|is not an Avro schema"):
        read_schema(record(("a", type_)))


@pytest.mark.parametrize("schema", [b"{}", None, 5, {1: object}, {"type": int}])
def test_a_schema_that_is_neither_text_nor_json_is_refused(schema):
    with pytest.raises(ConfigurationError, match=r"data_schema .* is not an Avro schema"):
        read_schema(schema)


def test_a_byte_order_mark_in_front_of_a_schema_is_dropped():
    text = json.dumps(record(("a", "int")))
    assert read_schema("\ufeff" + text).text == text
    assert is_avro("\ufeff" + text)
    assert not is_avro("\ufeff\ufeff" + text)


def test_an_unknown_logical_type_is_its_plain_type_as_avro_says():
    type_ = {"type": "string", "logicalType": "varchar", "maxLength": 5}
    assert read_schema(record(("a", type_))).record.fields == (RecordField("a", Scalar("string")),)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "5", "{}", '"int"', '"nonsense"', '{"type": "record"}', '["null", "int"]']
)
def test_text_that_is_not_a_schema_of_rows_is_refused_and_shown(text):
    with pytest.raises(ConfigurationError, match="data_schema "):
        read_schema(text)


@pytest.mark.parametrize("default", ["x", 2**31, None, [], True])
def test_a_default_that_does_not_fit_its_field_is_refused(default):
    schema = {**record(), "fields": [{"name": "a", "type": "int", "default": default}]}
    with pytest.raises(ConfigurationError, match=r"a default that doesn't fit|Default value"):
        JSONFormat(schema)


@pytest.mark.parametrize(("data_type", "kind"), [("BLOB", AvroFormat), ("JSON", JSONFormat), ("CSV", CSVFormat)])
def test_the_data_type_of_a_stream_decides_its_format(data_type, kind):
    assert type(format_of(data_type, json.dumps(record(("a", "int"))))) is kind


@pytest.mark.parametrize("data_type", ["BLOB", "JSON", "CSV"])
@pytest.mark.parametrize("data_schema", [None, ""])
def test_a_stream_without_a_schema_has_no_rows_and_the_error_says_what_to_do(data_type, data_schema):
    with pytest.raises(ConfigurationError, match=f"data_type {data_type} without a data_schema .* AvroCoder"):
        format_of(data_type, data_schema)


def test_an_unknown_data_type_is_named():
    with pytest.raises(ConfigurationError, match="data_type 'BLOG' is not one of BLOB, JSON, CSV"):
        format_of("BLOG", None)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["record", "int", "array", "R", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "name", "fields", "items", "default", "symbols"]), inner, max_size=4)
    ),
)


@settings(deadline=None, max_examples=300)
@given(JSON_VALUES)
def test_arbitrary_json_is_a_schema_or_a_configuration_error(value):
    with suppress(ConfigurationError):
        assert is_avro(read_schema(json.dumps(value)).text)
