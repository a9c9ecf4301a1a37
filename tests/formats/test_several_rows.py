"""Several rows in a record: all of them are read, or the record isn't."""

from __future__ import annotations

import pytest

from beam_dis.errors import DecodeError, EncodeError
from beam_dis.formats import CSVFormat, JSONFormat, Rows, several_rows
from beam_dis.formats.several_rows import CSVHeaderFormat, CSVLinesFormat, JSONArrayFormat, JSONLinesFormat
from beam_dis.formats.value_types import PLAIN

SCHEMA = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "id", "type": "int"},
        {"name": "note", "type": ["null", "string"]},
        {"name": "size", "type": "int", "default": 7},
    ],
}
A = {"id": 1, "note": "a", "size": 2}
B = {"id": 2, "note": None, "size": 3}


def header_format() -> CSVHeaderFormat:
    return CSVHeaderFormat(CSVFormat(SCHEMA), PLAIN, CSVFormat)


@pytest.mark.parametrize(
    ("format_", "data"),
    [
        (JSONLinesFormat(JSONFormat(SCHEMA)), b'{"id":1,"note":"a","size":2}\n{"id":2,"note":null,"size":3}\n'),
        (JSONLinesFormat(JSONFormat(SCHEMA)), b'\xef\xbb\xbf{"id":1,"note":"a","size":2}\r\n \n\n{"id":2,"size":3}'),
        (JSONArrayFormat(JSONFormat(SCHEMA)), b' [{"id":1,"note":"a","size":2},\n {"id":2,"note":null,"size":3}] '),
        (CSVLinesFormat(CSVFormat(SCHEMA)), b"1,a,2\n2,,3\n"),
        (CSVLinesFormat(CSVFormat(SCHEMA)), b"\xef\xbb\xbf1,a,2\r\n\r\n2,,3"),
        (header_format(), b"id,note,size\n1,a,2\n2,,3\n"),
        (header_format(), b'\xef\xbb\xbfsize,"other",note,id\r\n2,x,a,1\r\n3,"y\n",,2'),
    ],
)
def test_all_rows_are_read_in_order(format_, data):
    rows = format_.decode(data)
    assert (type(rows), rows) == (Rows, [A, B])


@pytest.mark.parametrize(
    ("format_", "data"),
    [
        (JSONLinesFormat(JSONFormat(SCHEMA)), b'{"id":1,"note":"a","size":2}\n'),
        (JSONArrayFormat(JSONFormat(SCHEMA)), b'[{"id":1,"note":"a","size":2}]'),
        (CSVLinesFormat(CSVFormat(SCHEMA)), b"1,a,2\n"),
        (header_format(), b"id,note,size\n1,a,2\n"),
    ],
)
def test_one_row_is_written(format_, data):
    assert format_.encode(A) == data
    assert format_.decode(data) == [A]


@pytest.mark.parametrize("data", [b"", b"\n", b"\xef\xbb\xbf"])
def test_a_record_of_lines_may_be_empty(data):
    assert JSONLinesFormat(JSONFormat(SCHEMA)).decode(data) == []
    assert CSVLinesFormat(CSVFormat(SCHEMA)).decode(data) == []
    assert JSONArrayFormat(JSONFormat(SCHEMA)).decode(b"[]") == []
    with pytest.raises(DecodeError, match="no line with the names of the columns"):
        header_format().decode(data)


def test_a_quoted_cell_may_contain_line_breaks_quotes_and_delimiters():
    format_ = CSVLinesFormat(CSVFormat(SCHEMA))
    rows = [{**A, "note": 'x\n"y",\r\nz\n'}, B]
    assert format_.decode(b"".join(map(format_.encode, rows))) == rows


def test_a_column_that_is_missing_has_its_default_or_is_null():
    assert header_format().decode(b"id\n5\n") == [{"id": 5, "note": None, "size": 7}]
    with pytest.raises(DecodeError, match="no such column") as caught:
        header_format().decode(b"note,size\na,1\n")
    assert caught.value.field == "id"
    with pytest.raises(DecodeError, match="a column twice"):
        header_format().decode(b"id,id\n1,2\n")


@pytest.mark.parametrize("name", [b'"a""b"', b"a\\b", b"\x01", b"", b" ", b"\xe5\x90\x8d", b"class", b" 1"])
def test_other_columns_may_have_any_name(name):
    assert header_format().decode(b"note," + name + b",id,size\na,x,1,2\n,y,2,3") == [A, B]


@pytest.mark.parametrize(
    ("format_", "data"),
    [
        (JSONLinesFormat(JSONFormat(SCHEMA)), b'{"id":1}\n{"id":"x"}\n'),
        (JSONArrayFormat(JSONFormat(SCHEMA)), b'[{"id":1},{"id":"x"}]'),
        (CSVLinesFormat(CSVFormat(SCHEMA)), b"1,a,2\nx,a,2\n"),
        (header_format(), b"note,id\na,1\na,x\n"),
    ],
)
def test_a_wrong_row_is_an_error_of_the_record_and_is_named(format_, data):
    with pytest.raises(DecodeError, match="field 'id': row 2: ") as caught:
        format_.decode(data)
    assert caught.value.field == "id"


@pytest.mark.parametrize("data", [b"", b"{}", b'[{"id":1}', b'[{"id":1}]x', b"[" * 10_000, b"\xff\xfe[\x00]\x00"])
def test_what_is_no_array_is_a_decode_error(data):
    with pytest.raises(DecodeError):
        JSONArrayFormat(JSONFormat(SCHEMA)).decode(data)


def test_a_record_of_too_many_rows_is_refused(monkeypatch):
    monkeypatch.setattr(several_rows, "MOST_ROWS", 3)
    format_ = CSVLinesFormat(CSVFormat(SCHEMA))
    assert len(format_.decode(b"1,a,2\n" * 3)) == 3
    with pytest.raises(DecodeError, match="more than 3 rows"):
        format_.decode(b"1,a,2\n" * 4)


def only(type_: object) -> CSVFormat:
    return CSVFormat({"type": "record", "name": "R", "fields": [{"name": "a", "type": type_}]}, delimiter="\t")


@pytest.mark.parametrize("make", [CSVLinesFormat, lambda format_: CSVHeaderFormat(format_, PLAIN, CSVFormat)])
@pytest.mark.parametrize(
    ("type_", "value"), [("string", ""), ("string", "  "), (["null", "string"], ""), (["null", "string"], " ")]
)
def test_a_row_of_one_empty_or_blank_text_is_read_again(make, type_, value):
    format_ = make(only(type_))
    assert format_.decode(format_.encode({"a": value})) == [{"a": value}]


def test_a_row_of_a_single_null_is_refused_because_it_would_be_no_row():
    with pytest.raises(EncodeError, match="is an empty line, which is no row: choose null="):
        CSVLinesFormat(only(["null", "string"])).encode({"a": None})
    named = CSVLinesFormat(CSVFormat(only(["null", "string"]).schema, null="NA"))
    assert named.decode(named.encode({"a": None})) == [{"a": None}]


def test_a_row_of_nulls_between_tabs_is_a_row():
    fields = [{"name": name, "type": ["null", "string"]} for name in "ab"]
    format_ = CSVLinesFormat(CSVFormat({"type": "record", "name": "R", "fields": fields}, delimiter="\t"))
    assert format_.encode({"a": None, "b": None}) == b"\t\n"
    assert format_.decode(b"x\t\n\t\n\r\n\t\r\n") == [{"a": "x", "b": None}] + [{"a": None, "b": None}] * 2
