"""Subclasses and numpy's values as Python's plain types, and values as messages show them."""

from datetime import date, datetime, timezone
from enum import Enum, IntEnum

import numpy as np
import pytest
from parameter_ids import parameter_id

from beam_dis.instants import micros_of
from beam_dis.plain_values import described, is_json, plain_bytes, plain_int, plain_text, plain_value, shown


class Word(str, Enum):
    A = "a"


class Number(IntEnum):
    ONE = 1


class Letter(Enum):
    B = "b"


class Moment(datetime):
    def __sub__(self, other):
        raise AttributeError("other units")


class Day(date):
    pass


NOT_A_TIME = type("NaTType", (datetime,), {"year": property(lambda _: float("nan"))})(2026, 1, 1)
"""As pandas' NaT, which is a datetime whose fields are NaN."""


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (Word.A, "a"),
        (Number.ONE, 1),
        (Letter.B, "b"),
        (np.str_("x"), "x"),
        (np.int64(3), 3),
        (np.float32(1.5), 1.5),
        (np.bool_(True), True),
        (np.array([1, 2]), [1, 2]),
        (True, True),
        (Moment(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc), datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=timezone.utc)),
        (Moment(2026, 1, 2, fold=1, tzinfo=timezone.utc), datetime(2026, 1, 2, fold=1, tzinfo=timezone.utc)),
        (Day(2026, 1, 2), date(2026, 1, 2)),
    ],
    ids=parameter_id,
)
def test_a_scalar_becomes_pythons_plain_type(value, plain):
    found = plain_value(value)
    assert found == plain
    assert type(found) is type(plain)


@pytest.mark.parametrize("value", [None, (1,), {}, object(), NOT_A_TIME], ids=parameter_id)
def test_any_other_value_is_returned_as_it_is(value):
    assert plain_value(value) is value


@pytest.mark.parametrize(
    ("convert", "value"),
    [(plain_int, True), (plain_int, 1.0), (plain_int, "1"), (plain_int, None), (plain_text, b"x"), (plain_text, 1),
     (plain_bytes, "x"), (plain_bytes, [1]), (plain_bytes, 5), (plain_bytes, None)],
)  # fmt: skip
def test_a_value_of_another_type_is_a_type_error(convert, value):
    with pytest.raises(TypeError):
        convert(value)


@pytest.mark.parametrize(
    "value", [b"x", bytearray(b"x"), memoryview(b"x"), np.bytes_(b"x"), memoryview(b"xyz")[:1]], ids=parameter_id
)
def test_bytes_are_what_has_a_buffer_of_bytes(value):
    assert (plain_bytes(value), type(plain_bytes(value))) == (b"x", bytes)


def test_a_value_is_shown_cut_and_even_if_it_has_no_repr():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert shown("x" * 200) == "'" + "x" * 79 + "…"
    assert shown(Broken()).startswith("<Broken")
    assert shown(10**5000) == "<int>"
    assert (described("x"), described(None), described(5)) == ("'x'", "None", "5 (int)")


@pytest.mark.parametrize(("text", "expected"), [("{}", True), (' \n["int"]', True), ('"int"', True), ("\ufeff{", True),
                                                ("a.avsc", False), ("", False), (b"{}", False), (None, False)])  # fmt: skip
def test_json_text_is_recognised_and_the_path_of_a_file_is_not(text, expected):
    assert is_json(text) is expected


def test_a_subclass_of_datetime_is_the_time_that_it_says():
    """Even if it subtracts in other units, as pendulum's does."""
    assert micros_of(Moment(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc)) == 1_000_000


def test_a_datetime_that_is_no_time_is_refused():
    with pytest.raises(TypeError, match="is none of these: a Beam Timestamp, an aware datetime"):
        micros_of(NOT_A_TIME)
