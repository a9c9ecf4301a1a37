"""Cursors have the format that official clients decode, and a forged cursor is refused."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.wire.cursors import CursorToken, IteratorParam, decode_cursor, encode_cursor
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.ranges import partition_id
from beam_dis.wire.records import CURSOR_TYPES

NAMES = st.text(ascii_letters + digits + "_-", min_size=1, max_size=64)
TOKENS = st.builds(
    CursorToken,
    st.builds(
        IteratorParam,
        NAMES,
        st.integers(0, 9999).map(partition_id),
        st.sampled_from(CURSOR_TYPES),
        st.integers(0, 2**63 - 1).map(str),
        st.text(ascii_letters + digits, min_size=20, max_size=20),
    ),
    st.integers(0, 2**53),
)
SAMPLE = {
    "getIteratorParam": {
        "stream-name": "H",
        "partition-id": "shardId-0000000000",
        "cursor-type": "AT_SEQUENCE_NUMBER",
        "starting-sequence-number": "0",
    },
    "generateTimestamp": 1532424887154,
}


def cursor_of(value):
    return urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()


def sample_with(**fields):
    return cursor_of({**SAMPLE, "getIteratorParam": {**SAMPLE["getIteratorParam"], **fields}})


@given(TOKENS)
def test_a_cursor_is_decoded_as_it_was_and_needs_no_escaping(token):
    text = encode_cursor(token)
    assert decode_cursor(text) == token
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,512}", text)


def test_the_documented_cursor_is_reproduced_exactly():
    text = encode_cursor(
        CursorToken(IteratorParam("H", "shardId-0000000000", "AT_SEQUENCE_NUMBER", "0"), 1532424887154)
    )
    assert json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4))) == SAMPLE


@pytest.mark.parametrize("padding", ["", "=", "==", "==="])
def test_padding_changes_nothing(padding):
    assert decode_cursor(cursor_of(SAMPLE).rstrip("=") + padding).get_iterator_param.stream_name == "H"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "garbage",
        "ü",
        "x" * 513,
        cursor_of([]),
        cursor_of({}),
        cursor_of({**SAMPLE, "generateTimestamp": None}),
        sample_with(**{"starting-sequence-number": "seven"}),
        sample_with(**{"starting-sequence-number": "-1"}),
        sample_with(**{"starting-sequence-number": "1_000"}),
        sample_with(**{"starting-sequence-number": str(2**63)}),
        sample_with(**{"starting-sequence-number": 0}),
        sample_with(**{"partition-id": 0}),
    ],
)
def test_text_that_is_not_a_cursor_is_refused(text):
    with pytest.raises(Refusal) as refused:
        decode_cursor(text)
    assert refused.value.code == "DIS.4217"


@given(st.text(max_size=600) | st.text("ABCabc_-=09", max_size=600))
def test_arbitrary_text_is_a_cursor_or_refused(text):
    with pytest.raises(Refusal, match=r"DIS\.4217"):
        decode_cursor(text)
