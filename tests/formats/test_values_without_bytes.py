"""Values without bytes: a null, an empty record, fixed bytes of size 0. A short record must not make millions of them."""

from io import BytesIO

import fastavro
import pytest

from beam_dis.errors import DecodeError
from beam_dis.formats import AvroFormat
from beam_dis.formats.avro_versions import AvroVersions, resolved
from beam_dis.formats.framing import ContainerFormat
from beam_dis.formats.schema import read_schema
from beam_dis.formats.value_types import PLAIN

MOST = 65_536
REFUSED = "more items and fields without bytes than are read"
EMPTY = {"type": "record", "name": "Empty", "fields": []}
NULLS = {"type": "record", "name": "Nulls", "fields": [{"name": name, "type": "null"} for name in "abcd"]}
NOTHING = {"type": "fixed", "name": "Nothing", "size": 0}


def record(type_):
    return {"type": "record", "name": "R", "fields": [{"name": "id", "type": "long"}, {"name": "a", "type": type_}]}


def array(items):
    return {"type": "array", "items": items}


def long(number):
    """The Avro encoding of a number, 0 or more."""
    number, found = 2 * number, b""
    while number > 127:
        found, number = found + bytes([number & 127 | 128]), number >> 7
    return found + bytes([number])


def lists(count, items, key=b""):
    """A record of so many arrays, each of so many items without bytes; with a key, the arrays are in a map."""
    return long(1) + long(count) + (key + long(items) + b"\0") * count + b"\0"


def doubled(levels):
    """A record without bytes that has two of the record below, and so on: a short schema of 2 ** levels records."""
    type_ = {"type": "record", "name": "D0", "fields": []}
    for level in range(1, levels):
        fields = [{"name": "a", "type": type_}, {"name": "b", "type": f"D{level - 1}"}]
        type_ = {"type": "record", "name": f"D{level}", "fields": fields}
    return type_


SHAPES = {
    "array of arrays of null": (array(array("null")), lists(20, MOST // 10)),
    "array of arrays of empty records": (array(array(EMPTY)), lists(20, MOST // 10)),
    "array of arrays of records of nulls": (array(array(NULLS)), lists(20, MOST // 50)),
    "array of arrays of fixed of size 0": (array(array(NOTHING)), lists(20, MOST // 10)),
    "map of arrays": ({"type": "map", "values": array("null")}, lists(20, MOST // 10, b"\2k")),
    "array of nullable arrays": (array(["null", array("null")]), lists(20, MOST // 10, b"\2")),
    "array of unions": (array(["string", array("null"), "int"]), lists(20, MOST // 10, b"\2")),
    "array of records": (array({**NULLS, "fields": [{"name": "n", "type": array("null")}]}), lists(20, MOST // 10)),
    "one array in many blocks": (array("null"), long(1) + long(MOST // 10) * 20 + b"\0"),
    "an array too long": (array("null"), long(1) + long(2**62) + b"\0"),
    "records of records": (doubled(40), long(1)),
    "array of records of records": (array(doubled(60)), long(1) + long(1000) + b"\0"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_a_short_record_of_many_values_without_bytes_is_refused(shape):
    type_, data = SHAPES[shape]
    with pytest.raises(DecodeError, match=REFUSED):
        AvroFormat(record(type_)).decode(data)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_limit_is_the_same_through_the_schema_of_a_writer(shape):
    """Also if the reader's schema doesn't have the field."""
    type_, data = SHAPES[shape]
    without = {**record("int"), "fields": [{"name": "id", "type": "long"}]}
    for mine in (record(type_), without):
        own, writer = AvroFormat(mine), read_schema(record(type_))
        with pytest.raises(DecodeError, match=REFUSED):
            resolved(own.schema, PLAIN, writer).decode(data)
    own, longer = AvroFormat(record(type_)), record(type_)
    longer["fields"].append({"name": "more", "type": ["null", "int"], "default": None})
    with pytest.raises(DecodeError, match=REFUSED):
        AvroVersions(own, [read_schema(longer)]).decode(data)


def test_as_many_values_without_bytes_as_the_limit_are_read_from_each_record():
    format_ = AvroFormat(record(array(array("null"))))
    for _ in range(3):
        found = format_.decode(lists(8, MOST // 8))
        assert found == {"id": 1, "a": [[None] * (MOST // 8)] * 8}
    assert len(AvroFormat(record(array(EMPTY))).decode(long(1) + long(MOST) + b"\0")["a"]) == MOST


def test_the_values_without_bytes_of_a_container_file_are_counted_together():
    schema = record(array("null"))

    def file(rows):
        stream = BytesIO()
        values = [{"id": 1, "a": [None] * (MOST // 2)}] * rows
        fastavro.writer(stream, fastavro.parse_schema(schema), values, codec="deflate", sync_interval=100)
        return stream.getvalue()

    for mine in (schema, {**schema, "fields": schema["fields"][:1]}):
        format_ = ContainerFormat(AvroFormat(mine))
        assert len(format_.decode(file(3))) == 3
        with pytest.raises(DecodeError, match=REFUSED):
            format_.decode(file(40))
