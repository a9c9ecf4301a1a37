"""A line becomes the data of a record and its key, by the stream's schema."""

from __future__ import annotations

import gzip
import json

import pytest

from beam_dis.cli.exits import Failed
from beam_dis.cli.line_values import values_of_csv, values_of_json
from beam_dis.errors import DISError
from beam_dis.formats import format_of
from beam_dis.stream_service import StreamListing, WriteLimits

SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "R",
        "fields": [{"name": "id", "type": "int"}, {"name": "name", "type": ["null", "string"], "default": None}],
    }
)


def listing(data_type="JSON", schema=SCHEMA, compression=None):
    return StreamListing(
        "s", "id", data_type, schema, ";", (), WriteLimits(1000, 2**20, 2**20), 0, compression=compression
    )


@pytest.mark.parametrize("data_type", ["JSON", "CSV", "BLOB"])
def test_a_line_of_json_is_written_as_the_streams_records_are(data_type):
    data, key = values_of_json(listing(data_type), "name")(b'{"name": "x", "id": 1}\r')
    assert (format_of(data_type, SCHEMA, delimiter=";").decode(data), key) == ({"id": 1, "name": "x"}, "x")


def test_a_compressed_stream_gets_compressed_records():
    data, _ = values_of_json(listing(compression="gzip"), None)(b'{"id":1}')
    assert json.loads(gzip.decompress(data)) == {"id": 1, "name": None}


def test_columns_are_found_by_the_header_in_any_order():
    values = values_of_csv(listing(), "id", delimiter=",", header=b"name,other,id\r")
    assert values(b"x,?,7\r") == (b'{"id":7,"name":"x"}', "7")


def test_columns_without_a_header_have_the_order_of_the_schema():
    assert values_of_csv(listing(), None, delimiter=",", header=None)(b"7,x") == (b'{"id":7,"name":"x"}', None)


def test_without_a_schema_lines_are_sent_as_they_are():
    assert values_of_json(listing(schema=None), "a")(b'\xef\xbb\xbf{ "a": "k" }') == (b'{ "a": "k" }', "k")
    assert values_of_csv(listing(schema=None), "b", delimiter=",", header=b"a,b")(b'1,"k,l"') == (b'1,"k,l"', "k,l")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"id": "q"}', "field 'id': Expected `int`, got `str`"),
        (b'{"id": 1', "truncated"),
        (b"[1]", "Expected `object`"),
    ],
)
def test_a_line_that_does_not_fit_the_schema_is_refused(line, said):
    with pytest.raises(DISError, match=said):
        values_of_json(listing(), None)(line)


@pytest.mark.parametrize(
    ("line", "said"),
    [(b'"a', "not a row of CSV"), (b"1,2,3", "3 columns, but the header has 2"), (b"\xff,1", "not a row")],
)
def test_a_row_that_does_not_fit_the_header_is_refused(line, said):
    with pytest.raises(DISError, match=said):
        values_of_csv(listing(schema=None), "b", delimiter=",", header=b"a,b")(line)


@pytest.mark.parametrize(("value", "key"), [('"x"', "x"), ("7", "7"), ("null", None), ('""', None)])
def test_a_key_is_text_or_a_whole_number(value, key):
    assert values_of_json(listing(schema=None), "k")(f'{{"k": {value}}}'.encode())[1] == key


@pytest.mark.parametrize("value", ["1.5", "true", "[1]", '"\\ud800"'])
def test_another_value_is_no_key(value):
    with pytest.raises(DISError):
        values_of_json(listing(schema=None), "k")(f'{{"k": {value}}}'.encode())


@pytest.mark.parametrize(
    ("schema", "header", "said"),
    [
        (SCHEMA, b"name", "line 1: field 'id': the header has no such column.*--no-header"),
        (SCHEMA, b"id,name", "--key naem: the stream's schema has no such field .did you mean 'name'"),
        (None, b"id,name", "--key naem: the header has no such column"),
        (None, None, "columns have no names without a header"),
    ],
)
def test_columns_that_are_missing_are_named_before_anything_is_sent(schema, header, said):
    with pytest.raises(Failed, match=said):
        values_of_csv(listing(schema=schema), "naem", delimiter=",", header=header)
