from datetime import date, datetime, timezone
from enum import Enum

import pytest

from beam_dis.errors import ConfigurationError, DecodeError, EncodeError
from beam_dis.formats import CSVFormat, read_schema


def columns(**types):
    return {"type": "record", "name": "Row", "fields": [{"name": name, "type": type_} for name, type_ in types.items()]}


MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
DAY = {"type": "int", "logicalType": "date"}


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (b"1,x", {"a": 1, "b": "x"}),
        (b"1,x\n", {"a": 1, "b": "x"}),
        (b"1,x\r\n", {"a": 1, "b": "x"}),
        (b'-7,"x,y"', {"a": -7, "b": "x,y"}),
        (b'1,"say ""hi"""', {"a": 1, "b": 'say "hi"'}),
        (b'1,"two\r\nlines"\n', {"a": 1, "b": "two\r\nlines"}),
        (b'"1",""', {"a": 1, "b": ""}),
        (b'1,5" pipe', {"a": 1, "b": '5" pipe'}),
        ("1,späť".encode(), {"a": 1, "b": "späť"}),
    ],
)
def test_rows_are_read_as_in_rfc_4180_with_a_few_extensions(row, value):
    assert CSVFormat(columns(a="int", b="string")).decode(row) == value


@pytest.mark.parametrize("delimiter", ["::", "||", "aba", ":-:"])
@pytest.mark.parametrize("kind", ["string", "bytes"])
def test_a_cell_that_ends_like_the_start_of_the_delimiter_is_quoted(delimiter, kind):
    schema = columns(a=kind, b=["null", "int"], c=["null", "string"])
    format_ = CSVFormat(schema, delimiter=delimiter, null="NA")
    for size in range(1, len(delimiter)):
        text = "x" + delimiter[:size]
        value = {"a": text if kind == "string" else text.encode(), "b": None, "c": text}
        assert format_.decode(format_.encode(value)) == value
    with pytest.raises(ConfigurationError, match="must not contain the delimiter"):
        CSVFormat(schema, delimiter="::", null="N:")


def test_a_record_without_fields_is_an_empty_row():
    format_ = CSVFormat(columns())
    assert format_.encode({}) == b""
    assert format_.decode(b"") == format_.decode(b"\r\n") == {}
    with pytest.raises(DecodeError, match="1 columns, but the schema has 0 fields"):
        format_.decode(b"x")


@pytest.mark.parametrize("row", [b"1,x", b'1,"x,y"', b"1,x\r\n", b'"1",x'])
def test_a_byte_order_mark_in_front_of_a_row_is_dropped_once(row):
    format_ = CSVFormat(columns(a="int", b="string"))
    assert format_.decode(b"\xef\xbb\xbf" + row) == format_.decode(row)
    with pytest.raises(DecodeError):
        format_.decode(b"\xef\xbb\xbf" * 2 + row)


@pytest.mark.parametrize("text", ["\ufeff", "\ufeffx", "\ufeff\ufeff", "\ufeff,"])
def test_text_that_begins_with_a_byte_order_mark_is_read_back(text):
    for types in ({"a": "string"}, {"a": "string", "b": "string"}, {"b": "int", "a": "string"}):
        format_ = CSVFormat(columns(**types))
        value = {"a": text, "b": 1 if types.get("b") == "int" else text}
        value = {name: value[name] for name in types}
        assert format_.decode(format_.encode(value)) == value


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_row_in_another_encoding_is_refused_by_its_name(encoding):
    with pytest.raises(DecodeError, match=f"the text is {encoding.upper()}"):
        CSVFormat(columns(a="int")).decode("1".encode(encoding))


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("plain", b"plain;1"),
        ("", b";1"),
        ("a;b", b'"a;b";1'),
        ("a,b", b"a,b;1"),
        ('"', b'"""";1'),
        ("a\nb", b'"a\nb";1'),
        ("a\r", b'"a\r";1'),
    ],
)
def test_text_is_quoted_only_if_necessary(text, row):
    assert CSVFormat(columns(a="string", b="int"), delimiter=";").encode({"a": text, "b": 1}) == row


def test_a_lone_empty_column_is_quoted_so_that_the_record_has_a_byte():
    format_ = CSVFormat(columns(a="string"))
    assert format_.encode({"a": ""}) == b'""'
    assert format_.decode(b'""') == {"a": ""}


@pytest.mark.parametrize(("type_", "row"), [("string", b"\n"), ("bytes", b"\n"), ("int", b'""'), (DAY, b'""')])
def test_a_lone_null_has_a_byte_too_and_is_read_back(type_, row):
    """A quoted cell would be the empty value of some types, and a line of its own is null for all."""
    format_ = CSVFormat(columns(a=["null", type_]))
    assert format_.encode({"a": None}) == row
    assert format_.decode(row) == {"a": None}


@pytest.mark.parametrize(
    ("row", "value"),
    [
        (b"NA,NA", {"n": None, "s": None}),
        (b",", {"n": None, "s": ""}),
        (b"5,na", {"n": 5, "s": "na"}),
    ],
)
def test_the_null_text_is_null_and_an_empty_number_is_null_too(row, value):
    assert CSVFormat(columns(n=["null", "int"], s=["string", "null"]), null="NA").decode(row) == value


def test_the_null_text_is_plain_text_in_a_column_that_is_not_nullable():
    format_ = CSVFormat(columns(s="string"), null="NA")
    assert format_.decode(format_.encode({"s": "NA"})) == {"s": "NA"}


@pytest.mark.parametrize(("null", "value", "row"), [("NA", "NA", b'"NA"'), ("", "", b'""'), ("NA", "", b'""')])
def test_text_that_looks_like_null_is_quoted_and_read_back(null, value, row):
    format_ = CSVFormat(columns(s=["null", "string"]), null=null)
    assert format_.encode({"s": value}) == row
    assert format_.decode(row) == {"s": value}


@pytest.mark.parametrize(
    ("type_", "null", "value"),
    [
        ("int", "0", 0),
        ("boolean", "true", True),
        ("bytes", "", b""),
        ("double", "nan", 0.5),
        (DAY, "2013-01-01", date(2013, 1, 1)),
    ],
)
def test_any_value_that_looks_like_null_is_quoted_and_read_back(type_, null, value):
    format_ = CSVFormat(columns(a=["null", type_], b="int"), null=null)
    for given in ({"a": value, "b": 1}, {"a": None, "b": 1}):
        assert format_.decode(format_.encode(given)) == given


def test_a_quoted_cell_that_cannot_be_a_value_is_null_if_it_looks_like_null():
    """As writers have it that quote every cell."""
    format_ = CSVFormat(columns(n=["null", "int"], d=["null", DAY], s=["null", "string"]), null="NA")
    assert format_.decode(b'"NA","","NA"') == {"n": None, "d": None, "s": "NA"}


@pytest.mark.parametrize(
    ("text", "time"),
    [
        (b"2013-01-01T10:00:00Z", datetime(2013, 1, 1, 10, tzinfo=timezone.utc)),
        (b"2013-01-01 12:00:00.250+02:00", datetime(2013, 1, 1, 10, 0, 0, 250000, tzinfo=timezone.utc)),
        (b"2013-01-01T10:00:00.123999Z", datetime(2013, 1, 1, 10, 0, 0, 123000, tzinfo=timezone.utc)),
        (b"1357034400000", datetime(2013, 1, 1, 10, tzinfo=timezone.utc)),
        (b"-1", datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=timezone.utc)),
    ],
)
def test_timestamps_are_read_from_iso_text_or_digits_in_utc_and_milliseconds(text, time):
    value = CSVFormat(columns(t=MILLIS)).decode(text)
    assert value == {"t": time}
    assert value["t"].tzinfo is timezone.utc


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, b"2013-01-01T10:00:00Z"), (5000, b"2013-01-01T10:00:00.005Z"), (5001, b"2013-01-01T10:00:00.005Z")],
)
def test_timestamps_are_written_without_needless_decimals(micros, text):
    time = datetime(2013, 1, 1, 10, 0, 0, micros, tzinfo=timezone.utc)
    assert CSVFormat(columns(t=MILLIS)).encode({"t": time}) == text


def test_dates_are_iso_text_or_days():
    format_ = CSVFormat(columns(d=DAY))
    assert [format_.decode(text)["d"] for text in (b"2013-02-28", b"15764")] == [date(2013, 2, 28)] * 2


@pytest.mark.parametrize(
    ("type_", "text", "message"),
    [
        ("int", b"12x", "field 'a': '12x' can't be read as int"),
        ("int", b"", "field 'a': '' can't be read as int"),
        ("int", b"1_000", "field 'a': '1_000' can't be read as int"),
        ("int", b"2147483648", "field 'a': '2147483648' can't be read as int"),
        ("int", b"9" * 5000, "field 'a': '9+.* can't be read as int"),
        ("double", b"1,5", "2 columns, but the schema has 1 fields"),
        ("double", b"1_0.5", "field 'a': '1_0.5' can't be read as double"),
        ("boolean", b"1", "field 'a': '1' can't be read as boolean"),
        ("bytes", b"a*b", "field 'a': 'a\\*b' can't be read as bytes"),
        (["null", "long"], b"x", "field 'a': 'x' can't be read as long or null"),
        (MILLIS, b"2013-01-01T10:00:00", "field 'a': .* can't be read as timestamp-millis: .*timezone"),
        (MILLIS, b"9" * 25, "field 'a': .* can't be read as timestamp-millis"),
        (DAY, b"2013-02-30", "field 'a': '2013-02-30' can't be read as date"),
        ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, b"C", r"field 'a': 'C' .* one of A, B"),
        ("string", b"a\nb", "a line break outside of quotes"),
        ("string", b'"a', "not a row of CSV"),
        ("string", b'"a"b', "not a row of CSV"),
        ("string", b"\xff", "not UTF-8"),
    ],
)
def test_the_error_for_a_wrong_row_names_the_column_and_the_reason(type_, text, message):
    with pytest.raises(DecodeError, match=message):
        CSVFormat(columns(a=type_)).decode(text)


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        ("int", "1", "field 'a': Expected `int`, got `str`: '1'"),
        ("int", 2**31, "field 'a': Expected `int` <= 2147483647: 2147483648"),
        ("string", None, "field 'a': Expected `str`, got `null`: None"),
        (MILLIS, datetime(2013, 1, 1), "field 'a': Expected `datetime` with a timezone"),  # noqa: DTZ001 - what is refused
        (MILLIS, "2013-01-01T10:00:00Z", "field 'a': Expected `datetime`, got `str`"),
        ("string", "\ud800", "field 'a': .*surrogates not allowed"),
    ],
)
def test_the_error_for_a_wrong_value_names_the_field_and_the_reason(type_, value, message):
    with pytest.raises(EncodeError, match=message):
        CSVFormat(columns(a=type_)).encode({"a": value})


def test_a_missing_field_and_an_unknown_field_are_named():
    format_ = CSVFormat(columns(a="int", b="int"))
    with pytest.raises(EncodeError, match="missing required field `b`"):
        format_.encode({"a": 1})
    with pytest.raises(EncodeError, match="unknown field `c`"):
        format_.encode({"a": 1, "b": 2, "c": 3})


@pytest.mark.parametrize("delimiter", ["", '"', ',"', "\n", "\ufeff", None, 5])
def test_a_delimiter_is_text_without_another_meaning(delimiter):
    with pytest.raises(ConfigurationError, match="delimiter"):
        CSVFormat(columns(a="int"), delimiter=delimiter)


@pytest.mark.parametrize(
    ("null", "message"), [(None, "the text of a null"), ("a,b", "delimiter"), ('"', "quote"), ("\r", "line break")]
)
def test_the_null_text_is_a_str_without_another_meaning(null, message):
    with pytest.raises(ConfigurationError, match=rf"null=.* must .*{message}"):
        CSVFormat(columns(a=["null", "int"]), null=null)


@pytest.mark.parametrize(("delimiter", "row"), [("\\t", b"a\t1"), ("||", b"a||1"), ("::", b"a::1"), ("\0", b"a\x001")])
def test_a_delimiter_may_be_a_typed_tab_or_several_characters(delimiter, row):
    format_ = CSVFormat(columns(a="string", b="int"), delimiter=delimiter)
    assert format_.encode({"a": "a", "b": 1}) == row
    assert format_.decode(row) == {"a": "a", "b": 1}
    text = f"{row.decode()[1:-1]}|:,"
    assert format_.decode(format_.encode({"a": text, "b": 1}))["a"] == text


@pytest.mark.parametrize("text", ["\0", "a\0b", '"\0', "x" * 200_000, '"' * 200_000, ("x" * 999 + "\n") * 200])
def test_nul_characters_and_long_cells_are_read_and_written(text):
    for types in ({"a": "string"}, {"a": "string", "b": ["null", "int"]}):
        format_ = CSVFormat(columns(**types))
        value = {"a": text, **({"b": None} if "b" in types else {})}
        assert format_.decode(format_.encode(value)) == value


@pytest.mark.parametrize(
    ("booleans", "texts", "written"),
    [
        (("t", "f"), {b"t": True, b"f": False, b"true": True, b"FALSE": False}, b"t"),
        (("1", "0"), {b"1": True, b"0": False, b"True": True}, b"1"),
        (("", "no"), {b"": True, b"no": False}, b'""'),
    ],
)
def test_booleans_may_have_other_texts(booleans, texts, written):
    format_ = CSVFormat(columns(a="boolean"), booleans=booleans)
    assert {text: format_.decode(text)["a"] for text in texts} == texts
    assert format_.encode({"a": True}) == written


@pytest.mark.parametrize("booleans", [("t", "t"), ("false", "true"), "tf", ("t",), (1, 0), None])
def test_the_texts_of_true_and_false_are_two_different_texts(booleans):
    with pytest.raises(ConfigurationError, match="booleans="):
        CSVFormat(columns(a="boolean"), booleans=booleans)


@pytest.mark.parametrize(
    ("text", "zone", "hour"),
    [
        (b"2013-01-01 10:00:00", "UTC", 10),
        (b"2013-01-01T10:00:00.5", "+02:00", 8),
        (b"2013-01-01 10:00:00", "Europe/Berlin", 9),
        (b"2013-07-01 10:00:00", "Europe/Berlin", 8),
        (b"2013-01-01 10:00:00+00", None, 10),
        (b"2013-01-01 10:00:00+00", "-05:00", 10),
        (b"2013-01-01 10:00:00-03", None, 13),
    ],
)
def test_times_are_read_as_databases_print_them(text, zone, hour):
    format_ = CSVFormat(columns(a=MILLIS), time_zone=zone)
    assert format_.decode(text)["a"].hour == hour


@pytest.mark.parametrize("zone", ["Mars", "+2", "", 5, "+99:00"])
def test_an_unknown_time_zone_is_refused(zone):
    with pytest.raises(ConfigurationError, match="time_zone="):
        CSVFormat(columns(a=MILLIS), time_zone=zone)


@pytest.mark.parametrize("text", [b"20130101120000", b"20130101", b"201301011200", b"1357034400", b"1357034400000000"])
def test_digits_that_are_likely_another_time_are_refused(text):
    with pytest.raises(DecodeError, match=r"field 'a': .*(could be milliseconds, or a time|out of range)"):
        CSVFormat(columns(a=MILLIS)).decode(text)


@pytest.mark.parametrize("text", [b"1357034400000", b"1357034400", b"20130101120000"])
def test_digits_of_microseconds_that_are_likely_another_time_are_refused(text):
    with pytest.raises(DecodeError, match=r"field 'a': .*could be microseconds, or a time"):
        CSVFormat(columns(a={"type": "long", "logicalType": "timestamp-micros"})).decode(text)


def test_a_schema_with_nested_fields_is_refused_with_the_fields_name():
    with pytest.raises(ConfigurationError, match=r"field 'tags' .* use JSON or Avro"):
        CSVFormat(columns(a="int", tags={"type": "array", "items": "string"}))


def test_a_field_with_a_default_may_be_left_out_when_writing():
    schema = columns(a="int")
    schema["fields"].append({"name": "b", "type": "string", "default": "none"})
    assert CSVFormat(schema).encode({"a": 1}) == b"1,none"


def test_rows_with_another_number_of_columns_are_noticed_once_each():
    seen = []
    schema = columns(a="int", b=["null", "string"])
    wider = read_schema(columns(a="int", b=["null", "string"], c="int"))
    format_ = CSVFormat(schema, writers=[wider], noticed=lambda: seen.append(1))
    assert [format_.decode(row)["a"] for row in (b"1,x", b"2", b"3,x,4")] == [1, 2, 3]
    assert len(seen) == 2
    for row in b"x", b"6,x,7,8":
        with pytest.raises(DecodeError):
            format_.decode(row)
    assert len(seen) == 2


@pytest.mark.parametrize("delimiter", [",", "\t", "||", "\0"])
def test_a_subclass_of_str_is_written_as_the_text_that_it_contains(delimiter):
    class Color(str, Enum):
        RED = "red"

    class Loud(str):
        __slots__ = ()

        def __str__(self):
            return "LOUD"

    schema = columns(a="string", b=["null", "string"], c="int")
    value = {"a": Color.RED, "b": Loud("quiet"), "c": 5}
    assert CSVFormat(schema, delimiter=delimiter).encode(value).decode() == delimiter.join(["red", "quiet", "5"])
