"""Values inside themselves: every format reads what it writes and writes what it reads, at each depth, and refuses deeper ones."""

import json

import pytest

from beam_dis.errors import DecodeError, EncodeError
from beam_dis.formats import AvroFormat, JSONFormat
from beam_dis.formats.nesting import MOST_LEVELS
from beam_dis.formats.schema import read_schema
from beam_dis.formats.value_types import PLAIN


def record(name, inside):
    fields = [{"name": "n", "type": "long"}, {"name": "r", "type": inside}]
    return {"type": "record", "name": name, "fields": fields}


SHAPES = {
    "record": (record("R", ["null", "R"]), None, lambda inner: inner),
    "array": (record("A", {"type": "array", "items": "A"}), [], lambda inner: [inner]),
    "map": (record("M", {"type": "map", "values": "M"}), {}, lambda inner: {"k": inner}),
    "union": (record("U", ["null", "string", {"type": "array", "items": "U"}]), None, lambda inner: {"array": [inner]}),
}
FORMATS = {"avro": AvroFormat, "json": JSONFormat}


def nested(shape, levels):
    """A record that has records inside itself, so many levels deep."""
    _, end, around = SHAPES[shape]
    value = {"n": 0, "r": end}
    for number in range(levels):
        value = {"n": number, "r": around(value)}
    return value


@pytest.fixture(params=SHAPES)
def shape(request):
    return request.param


@pytest.fixture(params=["avro", "json"])
def format_(request, shape):
    return FORMATS[request.param](SHAPES[shape][0])


@pytest.mark.parametrize("levels", [0, 1, 2, MOST_LEVELS - 1, MOST_LEVELS])
def test_what_is_written_is_read_and_written_the_same(format_, shape, levels):
    data = format_.encode(nested(shape, levels))
    value = format_.decode(data)
    assert format_.encode(value) == data
    assert format_.decode(format_.encode(value)) == value


@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, MOST_LEVELS + 200])
def test_a_deeper_value_is_not_written(format_, shape, levels):
    with pytest.raises(EncodeError, match=f"nested more than {MOST_LEVELS} levels deep"):
        format_.encode(nested(shape, levels))


@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, 300])
def test_deeper_json_text_is_neither_read_nor_written(levels):
    tree = nested("record", levels)
    data = json.dumps(tree).encode()
    with pytest.raises(DecodeError, match=f"nested more than {MOST_LEVELS} levels deep"):
        JSONFormat(SHAPES["record"][0]).decode(data)
    for kind in FORMATS.values():
        with pytest.raises(EncodeError, match=f"nested more than {MOST_LEVELS} levels deep"):
            kind(SHAPES["record"][0]).encode({"n": 1, "r": json.dumps(tree["r"])})


@pytest.mark.parametrize("levels", [MOST_LEVELS + 1, 300, 100_000])
def test_deeper_avro_is_not_read(levels):
    data = b"\x02\x02" * levels + b"\x02\x00"
    format_ = AvroFormat(SHAPES["record"][0])
    with pytest.raises(DecodeError, match=f"nested more than {MOST_LEVELS} levels deep"):
        format_.decode(data)
    assert format_.decode(b"\x02\x02\x02\x00")["r"] == '{"n":1,"r":null}'


def test_a_record_after_one_that_was_too_deep_is_read():
    """The level is that of each record, not of the reader."""
    format_ = AvroFormat(SHAPES["record"][0])
    for _ in range(3):
        with pytest.raises(DecodeError, match="levels deep"):
            format_.decode(b"\x02\x02" * 1000 + b"\x02\x00")
        deepest = b"\x02\x02" * MOST_LEVELS + b"\x02\x00"
        assert format_.encode(format_.decode(deepest)) == deepest


def test_many_values_beside_each_other_are_one_level():
    format_ = AvroFormat(SHAPES["array"][0])
    value = {"n": 1, "r": [{"n": number, "r": []} for number in range(10_000)]}
    assert format_.encode(format_.decode(format_.encode(value))) == format_.encode(value)


def test_records_of_another_schema_are_read_as_deep():
    writer = read_schema(SHAPES["record"][0])
    newer = record("R", ["null", "R"])
    newer["fields"].append({"name": "x", "type": "int", "default": 1})
    format_ = AvroFormat(newer, PLAIN, writer)
    assert format_.decode(b"\x02\x02" * MOST_LEVELS + b"\x02\x00")["x"] == 1
    with pytest.raises(DecodeError, match=f"nested more than {MOST_LEVELS} levels deep"):
        format_.decode(b"\x02\x02" * (MOST_LEVELS + 1) + b"\x02\x00")


def test_a_wrong_value_deep_inside_lists_is_looked_at_once(format_, shape):
    """Its path is known without making each list around it again, which would take twice as long at each level."""
    value = nested(shape, 0)
    value["n"] = "wrong"
    around = SHAPES[shape][2]
    for number in range(MOST_LEVELS):
        value = {"n": number, "r": around(value)}
    with pytest.raises(EncodeError, match=r"""^field ['"]r.*n['"]: """):
        format_.encode(value)
