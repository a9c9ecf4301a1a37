"""How much was copied follows from what is stored."""

from __future__ import annotations

import pytest

from beam_dis.client import PageRecord
from beam_dis.copying.alignment import copied_count


def records(text: str) -> list[PageRecord]:
    return [PageRecord(number, letter.encode(), 0, "key") for number, letter in enumerate(text)]


@pytest.mark.parametrize(
    ("stored", "sent", "count"),
    [
        ("", "", 0),
        ("", "abc", 0),
        ("ab", "abc", 2),
        ("abc", "abc", 3),
        ("acd", "abcd", 1),  # b was refused
        ("acdbcd", "abcd", 4),  # and was sent again with all that follow it
        ("abcabc", "abc", 3),  # a request whose answer was lost was stored late
        ("bc", "abc", 0),
        ("aa", "aaa", 2),
        ("aabaab", "aab", 3),
        ("abca", "abc", 1),  # a request was stored late, and the next attempt was refused but for a
        ("abx", "abc", None),
        ("x", "abc", None),
    ],
)
def test_the_count_is_that_of_the_records_in_order(stored, sent, count):
    assert copied_count(records(stored), records(sent)) == count


def test_a_record_of_another_key_is_another_record():
    (record,) = records("a")
    assert copied_count([PageRecord(0, b"a", 0, "other")], [record]) is None


def test_no_key_and_an_empty_key_are_the_same():
    assert copied_count([PageRecord(0, b"a", 0, None)], [PageRecord(0, b"a", 0, "")]) == 1


def test_records_from_before_may_be_stored_late():
    assert copied_count(records("xab"), records("abc"), earlier=records("x")) == 2
