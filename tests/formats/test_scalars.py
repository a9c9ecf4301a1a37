from datetime import date, datetime, timedelta, timezone
from enum import Enum, IntEnum

import numpy as np
import pytest

from beam_dis.errors import DecodeError, EncodeError
from beam_dis.formats import AvroFormat, CSVFormat, JSONFormat

SCHEMA = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "n", "type": "long"},
        {"name": "x", "type": ["null", "double"]},
        {"name": "ok", "type": "boolean"},
        {"name": "s", "type": "string"},
        {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}},
    ],
}
FORMATS = [AvroFormat(SCHEMA), CSVFormat(SCHEMA), JSONFormat(SCHEMA)]


class Letter(str, Enum):
    A = "A"


@pytest.mark.parametrize("format_", FORMATS)
def test_numpy_scalars_and_enum_members_are_written_as_their_values(format_):
    numpys = {"n": np.int64(3), "x": np.float64(2.5), "ok": np.bool_(True), "s": np.str_("t"), "e": Letter.A}
    assert format_.decode(format_.encode(numpys)) == {"n": 3, "x": 2.5, "ok": True, "s": "t", "e": "A"}


class Text(str):
    __slots__ = ()

    def __str__(self):
        return "not this"

    __repr__ = __format__ = __str__


class Count(int):
    def __str__(self):
        return "not this"

    __repr__ = __format__ = __str__


class Amount(float):
    def __str__(self):
        return "not this"

    __repr__ = __format__ = __str__


class Raw(bytes):
    def __bytes__(self):
        return b"not this"


class Moment(datetime):
    """A subclass such as pandas' Timestamp, pendulum's DateTime, or freezegun's FakeDatetime."""


class Day(date):
    """A subclass such as pendulum's Date or freezegun's FakeDate."""


class Number(IntEnum):
    THREE = 3


ALL_TYPES = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "s", "type": "string"},
        {"name": "i", "type": "int"},
        {"name": "n", "type": ["null", "long"]},
        {"name": "f", "type": "float"},
        {"name": "x", "type": "double"},
        {"name": "b", "type": "bytes"},
        {"name": "t", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "m", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "d", "type": {"type": "int", "logicalType": "date"}},
        {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}},
    ],
}
ALL_FORMATS = [AvroFormat(ALL_TYPES), CSVFormat(ALL_TYPES), JSONFormat(ALL_TYPES)]
NESTED = {
    "type": "record",
    "name": "N",
    "fields": [
        {"name": "list", "type": {"type": "array", "items": "long"}},
        {"name": "map", "type": {"type": "map", "values": "string"}},
        {"name": "inner", "type": {"type": "record", "name": "I", "fields": [{"name": "n", "type": "int"}]}},
    ],
}


@pytest.mark.parametrize("format_", ALL_FORMATS)
def test_a_value_of_a_subclass_is_written_as_the_type_that_it_is(format_):
    utc = timezone.utc
    value = {"s": Text("t"), "i": Count(1), "n": Number.THREE, "f": Amount(1.5), "x": Amount(0.1), "b": Raw(b"r"),
             "t": Moment(2026, 1, 2, 3, 4, 5, 6, tzinfo=utc), "m": Moment(2026, 1, 2, tzinfo=timezone(timedelta(hours=1))),
             "d": Day(2026, 1, 2), "e": Text("B")}  # fmt: skip
    decoded = format_.decode(format_.encode(value))
    assert decoded == {"s": "t", "i": 1, "n": 3, "f": 1.5, "x": 0.1, "b": b"r",
                       "t": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=utc), "m": datetime(2026, 1, 1, 23, tzinfo=utc),
                       "d": date(2026, 1, 2), "e": "B"}  # fmt: skip


@pytest.mark.parametrize("format_", [AvroFormat(NESTED), JSONFormat(NESTED)])
def test_subclasses_inside_of_lists_maps_and_records_are_plain_values_too(format_):
    value = {"list": (Count(1), 2.0), "map": {Text("k"): Letter.A}, "inner": {"n": Number.THREE}}
    assert format_.decode(format_.encode(value)) == {"list": [1, 2], "map": {"k": "A"}, "inner": {"n": 3}}


@pytest.mark.parametrize("format_", [AvroFormat(NESTED), JSONFormat(NESTED)])
def test_a_numpy_array_is_written_as_a_list(format_):
    value = {"list": np.array([1, 2]), "map": {}, "inner": {"n": np.int8(3)}}
    assert format_.decode(format_.encode(value))["list"] == [1, 2]


@pytest.mark.parametrize("number", [5.0, np.float64(5.0), Amount(5)])
@pytest.mark.parametrize("format_", FORMATS)
def test_an_integral_float_is_written_as_an_int(format_, number):
    assert format_.decode(format_.encode({"n": number, "x": 1, "ok": True, "s": "", "e": "A"}))["n"] == 5


@pytest.mark.parametrize("number", [5.5, float("nan"), float("inf"), 1e30, True, np.bool_(True), "5", None])
@pytest.mark.parametrize("format_", FORMATS)
def test_any_other_value_is_not_taken_for_an_int(format_, number):
    with pytest.raises(EncodeError, match="field 'n'"):
        format_.encode({"n": number, "x": 1, "ok": True, "s": "", "e": "A"})


@pytest.mark.parametrize(
    ("format_", "data"), [(FORMATS[1], b"5.0,,true,s,A"), (FORMATS[2], b'{"n":5.0,"ok":true,"s":"s","e":"A"}')]
)
def test_an_integral_decimal_number_is_read_as_an_int(format_, data):
    decoded = format_.decode(data)
    assert (decoded["n"], type(decoded["n"])) == (5, int)


@pytest.mark.parametrize("text", ["5.5", "5.", ".0", "5.0.0", "5.x", "5e0", "1e400"])
def test_any_other_text_of_a_column_is_not_read_as_an_int(text):
    with pytest.raises(DecodeError, match="field 'n'"):
        FORMATS[1].decode(f"{text},,true,s,A".encode())


@pytest.mark.parametrize("text", ["5.5", "1e400", "true", '"5.0"'])
def test_any_other_value_in_json_is_not_read_as_an_int(text):
    with pytest.raises(DecodeError):
        FORMATS[2].decode(f'{{"n":{text},"ok":true,"s":"s","e":"A"}}'.encode())


@pytest.mark.parametrize("format_", FORMATS)
def test_a_time_that_is_no_time_is_an_encode_error(format_):
    """As pandas' NaT, which is a datetime whose fields are NaN."""

    class NotATime(datetime):
        year = property(lambda _: float("nan"))

    with pytest.raises(EncodeError, match="field 's'"):
        format_.encode({"n": 1, "x": 1, "ok": True, "s": NotATime(2026, 1, 1), "e": "A"})


@pytest.mark.parametrize("format_", [AvroFormat(SCHEMA), JSONFormat(SCHEMA)])
def test_an_unknown_type_is_an_encode_error_that_shows_the_value(format_):
    with pytest.raises(EncodeError, match="Expected `str`, got `object`"):
        format_.encode({"n": 1, "x": None, "ok": True, "s": object(), "e": "A"})


@pytest.mark.parametrize("value", [None, [], "text", 5, object()])
@pytest.mark.parametrize("format_", FORMATS)
def test_a_value_that_is_not_a_mapping_is_an_encode_error(format_, value):
    with pytest.raises(EncodeError, match="Expected `object`"):
        format_.encode(value)


def test_an_array_that_contains_itself_is_an_encode_error():
    endless = []
    endless.append(endless)
    schema = {**SCHEMA, "fields": [{"name": "a", "type": {"type": "array", "items": "int"}}]}
    with pytest.raises(EncodeError, match=r"field 'a\[0\]': Expected `int`, got `array`"):
        JSONFormat(schema).encode({"a": endless})
