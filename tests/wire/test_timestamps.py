"""Times in requests are UTC and have exactly one format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.wire.timestamps import milliseconds, parse_sdk_date, sdk_date


def test_a_date_is_formatted_as_the_service_wants_it():
    assert sdk_date(1767225600) == "20260101T000000Z"


@given(st.integers(0, 4102444800))
def test_a_date_is_read_back(seconds):
    assert parse_sdk_date(sdk_date(seconds)) == seconds


@pytest.mark.parametrize(
    "text", ["", "2026-01-01T00:00:00Z", "20260101T000000", "20260101T0000Z", "202611T000000Z", "20261301T000000Z"]
)
def test_a_date_in_another_format_is_none(text):
    with pytest.raises(ValueError, match=r"is not yyyymmddThhmmssZ|does not match format"):
        parse_sdk_date(text)


def test_milliseconds_round_down():
    assert (milliseconds(1.9999), milliseconds(0)) == (1999, 0)
