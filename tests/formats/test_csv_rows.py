from datetime import date, datetime, timezone

import pytest

from beam_dis.errors import ConfigurationError, DecodeError, EncodeError
from beam_dis.formats import CSVFormat


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


@pytest.mark.parametrize(("null", "value"), [("NA", "NA"), ("", "")])
def test_text_that_would_be_read_as_null_is_refused(null, value):
    with pytest.raises(EncodeError, match=r"field 's': .* would be read as null; choose another text"):
        CSVFormat(columns(s=["null", "string"]), null=null).encode({"s": value})


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
        ("string", '"\0', "field 'a': .* NUL"),
        ("string", "\ud800", "surrogates not allowed"),
        ("string", '"' * 131073, "field 'a': 131073 characters in quotes"),
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


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "\ufeff", None])
def test_a_delimiter_is_one_character_without_another_meaning(delimiter):
    with pytest.raises(ConfigurationError, match="delimiter"):
        CSVFormat(columns(a="int"), delimiter=delimiter)


def test_the_null_text_is_a_str():
    with pytest.raises(ConfigurationError, match="null=None must be the text"):
        CSVFormat(columns(a=["null", "int"]), null=None)


def test_a_schema_with_nested_fields_is_refused_with_the_fields_name():
    with pytest.raises(ConfigurationError, match=r"field 'tags' .* use JSON or Avro"):
        CSVFormat(columns(a="int", tags={"type": "array", "items": "string"}))


def test_a_field_with_a_default_may_be_left_out_when_writing():
    schema = columns(a="int")
    schema["fields"].append({"name": "b", "type": "string", "default": "none"})
    assert CSVFormat(schema).encode({"a": 1}) == b"1,none"
