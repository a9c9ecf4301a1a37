"""A dead letter as a line of JSON comes back, with its data byte by byte."""

from __future__ import annotations

import json
from datetime import datetime, timezone

import pytest
from apache_beam.internal import pickler
from hypothesis import given
from hypothesis import strategies as st

from beam_dis import DeadLetter
from beam_dis.errors import DecodeError


@given(
    st.builds(
        DeadLetter,
        error=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
        code=st.sampled_from(["", "DIS.4200"]),
        stream=st.none() | st.just("s"),
        sequence_number=st.none() | st.integers(0, 2**63 - 1),
        data=st.none() | st.binary(min_size=1),
        element=st.none() | st.just({"a": [1, "x"]}),
    )
)
def test_a_letter_comes_back_from_its_line(letter):
    line = letter.to_json()
    assert b"\n" not in line
    assert DeadLetter.from_json(line) == letter


def test_text_can_be_read_and_other_data_are_base64():
    assert json.loads(DeadLetter("bad", data=b"UA,x").to_json()) == {"error": "bad", "text": "UA,x"}
    assert json.loads(DeadLetter("bad", data=b"\xff").to_json()) == {"error": "bad", "data": "/w=="}


@pytest.mark.parametrize(
    ("element", "shown"),
    [
        (datetime(2013, 1, 1, tzinfo=timezone.utc), "2013-01-01T00:00:00Z"),
        ({1, 2}, [1, 2]),
        (range(3), "range(0, 3)"),
        ({(1, 2): "x"}, {"(1, 2)": "x"}),
        ("\ud800", "'\\ud800'"),
    ],
)
def test_an_element_that_json_lacks_is_shown_as_well_as_possible(element, shown):
    assert json.loads(DeadLetter("bad", element=element).to_json())["element"] == shown


def test_half_of_a_surrogate_pair_in_an_error_is_escaped():
    assert json.loads(DeadLetter("bad \ud800").to_json())["error"] == "bad \\ud800"


@pytest.mark.parametrize("line", [b"", b"{}", b"[1]", b'{"error": 1}', b"\xff"])
def test_any_other_text_is_refused(line):
    with pytest.raises(DecodeError, match="not a dead letter as a line of JSON"):
        DeadLetter.from_json(line)


def test_a_step_of_a_pipeline_can_be_made_of_from_json():
    letter = DeadLetter("wrong", stream="orders", data=b"x")
    sent = pickler.loads(pickler.dumps(DeadLetter.from_json))
    assert sent(letter.to_json()) == letter
