"""Records of so many plain fields that they are checked in one call, whose values aren't all exactly of their types."""

import enum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.errors import EncodeError
from beam_dis.formats import CSVFormat, JSONFormat
from beam_dis.formats.exact import FEWEST


def record(*types):
    filled = [*types, *["int"] * FEWEST]
    return {"type": "record", "name": "R", "fields": [{"name": f"f{at}", "type": t} for at, t in enumerate(filled)]}


def value(*values):
    return {f"f{at}": item for at, item in enumerate([*values, *range(FEWEST)])}


FORMATS = [CSVFormat, JSONFormat]


class Text(str, enum.Enum):
    EMPTY = ""
    A = "A"


@pytest.mark.parametrize("make", FORMATS)
@pytest.mark.parametrize("number", [5, -0, 2**53, 2**60, np.float32(5), np.int64(5)])
def test_a_number_for_a_double_is_written_as_the_double(make, number):
    format_ = make(record("double", ["null", "double"]))
    assert format_.encode(value(number, 0.5)) == format_.encode(value(float(number), 0.5))
    assert format_.encode(value(0.5, number)) == format_.encode(value(0.5, float(number)))


@pytest.mark.parametrize("make", FORMATS)
@pytest.mark.parametrize(
    ("type_", "wrong"),
    [
        ("double", 2**53 + 1),
        ("double", 10**400),
        ("double", True),
        ("double", "5"),
        ("int", 2**31),
        ("long", -(2**63) - 1),
        ("int", True),
        ("int", 0.5),
        ("boolean", 1),
        ("string", 5),
        ("string", None),
    ],
)
def test_a_wrong_value_after_right_ones_is_named(make, type_, wrong):
    format_ = make(record("int", "double", type_))
    with pytest.raises(EncodeError, match="'f2'"):
        format_.encode(value(1, 2, wrong))
    with pytest.raises(EncodeError, match="'f2'"):
        format_.encode(value(1, 2.5, wrong))


@pytest.mark.parametrize("make", FORMATS)
def test_members_of_enums_are_written_as_their_texts(make):
    format_ = make(record("string", ["null", "string"]))
    for member in Text:
        assert format_.encode(value(member, member)) == format_.encode(value(member.value, member.value))


def test_an_empty_text_is_not_null_in_csv():
    format_ = CSVFormat(record(["null", "string"], "string", ["null", "double"]))
    assert format_.encode(value("", "", None)).startswith(b'"",,,0,')
    assert format_.encode(value(None, "", 5)).startswith(b",,5.0,0,")


@given(
    st.lists(st.text('a",;: \n\r', max_size=4), min_size=3, max_size=3),
    st.sampled_from([",", ";", "::"]),
    st.booleans(),
)
def test_cells_of_csv_are_quoted_alike_in_every_row(texts, delimiter, is_slow):
    """A row is written at once or cell by cell, which a NumPy number needs."""
    format_ = CSVFormat(record("string", "string", "string"), delimiter=delimiter)
    last = np.int64(FEWEST - 1) if is_slow else FEWEST - 1
    row = {**value(*texts), f"f{FEWEST + 2}": last}
    cells = [*map(format_.quoted, texts), *map(str, range(FEWEST))]
    assert format_.encode(row).decode() == delimiter.join(cells)


@pytest.mark.parametrize("delimiter", [",", "::"])
def test_a_row_of_csv_with_one_column_is_quoted_only_if_necessary(delimiter):
    format_ = CSVFormat(
        {"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}]}, delimiter=delimiter
    )
    rows = {"": '""', '"': '""""', "a": "a", f"a{delimiter}": f'"a{delimiter}"', '""': '""""""'}
    assert {text: format_.encode({"a": text}).decode() for text in rows} == rows
