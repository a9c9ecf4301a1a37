import json
from datetime import date, datetime, timezone
from decimal import Decimal

import pytest

from beam_dis.errors import DecodeError, EncodeError
from beam_dis.formats import JSONFormat

VENDOR_EXAMPLE = """{"type":"record","name":"RecordName","fields":[{"name":"id","type":"string",
"doc":"Type inferred from '\\"2017/10/11 11:11:11\\"'"},{"name":"info","type":{"type":"array","items":{"type":"record",
"name":"info","fields":[{"name":"date","type":"string","doc":"Type inferred from '\\"2018/10/11 11:11:11\\"'"}]}},
"doc":"Type inferred from '[{\\"date\\":\\"2018/10/11 11:11:11\\"}]'"}]}"""

EVERYTHING = {
    "type": "record",
    "name": "Everything",
    "fields": [
        {"name": "t", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "d", "type": {"type": "int", "logicalType": "date"}},
        {"name": "y", "type": "bytes"},
        {"name": "x", "type": ["null", "double"]},
        {"name": "m", "type": {"type": "map", "values": "long"}},
    ],
}
VALUE = {
    "t": datetime(2013, 1, 1, 10, 0, 0, 5, tzinfo=timezone.utc),
    "d": date(1970, 1, 3),
    "y": b"\x00\xff",
    "x": None,
    "m": {"b": 1, "a": 2},
}


def one(type_, **more):
    return JSONFormat({"type": "record", "name": "R", "fields": [{"name": "a", "type": type_, **more}]})


def test_a_byte_order_mark_in_front_of_an_object_is_dropped_once():
    assert one("string").decode(b'\xef\xbb\xbf{"a": "\xef\xbb\xbfx"}') == {"a": "\ufeffx"}
    with pytest.raises(DecodeError):
        one("string").decode(b'\xef\xbb\xbf\xef\xbb\xbf{"a": "x"}')
    with pytest.raises(DecodeError, match="got `int`: 5"):
        one("string").decode(b'\xef\xbb\xbf{"a": 5}')


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_an_object_in_another_encoding_is_refused_by_its_name(encoding):
    with pytest.raises(DecodeError, match=f"the text is {encoding.upper()}"):
        one("string").decode('{"a": "x"}'.encode(encoding))


def test_the_vendors_example_with_a_field_named_as_its_record_is_read():
    value = {"id": "2017/10/11 11:11:11", "info": [{"date": "2018/10/11 11:11:11"}]}
    assert JSONFormat(VENDOR_EXAMPLE).decode(json.dumps(value).encode()) == value


LISP = {
    "type": "record",
    "name": "Lisp",
    "fields": [
        {
            "name": "value",
            "type": [
                "null",
                "string",
                {
                    "type": "record",
                    "name": "Cons",
                    "fields": [{"name": "car", "type": "Lisp"}, {"name": "cdr", "type": "Lisp"}],
                },
            ],
        }
    ],
}


@pytest.mark.parametrize("tagged", [False, True])
def test_a_record_inside_itself_is_read_in_a_branch_of_a_union_too(tagged):
    """Avro's own example. In the record it is JSON text, as it stands in the data."""
    cons = '{"car": {"value": "a"}, "cdr":{"value" :null}}'
    data = f'{{"value": {{"Cons": {cons}}}}}' if tagged else f'{{"value": {cons}}}'
    value = JSONFormat(LISP).decode(data.encode())
    assert value == {"value": {"string": None, "Cons": {"car": '{"value": "a"}', "cdr": '{"value" :null}'}}}
    written = JSONFormat(LISP).encode(value)
    assert json.loads(written) == {"value": json.loads(cons)}


@pytest.mark.parametrize(
    ("branches", "data", "expected"),
    [
        (
            ["string", {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}],
            b"1.10",
            Decimal("1.10"),
        ),
        (["null", "double", "string"], b"5", 5.0),
        (["boolean", {"type": "array", "items": ["null", "long"]}], b"[ 1, null ]", [1, None]),
    ],
)
def test_a_value_of_a_union_is_read_from_its_text(branches, data, expected):
    value = one(branches).decode(b'{"a": ' + data + b" }")["a"]
    assert [item for item in value.values() if item is not None] == [expected]


@pytest.mark.parametrize(
    ("branches", "value"),
    [
        ([{"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2}, "int"], {"bytes": None, "int": 5}),
        (
            [{"type": "long", "logicalType": "timestamp-millis"}, "string"],
            {"long": None, "string": "2013-01-01T10:00:00Z"},
        ),
        ([{"type": "int", "logicalType": "date"}, "null", "string"], {"int": None, "string": "2013-01-01"}),
    ],
)
def test_a_value_of_a_union_is_read_as_the_branch_that_it_was_written_as(branches, value):
    """An earlier branch reads it too, since reading accepts more than writing gives."""
    format_ = one(branches)
    assert format_.decode(format_.encode({"a": value})) == {"a": value}


def test_a_union_in_a_list_or_with_a_default_is_read():
    format_ = one({"type": "array", "items": ["null", "int", "string"]})
    assert format_.decode(b'{"a": [ null, 1,"x" ]}') == {
        "a": [None, {"int": 1, "string": None}, {"int": None, "string": "x"}]
    }
    assert one(["int", "string"], default=5).decode(b"{}") == {"a": {"int": 5, "string": None}}
    assert one(["null", "int", "string"]).decode(b"{}") == {"a": None}


@pytest.mark.parametrize("text", [b'"\xff"', b'{"x": "\xff"}', b'{"\xff": 1}', b"[1e999]", b"1e999"])
def test_what_no_branch_of_a_union_reads_is_a_decode_error(text):
    with pytest.raises(DecodeError):
        one(["int", "string", {"type": "map", "values": "int"}]).decode(b'{"a": ' + text + b"}")


def test_an_error_is_short_however_long_a_symbol_or_a_key_is():
    symbol, key = "x" * 100_000, "k" * 100_000
    for type_, value in (
        ({"type": "enum", "name": "E", "symbols": ["A"]}, symbol),
        (["null", "int", "string"], [symbol]),
    ):
        with pytest.raises(DecodeError) as failure:
            one(type_).decode(json.dumps({"a": value}).encode())
        assert len(str(failure.value)) < 500
    nested = {"type": "map", "values": {"type": "bytes", "logicalType": "decimal", "precision": 2}}
    with pytest.raises(DecodeError) as failure:
        one(nested).decode(json.dumps({"a": {key: "123"}}).encode())
    assert len(str(failure.value)) < 500
    assert failure.value.field.startswith("a['k")


def test_a_wrong_nested_value_is_named_by_its_path():
    with pytest.raises(DecodeError) as caught:
        JSONFormat(VENDOR_EXAMPLE).decode(b'{"id": "", "info": [{"date": ""}, {"date": 5}]}')
    assert caught.value.field == "info[1].date"
    assert str(caught.value) == "field 'info[1].date': Expected `str`, got `int`: 5"


def test_times_are_written_as_numbers_bytes_as_base64_and_maps_by_key():
    text = b'{"t":1357034400000005,"d":2,"y":"AP8=","x":null,"m":{"a":2,"b":1}}'
    assert JSONFormat(EVERYTHING).encode(VALUE) == text


def test_times_are_read_as_iso_text_too():
    text = b'{"t": "2013-01-01T12:00:00.000005+02:00", "d": "1970-01-03", "y": "AP8=", "m": {"b": 1, "a": 2}}'
    assert JSONFormat(EVERYTHING).decode(text) == VALUE


def test_unknown_fields_are_ignored_and_missing_nullable_fields_are_null():
    assert one(["null", "string"]).decode(b'{"b": [1, {"c": 2}]}') == {"a": None}


@pytest.mark.parametrize(
    ("type_", "default", "value"),
    [
        ("int", 7, 7),
        (["null", "int"], None, None),
        (["int", "null"], 7, 7),
        ("bytes", "\u00ff", b"\xff"),
        ({"type": "int", "logicalType": "date"}, 2, date(1970, 1, 3)),
        ({"type": "long", "logicalType": "timestamp-millis"}, 1000, datetime(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc)),
        ({"type": "array", "items": "int"}, [1], [1]),
        ({"type": "map", "values": "bytes"}, {"k": "\u0001"}, {"k": b"\x01"}),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B", "B"),
        ({"type": "record", "name": "I", "fields": [{"name": "x", "type": "int", "default": 3}]}, {}, {"x": 3}),
    ],
)
def test_a_missing_field_has_its_default(type_, default, value):
    format_ = one(type_, default=default)
    assert format_.decode(b"{}") == {"a": value}
    assert format_.decode(format_.encode({})) == {"a": value}


def test_a_default_is_not_shared_between_records():
    format_ = one({"type": "array", "items": "int"}, default=[])
    format_.decode(b"{}")["a"].append(1)
    assert format_.decode(b"{}") == {"a": []}


@pytest.mark.parametrize(
    ("type_", "text", "message"),
    [
        ("int", b'{"a": 1.5}', "field 'a': Expected `int`, got `float`: 1.5"),
        ("int", b'{"a": true}', "field 'a': Expected `int`, got `bool`: True"),
        ("int", b'{"a": 2147483648}', "field 'a': Expected `int` <= 2147483647: 2147483648"),
        ("string", b"{}", "missing required field `a`"),
        ("bytes", b'{"a": "*"}', "field 'a': Invalid base64 encoded string: '\\*'"),
        ("double", b'{"a": NaN}', "malformed"),
        ("double", b'{"a": 1e400}', "field 'a': Number out of range"),
        ({"type": "map", "values": "int"}, b'{"a": {"k": "v"}}', "field 'a\\[...\\]': Expected `int`, got `str`"),
        ({"type": "enum", "name": "E", "symbols": ["A"]}, b'{"a": "C"}', "field 'a': Invalid enum value 'C'"),
        ({"type": "int", "logicalType": "date"}, b'{"a": 99999999}', "field 'a': 99999999 is out of range"),
        ({"type": "long", "logicalType": "timestamp-millis"}, b'{"a": 1e3}', "field 'a': Expected"),
        ("int", b"", "truncated"),
        ("int", b"[1]", "Expected `object`, got `array`"),
        ("int", b'{"a": 1} {"a": 2}', "trailing characters"),
        ("int", b'{"b":' + b"[" * 100_000, "not a JSON object, .*recursion"),
        ("string", b'{"a": "\xff"}', "not a JSON object|malformed"),
    ],
)
def test_the_error_for_a_wrong_record_names_the_field_and_the_reason(type_, text, message):
    with pytest.raises(DecodeError, match=message):
        one(type_).decode(text)


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        ("double", float("nan"), "field 'a': Expected `float` .*: nan"),
        ("double", float("inf"), "field 'a': Expected `float` .*: inf"),
        ("bytes", "AP8=", "field 'a': Expected `bytes`, got `str`"),
        ("boolean", 1, "field 'a': Expected `bool`, got `int`: 1"),
        ("string", "\ud800", "field 'a': .*surrogates not allowed"),
        (
            {"type": "array", "items": ["null", "int"]},
            [1, None, "x"],
            r"field 'a\[2\]': Expected `int`, got `str`: 'x'",
        ),
    ],
)
def test_the_error_for_a_wrong_value_names_the_field_and_the_reason(type_, value, message):
    with pytest.raises(EncodeError, match=message):
        one(type_).encode({"a": value})
