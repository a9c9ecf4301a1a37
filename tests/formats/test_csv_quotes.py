import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from beam_dis.errors import DecodeError
from beam_dis.formats.csv_quotes import Quotes


def split(quotes, text):
    try:
        _, cells, depends_on_quotes = quotes.split(text)
    except DecodeError:
        return None
    return cells, depends_on_quotes


@settings(max_examples=1000)
@given(st.text('aN",\n\r', max_size=12), st.sampled_from(["", "N", "NN"]))
def test_a_row_is_split_alike_with_any_delimiter(text, null):
    """Python's csv reads rows if the delimiter is one character, and a pattern finds the cells otherwise."""
    assume('"' in text)
    with_colons = split(Quotes("::", null), text.replace(",", "::"))
    if with_colons is not None:
        cells, depends_on_quotes = with_colons
        with_colons = [cell.replace("::", ",") for cell in cells], depends_on_quotes
    assert split(Quotes(",", null), text) == with_colons


@pytest.mark.parametrize("delimiter", [",", "\t", "é", "::", "\0"])
@given(st.lists(st.text('aN",:\t é\n\r\0', max_size=6), min_size=1, max_size=4))
def test_texts_in_quotes_are_split_into_the_same_texts(delimiter, texts):
    quotes = Quotes(delimiter, "N")
    row = delimiter.join(map(quotes.quoted, texts))
    assume('"' in row)
    assert quotes.split(row)[1] == texts


def test_a_cell_may_be_longer_than_csv_reads():
    cell = "x," * 100_000
    assert Quotes(",", "").split(f'"{cell}",b')[1] == [cell, "b"]
