import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum

import numpy as np
import pandas as pd
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


class AnyDay(type):
    def __instancecheck__(cls, value):
        return isinstance(value, date)


class FrozenDay(date, metaclass=AnyDay):
    """As freezegun's FakeDate, of which every date is an instance."""


@pytest.mark.parametrize("format_", [CSVFormat, JSONFormat])
def test_dates_are_read_and_written_while_a_test_freezes_the_clock(format_, monkeypatch):
    """A library that does so replaces the class in the modules that have imported it."""
    monkeypatch.setattr("beam_dis.formats.times.date", FrozenDay)
    day = {"type": "record", "name": "R", "fields": [{"name": "d", "type": {"type": "int", "logicalType": "date"}}]}
    found = format_(day)
    assert found.decode(b"2026-01-02" if format_ is CSVFormat else b'{"d":"2026-01-02"}') == {"d": date(2026, 1, 2)}
    assert found.decode(found.encode({"d": date(2026, 1, 2)})) == {"d": date(2026, 1, 2)}


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


OPTIONAL = {
    "type": "record",
    "name": "O",
    "fields": [
        {"name": "i", "type": ["null", "int"]},
        {"name": "s", "type": ["string", "null"]},
        {"name": "x", "type": ["null", "double"]},
        {"name": "b", "type": ["null", "bytes"]},
        {"name": "t", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
        {"name": "d", "type": ["null", {"type": "int", "logicalType": "date"}]},
        {"name": "n", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}]},
    ],
}
OPTIONAL_FORMATS = [AvroFormat(OPTIONAL), CSVFormat(OPTIONAL), JSONFormat(OPTIONAL)]


@pytest.mark.parametrize("format_", OPTIONAL_FORMATS)
@pytest.mark.parametrize("missing", [pd.NA, pd.NaT, None])
def test_the_missing_values_of_pandas_are_null(format_, missing):
    value = dict.fromkeys(["i", "s", "x", "b", "t", "d", "n"], missing)
    assert format_.decode(format_.encode(value)) == dict.fromkeys(value)


@pytest.mark.parametrize("format_", OPTIONAL_FORMATS)
def test_a_missing_value_where_null_is_not_allowed_is_an_encode_error(format_):
    required = type(format_)({**OPTIONAL, "fields": [{"name": "s", "type": "string"}]})
    with pytest.raises(EncodeError, match="field 's'"):
        required.encode({"s": pd.NA})


@pytest.mark.parametrize("format_", OPTIONAL_FORMATS)
def test_rows_of_a_data_frame_are_written(format_):
    frame = pd.DataFrame(
        {
            "i": [1, None],
            "s": pd.Series(["a", None], dtype="string"),
            "x": [0.5, 1],
            "b": [b"x", None],
            "t": pd.to_datetime(["2013-01-01T10:00:00Z", None]),
            "d": pd.to_datetime(["2013-01-01", None]),
            "n": [Decimal("1.5"), None],
        }
    ).convert_dtypes(convert_floating=False)
    first, second = (format_.decode(format_.encode(row)) for row in frame.to_dict("records"))
    assert first == {
        "i": 1,
        "s": "a",
        "x": 0.5,
        "b": b"x",
        "t": datetime(2013, 1, 1, 10, tzinfo=timezone.utc),
        "d": date(2013, 1, 1),
        "n": Decimal("1.50"),
    }
    assert second == {"i": None, "s": None, "x": 1.0, "b": None, "t": None, "d": None, "n": None}


@pytest.mark.parametrize("format_", OPTIONAL_FORMATS)
@pytest.mark.parametrize("number", [Decimal("1.5"), Decimal("1.500"), 1.5, np.float64(1.5)])
def test_a_decimal_may_be_given_as_any_number_that_fits(format_, number):
    value = {**dict.fromkeys(["i", "s", "x", "b", "t", "d"]), "n": number}
    assert str(format_.decode(format_.encode(value))["n"]) == "1.50"


@pytest.mark.parametrize("format_", [JSONFormat, CSVFormat])
@pytest.mark.parametrize("number", [0, Decimal("1E-12"), 1e-7, Decimal("1E+3")])
def test_a_decimal_is_written_without_an_exponent(format_, number):
    type_ = {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 12}
    data = format_({"type": "record", "name": "R", "fields": [{"name": "n", "type": type_}]}).encode({"n": number})
    (digits,) = re.findall(rb"[\w.+-]{3,}", data)
    assert re.fullmatch(rb"\d+\.\d{12}", digits)
    assert float(digits) == float(number)


@pytest.mark.parametrize("format_", OPTIONAL_FORMATS)
@pytest.mark.parametrize(
    "number", [Decimal("1.505"), 0.1 + 0.2, Decimal(10000), Decimal("NaN"), float("inf"), True, "1.5"]
)
def test_a_decimal_that_does_not_fit_is_refused(format_, number):
    with pytest.raises(EncodeError, match="field 'n'"):
        format_.encode({**dict.fromkeys(["i", "s", "x", "b", "t", "d"]), "n": number})


@pytest.mark.parametrize("format_", OPTIONAL_FORMATS)
@pytest.mark.parametrize("day", [datetime(2013, 1, 1, 10), pd.Timestamp("2013-01-01T00:00:01")])  # noqa: DTZ001
def test_a_time_of_day_is_not_cut_off_for_a_date(format_, day):
    with pytest.raises(EncodeError, match="field 'd': Expected `date`, got a time of day too"):
        format_.encode({**dict.fromkeys(["i", "s", "x", "b", "t", "n"]), "d": day})


NUMBERS = {
    "type": "record",
    "name": "N",
    "fields": [
        {"name": "i", "type": "int"},
        {"name": "n", "type": "long"},
        {"name": "f", "type": "float"},
        {"name": "x", "type": "double"},
    ],
}
NUMBER_FORMATS = [AvroFormat(NUMBERS), CSVFormat(NUMBERS), JSONFormat(NUMBERS)]


@pytest.mark.parametrize("format_", NUMBER_FORMATS)
def test_a_float_has_32_bits_in_every_format(format_):
    decoded = format_.decode(format_.encode({"i": 1, "n": 1, "f": 0.1, "x": 0.1}))
    assert (decoded["f"], decoded["x"]) == (float(np.float32(0.1)), 0.1)


@pytest.mark.parametrize(
    ("field", "number"),
    [
        ("i", 2**31),
        ("i", -(2**31) - 1),
        ("n", 2**63),
        ("n", -(2**63) - 1),
        ("n", 2.0**60),
        ("f", 1e39),
        ("x", 2**53 + 1),
        ("x", 10**400),
    ],
)
@pytest.mark.parametrize("format_", NUMBER_FORMATS)
def test_numbers_out_of_range_are_refused_in_writing(format_, field, number):
    with pytest.raises(EncodeError, match=f"field '{field}'"):
        format_.encode({"i": 1, "n": 1, "f": 1, "x": 1, field: number})


@pytest.mark.parametrize(
    ("format_", "data", "field"),
    [
        (NUMBER_FORMATS[0], b"\x80\x80\x80\x80\x80\x40\x02\0\0\0\0\0\0\0\0\0\0\0\0", "i"),
        (NUMBER_FORMATS[0], b"\x02" + b"\xff" * 10 + b"\x01" + b"\0" * 12, "n"),
        (NUMBER_FORMATS[1], b"2147483648,1,1,1", "i"),
        (NUMBER_FORMATS[1], b"1,9223372036854775808,1,1", "n"),
        (NUMBER_FORMATS[1], b"1,1,1e39,1", "f"),
        (NUMBER_FORMATS[2], b'{"i":2147483648,"n":1,"f":1,"x":1}', "i"),
        (NUMBER_FORMATS[2], b'{"i":1,"n":9223372036854775808,"f":1,"x":1}', "n"),
        (NUMBER_FORMATS[2], b'{"i":1,"n":1180591620717411303424,"f":1,"x":1}', "n"),
        (NUMBER_FORMATS[2], b'{"i":1,"n":9007199254740993.0,"f":1,"x":1}', "n"),
        (NUMBER_FORMATS[1], b"1,9007199254740993.5,1,1", "n"),
        (NUMBER_FORMATS[2], b'{"i":1,"n":1e17,"f":1,"x":1}', "n"),
        (NUMBER_FORMATS[2], b'{"i":1,"n":1,"f":1e39,"x":1}', "f"),
    ],
)
def test_numbers_out_of_range_are_refused_in_reading(format_, data, field):
    with pytest.raises(DecodeError) as caught:
        format_.decode(data)
    assert caught.value.field == field


@pytest.mark.parametrize("make", [AvroFormat, CSVFormat, JSONFormat])
@pytest.mark.parametrize("number", [2**53 + 1, 10**400])
def test_an_int_that_no_double_has_is_refused_in_records_of_many_fields_too(make, number):
    fields = [{"name": f"f{place}", "type": ["null", "double"]} for place in range(20)]
    format_ = make({"type": "record", "name": "R", "fields": fields})
    value = {f"f{place}": place for place in range(20)}
    assert format_.decode(format_.encode(value)) == value
    with pytest.raises(EncodeError, match="field 'f7'"):
        format_.encode({**value, "f7": number})
