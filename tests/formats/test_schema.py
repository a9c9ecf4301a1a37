import json
import pickle
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.errors import ConfigurationError
from beam_dis.formats import AvroFormat, CSVFormat, JSONFormat, format_of, read_schema
from beam_dis.formats.schema import is_avro
from beam_dis.formats.type_tree import (
    ArrayOf,
    DecimalType,
    Duration,
    Fixed,
    JSONText,
    Named,
    Nullable,
    RecordField,
    RecordType,
    Scalar,
)


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
    ("type_", "expected"),
    [
        ("null", Scalar("null")),
        ({"type": "fixed", "name": "F", "size": 4}, Fixed("F", 4)),
        ({"type": "string", "logicalType": "uuid"}, Scalar("uuid")),
        ({"type": "fixed", "name": "F", "size": 16, "logicalType": "uuid"}, Fixed("F", 16, uuid=True)),
        ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}, DecimalType(4, 2, "", None)),
        (
            {"type": "fixed", "name": "F", "size": 2, "logicalType": "decimal", "precision": 4},
            DecimalType(4, 0, "F", 2),
        ),
        ({"type": "int", "logicalType": "time-millis"}, Scalar("time-millis")),
        ({"type": "long", "logicalType": "time-micros"}, Scalar("time-micros")),
        ({"type": "long", "logicalType": "local-timestamp-micros"}, Scalar("local-timestamp-micros")),
        ({"type": "long", "logicalType": "timestamp-nanos"}, Scalar("long")),
        ({"type": "fixed", "name": "F", "size": 12, "logicalType": "duration"}, Duration("F")),
        ({"type": {"type": "string"}}, Scalar("string")),
        ({"type": "error", "name": "E", "fields": []}, RecordType("E", ())),
        ({"type": "array", "items": "null"}, ArrayOf(Scalar("null"))),
        (["null", "int"], Nullable(Scalar("int"))),
        (["int", "null"], Nullable(Scalar("int"), null_first=False)),
        (["null", "R"], Nullable(JSONText(Named("R")))),
        ({"type": "array", "items": "R"}, ArrayOf(JSONText(Named("R")))),
    ],
)
def test_every_type_of_avro_has_its_type(type_, expected):
    assert read_schema(record(("a", type_))).record.fields == (RecordField("a", expected),)


@pytest.mark.parametrize(
    "type_",
    [
        {"type": "bytes", "logicalType": "decimal"},
        {"type": "bytes", "logicalType": "decimal", "precision": 0},
        {"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3},
        {"type": "bytes", "logicalType": "decimal", "precision": "4"},
        {"type": "bytes", "logicalType": "uuid"},
        {"type": "bytes", "logicalType": "date"},
    ],
)
def test_a_logical_type_with_wrong_attributes_is_its_plain_type(type_):
    assert read_schema(record(("a", type_))).record.fields == (RecordField("a", Scalar("bytes")),)


@pytest.mark.parametrize(("size", "most"), [(1, 2), (2, 4), (4, 9), (8, 18), (16, 38), (2**31 - 1, 10_000)])
def test_the_digits_of_a_decimal_are_limited_by_its_bytes(size, most):
    """A large size or precision takes no time: a power of such a size takes minutes."""
    for precision, kind in ((most, "DecimalType"), (most + 1, "Fixed"), (10**400, "Fixed")):
        avro = {"type": "fixed", "name": "F", "size": size, "logicalType": "decimal", "precision": precision}
        assert type(read_schema(record(("a", avro))).record.fields[0].type).__name__ == kind
    plain = {"type": "bytes", "logicalType": "decimal", "precision": 10**400, "scale": 3}
    assert read_schema(record(("a", plain))).record.fields[0].type == Scalar("bytes")


def test_a_decimal_that_its_fixed_bytes_cannot_have_is_plain_bytes():
    type_ = {"type": "fixed", "name": "F", "size": 2, "logicalType": "decimal", "precision": 5}
    assert read_schema(record(("a", type_))).record.fields == (RecordField("a", Fixed("F", 2)),)


@pytest.mark.parametrize(
    ("branches", "fields", "null"),
    [
        (["int", "string"], {"int": Scalar("int"), "string": Scalar("string")}, None),
        (["int", "null", "string"], {"int": Scalar("int"), "string": Scalar("string")}, 1),
        (
            ["string", {"type": "array", "items": "int"}],
            {"string": Scalar("string"), "array": ArrayOf(Scalar("int"))},
            None,
        ),
        (
            [{"type": "fixed", "name": "a.F", "size": 1}, {"type": "fixed", "name": "b.F", "size": 2}],
            {"a_F": Fixed("a.F", 1), "b_F": Fixed("b.F", 2)},
            None,
        ),
    ],
)
def test_a_union_of_several_types_is_a_record_with_a_nullable_field_for_each(branches, fields, null):
    union = read_schema(record(("a", branches))).record.fields[0].type
    assert {field.name: field.type.of for field in union.record.fields} == fields
    assert union.null == null


def test_records_of_one_name_in_different_namespaces_are_different_types():
    def inner(namespace, type_):
        return {"type": "record", "name": "I", "namespace": namespace, "fields": [{"name": "x", "type": type_}]}

    tree = read_schema(record(("a", inner("n", "int")), ("b", inner("m", "string")), ("c", "n.I"))).record
    assert [field.type.fields[0].type for field in tree.fields] == [Scalar("int"), Scalar("string"), Scalar("int")]


def test_names_are_looked_up_in_the_namespace_of_their_record():
    schema = {
        "type": "record",
        "name": "n.R",
        "fields": [
            {"name": "a", "type": {"type": "enum", "name": "E", "symbols": ["A"]}},
            {"name": "b", "type": "E"},
            {"name": "c", "type": "n.E"},
        ],
    }
    assert {field.type.name for field in read_schema(schema).record.fields} == {"n.E"}


def test_documentation_aliases_and_orders_are_allowed():
    schema = {
        "type": "record",
        "name": "R",
        "doc": "d",
        "aliases": ["Old"],
        "connect.name": "x",
        "fields": [{"name": "a", "type": "int", "doc": "d", "order": "ignore", "aliases": ["b"], "extra": {}}],
    }
    tree = read_schema(schema).record
    assert (tree.aliases, tree.fields[0].aliases) == (("Old",), ("b",))


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        (record(("x", "int"), ("x", "int")) | {"name": "D"}, "record 'D' at 'a' has two fields of one name: x, x"),
        ("unknown", "field 'a' is of type 'unknown', which is neither Avro's nor defined before"),
        ({"type": "record", "name": "I", "fields": [{"name": "b", "type": "x"}]}, "field 'a.b' is of type 'x'"),
        (["int", "int"], "two branches of one type"),
        (["int", {"type": "int", "logicalType": "date"}], "two branches of one type"),
        ([], "a union without branches"),
        ({"type": "fixed", "name": "F", "size": -1}, "fixed 'F' at 'a' has no size"),
        ({"type": "fixed", "name": "F", "size": 2**31}, "fixed 'F' at 'a' has no size"),
        ({"type": "fixed", "name": "F", "size": 10**400, "logicalType": "decimal", "precision": 4}, "has no size"),
        ({"type": "fixed", "name": "F"}, "field 'a' has no 'size'"),
        ({"type": "array"}, "field 'a' has no 'items'"),
        ({"type": "map"}, "field 'a' has no 'values'"),
        ({"type": "record", "name": "I"}, "field 'a' has no 'fields'"),
        ({"type": "record", "name": "R", "fields": []}, "record 'R' at 'a' has a name that is taken"),
        ({"type": "enum", "name": "E", "symbols": ["A"], "default": "B"}, "has the default 'B', which is no symbol"),
        (5, "field 'a' has no Avro type: 5"),
    ],
)
def test_a_wrong_type_is_refused_with_the_name_of_the_field(type_, message):
    with pytest.raises(ConfigurationError, match=message):
        read_schema(record(("a", type_)))


@pytest.mark.parametrize("kind", [AvroFormat, CSVFormat, JSONFormat])
@pytest.mark.parametrize("name", ["", "a\0", 'a"b', "a\\b", "\ud800", 5, None, ["a"]])
def test_a_field_whose_name_is_no_text_is_refused(kind, name):
    with pytest.raises(ConfigurationError, match="is not an Avro schema: field"):
        kind(record((name, "int")))


@pytest.mark.parametrize("kind", [AvroFormat, JSONFormat])
@pytest.mark.parametrize("name", ["", "a\0", "\ud800", 5, None])
def test_a_record_whose_name_is_no_text_is_refused(kind, name):
    inner = {"type": "record", "name": name, "fields": [{"name": "x", "type": "int"}]}
    for schema in (inner, record(("a", inner)), record(("a", {"type": "array", "items": ["null", inner]}))):
        with pytest.raises(ConfigurationError, match="is not an Avro schema"):
            kind(schema)


@pytest.mark.parametrize("kind", [AvroFormat, JSONFormat])
@pytest.mark.parametrize("name", ["my-record", "class", "_R", "1", "名字"])
def test_a_record_may_have_a_name_that_python_has_not(kind, name):
    inner = {"type": "record", "name": name, "fields": [{"name": "x", "type": "int"}]}
    format_ = kind(record(("a", inner)))
    assert format_.decode(format_.encode({"a": {"x": 1}})) == {"a": {"x": 1}}


@pytest.mark.parametrize("name", ["user-agent", "1a", "a b", ""])
def test_a_schema_with_names_that_avro_does_not_allow_is_not_avro(name):
    assert not is_avro(json.dumps(record((name, "int"))))
    assert not is_avro(json.dumps({"type": "record", "name": name, "fields": []}))


@pytest.mark.parametrize("kind", [AvroFormat, CSVFormat, JSONFormat])
@pytest.mark.parametrize(
    "type_",
    [
        {"type": "enum", "name": "E", "symbols": []},
        {"type": "enum", "name": "E", "symbols": "AB"},
        {"type": "enum", "name": "E", "symbols": ["A", "A"]},
        {"type": "enum", "name": "E", "symbols": ["not a symbol"]},
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


@pytest.mark.parametrize("levels", [65, 400, 5000])
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


@pytest.mark.parametrize("value", ["flight.avsc", "/schemas/flight.avsc", Path("flight.avsc"), b"{}", None, 5, "", " "])
def test_a_path_or_an_object_is_no_schema_and_the_error_says_what_to_give(value):
    with pytest.raises(
        ConfigurationError,
        match=r"is not an Avro schema: give the schema as JSON text.*the text of its file: Path\('…'\)",
    ):
        read_schema(value)
