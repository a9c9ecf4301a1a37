"""Avro records that name their schema: checked against fastavro, and read under another schema."""

from __future__ import annotations

from io import BytesIO

import fastavro
import pytest

from beam_dis.errors import ConfigurationError, DecodeError, EncodeError
from beam_dis.formats import AvroFormat
from beam_dis.formats.framing import ConfluentFormat, ContainerFormat, SingleObjectFormat

OLD = {"type": "record", "name": "R", "fields": [{"name": "id", "type": "int"}, {"name": "gone", "type": "string"}]}
NEW = {
    "type": "record",
    "name": "R",
    "doc": "not part of the fingerprint",
    "fields": [{"name": "id", "type": "long"}, {"name": "note", "type": ["null", "string"], "default": None}],
}
VALUE = {"id": 5, "note": "n"}
OLD_VALUE = {"id": 5, "gone": "g"}


def raw(schema, value):
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def container(schema, values, codec="null"):
    out = BytesIO()
    fastavro.writer(out, fastavro.parse_schema(schema), values, codec=codec)
    return out.getvalue()


def test_the_fingerprint_is_that_of_the_specification():
    schema = '{"type":"record","name":"a.R","fields":[]}'
    canonical = '{"name":"a.R","type":"record","fields":[]}'
    empty = fingerprint = 0xC15D213AA4D7A795
    for byte in canonical.encode():
        fingerprint ^= byte
        for _ in range(8):
            fingerprint = (fingerprint >> 1) ^ (empty & -(fingerprint & 1))
    assert SingleObjectFormat(AvroFormat(schema)).encode({}) == b"\xc3\x01" + fingerprint.to_bytes(8, "little")


def test_single_objects_are_read_by_the_schema_of_their_fingerprint():
    format_ = SingleObjectFormat(AvroFormat(NEW), [OLD])
    assert format_.decode(format_.encode(VALUE)) == VALUE
    old = SingleObjectFormat(AvroFormat(OLD)).encode(OLD_VALUE)
    assert old[10:] == raw(OLD, OLD_VALUE)
    assert format_.decode(old) == {"id": 5, "note": None}
    with pytest.raises(DecodeError, match=f"fingerprint {old[2:10].hex()}, which isn't known: .*schemas="):
        SingleObjectFormat(AvroFormat(NEW)).decode(old)


@pytest.mark.parametrize("data", [b"", b"\xc3", b"\xc3\x01", b"\xc3\x01" + b"1" * 7, raw(NEW, VALUE)])
def test_what_is_no_single_object_is_refused(data):
    with pytest.raises(DecodeError, match="not the single-object encoding"):
        SingleObjectFormat(AvroFormat(NEW)).decode(data)


def test_confluent_records_are_read_by_the_schema_of_their_id():
    asked = []
    format_ = ConfluentFormat(AvroFormat(NEW), lambda number: asked.append(number) or {1: OLD, 2: NEW}[number], 2)
    assert format_.encode(VALUE) == b"\0\0\0\0\x02" + raw(NEW, VALUE)
    assert format_.decode(format_.encode(VALUE)) == VALUE
    for _ in range(2):
        assert format_.decode(b"\0\0\0\0\x01" + raw(OLD, OLD_VALUE)) == {"id": 5, "note": None}
    assert asked == [1]


def test_an_id_that_is_not_found_is_named_and_asked_for_again():
    schemas = {}
    format_ = ConfluentFormat(AvroFormat(NEW), schemas)
    with pytest.raises(DecodeError, match="schema 258, which schemas= doesn't know"):
        format_.decode(b"\0\0\0\x01\x02" + raw(OLD, OLD_VALUE))
    schemas[258] = OLD
    assert format_.decode(b"\0\0\0\x01\x02" + raw(OLD, OLD_VALUE)) == {"id": 5, "note": None}
    with pytest.raises(DecodeError, match="schemas= failed for schema 7: ZeroDivisionError"):
        ConfluentFormat(AvroFormat(NEW), lambda _: 1 // 0).decode(b"\0\0\0\0\x07a")
    with pytest.raises(DecodeError, match="schema 7: data_schema 'x'"):
        ConfluentFormat(AvroFormat(NEW), {7: "x"}).decode(b"\0\0\0\0\x07a")
    with pytest.raises(DecodeError, match="schema 7, which isn't known"):
        ConfluentFormat(AvroFormat(NEW), schema_id=1).decode(b"\0\0\0\0\x07a")
    with pytest.raises(EncodeError, match="needs schema_id="):
        format_.encode(VALUE)


@pytest.mark.parametrize("codec", ["null", "deflate"])
@pytest.mark.parametrize("count", [0, 1, 3000])
def test_all_values_of_a_container_file_are_read(codec, count):
    values = [{"id": number, "note": "n"} for number in range(count)]
    assert ContainerFormat(AvroFormat(NEW)).decode(container(NEW, values, codec)) == values


def test_a_container_file_of_another_schema_is_resolved():
    assert ContainerFormat(AvroFormat(NEW)).decode(container(OLD, [OLD_VALUE] * 2)) == [{"id": 5, "note": None}] * 2


def test_a_container_file_is_written_for_other_libraries_and_always_alike():
    data = ContainerFormat(AvroFormat(NEW)).encode(VALUE)
    assert list(fastavro.reader(BytesIO(data))) == [VALUE]
    assert data == ContainerFormat(AvroFormat(NEW)).encode(VALUE)


def test_a_container_file_that_is_cut_or_changed_is_a_decode_error():
    whole = container(NEW, [VALUE] * 3)
    format_ = ContainerFormat(AvroFormat(NEW))
    header = len(container(NEW, []))
    for size in set(range(len(whole))) - {header}:
        with pytest.raises(DecodeError):
            format_.decode(whole[:size])
    assert format_.decode(whole[:header]) == []
    with pytest.raises(DecodeError, match="sync marker"):
        format_.decode(whole[:-1] + bytes([whole[-1] ^ 1]))


def test_a_container_file_of_very_many_empty_values_is_refused():
    empty = {"type": "record", "name": "R", "fields": []}
    header = container(empty, [])
    with pytest.raises(DecodeError, match="more than 1000000 values"):
        ContainerFormat(AvroFormat(empty)).decode(header + b"\xfe\xff\xff\xff\x7f\x00" + header[-16:])


def test_a_container_file_that_is_a_bomb_is_refused():
    texts = {"type": "record", "name": "R", "fields": [{"name": "a", "type": "bytes"}]}
    data = container(texts, [{"a": bytes(1 << 20)}] * 65, "deflate")
    assert len(data) < 1 << 17
    with pytest.raises(DecodeError, match=r"more than .* bytes, the most that is read"):
        ContainerFormat(AvroFormat(texts)).decode(data)


def test_a_schema_that_can_not_be_resolved_is_a_decode_error():
    other = {"type": "record", "name": "R", "fields": [{"name": "id", "type": "string"}]}
    with pytest.raises(DecodeError, match="records of the writer's schema 'R' can't be read as 'R': field 'id'"):
        ContainerFormat(AvroFormat(NEW)).decode(container(other, [{"id": "x"}]))


def test_damaged_data_of_another_schema_are_a_decode_error_too():
    format_ = ConfluentFormat(AvroFormat(NEW), {1: OLD})
    data = b"\0\0\0\0\x01" + raw(OLD, OLD_VALUE)
    for size in range(5, len(data)):
        with pytest.raises(DecodeError):
            format_.decode(data[:size])
    with pytest.raises(DecodeError, match="1 bytes are left after the value"):
        format_.decode(data + b"x")


@pytest.mark.parametrize(
    "value",
    [None, "s", {"E": "B"}, {"X": {"a": 1}}, {"Y": {"a": 1}}, {"F": b"ab"}, b"ab", {"int": 5}, {"long": 5}, [None, {}]],
)
def test_a_union_keeps_its_branch_under_another_schema(value):
    def record(name):
        return {"type": "record", "name": name, "fields": [{"name": "a", "type": "int", "default": 0}]}

    def schema(*fields):
        return {"type": "record", "name": "R", "fields": list(fields)}

    enum, fixed = {"type": "enum", "name": "E", "symbols": ["A", "B"]}, {"type": "fixed", "name": "F", "size": 2}
    array = {"type": "array", "items": ["null", record("Z")]}
    union = {
        "name": "u",
        "type": ["null", "string", enum, record("X"), record("Y"), fixed, "bytes", "int", "long", array],
    }
    old, new = schema(union, {"name": "gone", "type": "int"}), schema(union)
    data = AvroFormat(old).encode({"u": value, "gone": 1})
    found = ConfluentFormat(AvroFormat(new), {1: old}).decode(b"\0\0\0\0\x01" + data)
    assert found["u"] == AvroFormat(old).decode(data)["u"]


def test_logical_types_are_resolved_as_their_numbers():
    def schema(*fields):
        return {"type": "record", "name": "R", "fields": list(fields)}

    at = {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}}
    format_ = ContainerFormat(AvroFormat(schema(at)))
    (value,) = format_.decode(container(schema({"name": "x", "type": "int"}, at), [{"x": 1, "at": 1}]))
    assert value["at"].microsecond == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda format_: SingleObjectFormat(format_, len), "is not a list of schemas"),
        (lambda format_: SingleObjectFormat(format_, "{}"), "is not a list of schemas"),
        (lambda format_: ConfluentFormat(format_, "x"), "neither a function of a schema's id nor a dict"),
        (ConfluentFormat, "needs schemas="),
        (lambda format_: ConfluentFormat(format_, schema_id=-1), "schema_id=-1 is not"),
        (lambda format_: ConfluentFormat(format_, schema_id=2**32), "schema_id=4294967296 is not"),
    ],
)
def test_wrong_options_are_refused(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make(AvroFormat(NEW))


def test_a_schema_with_field_names_that_are_not_avros_has_a_fingerprint_too():
    format_ = SingleObjectFormat(
        AvroFormat({"type": "record", "name": "R", "fields": [{"name": "user-agent", "type": "string"}]})
    )
    assert format_.decode(format_.encode({"user-agent": "curl"})) == {"user-agent": "curl"}
