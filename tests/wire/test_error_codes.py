"""The table of error codes: the text of each, and what a client does about it."""

from __future__ import annotations

import re

import pytest

from beam_dis.wire.error_codes import ERROR_CODES, Refusal, Remedy, record_remedy, remedy_of


def codes_with(remedy):
    return {code for code, row in ERROR_CODES.items() if row.remedy is remedy}


def test_rows_are_keyed_by_their_code():
    assert {key: row.code for key, row in ERROR_CODES.items()} == {key: key for key in ERROR_CODES}
    assert all(re.fullmatch(r"DIS\.\d{4}", code) for code in ERROR_CODES)


def test_no_text_contains_a_code():
    """Official clients look for codes by substring."""
    assert [row.code for row in ERROR_CODES.values() if "DIS." in row.text] == []


def test_which_codes_are_retried():
    assert codes_with(Remedy.RETRY) == {"DIS.4701", "DIS.5000", "DIS.5250"}
    assert codes_with(Remedy.SLOW_DOWN) == {"DIS.4303", "DIS.4305", "DIS.4309"}


def test_statuses_follow_the_family_of_the_code():
    odd = {"DIS.4116": 403, "DIS.5000": 500, "DIS.5250": 500}
    expected = {code: odd.get(code, 441 if code < "DIS.4116" else 400) for code in ERROR_CODES}
    assert {code: row.status for code, row in ERROR_CODES.items()} == expected


@pytest.mark.parametrize(
    ("code", "status", "remedy"),
    [
        ("DIS.4303", 400, Remedy.SLOW_DOWN),
        ("DIS.4301", 500, Remedy.GIVE_UP),
        ("", 429, Remedy.SLOW_DOWN),
        ("APIG.0308", 429, Remedy.SLOW_DOWN),
        ("", 503, Remedy.RETRY),
        ("DIS.9999", 500, Remedy.RETRY),
        ("DIS.9999", 400, Remedy.GIVE_UP),
    ],
)
def test_the_code_decides_and_without_one_the_status(code, status, remedy):
    assert remedy_of(code, status) is remedy


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("DIS.5250", Remedy.RETRY),
        ("DIS.5999", Remedy.RETRY),
        ("DIS.4303", Remedy.SLOW_DOWN),
        ("DIS.4205", Remedy.RETRY),
        ("DIS.4302", Remedy.GIVE_UP),
        ("?", Remedy.GIVE_UP),
    ],
)
def test_which_single_records_are_sent_again(code, remedy):
    assert record_remedy(code) is remedy


def test_a_refusal_has_the_services_text():
    refusal = Refusal(4301, "name", "project")
    assert (refusal.code, refusal.status, refusal.message) == (
        "DIS.4301",
        400,
        "Stream does not exist. [name][project]",
    )


def test_the_out_of_range_text_is_the_one_that_clients_parse():
    refusal = Refusal(4224, 5280, " should be within ", 0, " ", 617)
    assert refusal.message == "Sequence_number out of range. [5280][ should be within ][0][ ][617]"


def test_only_http_errors_have_a_status_of_their_own():
    assert (Refusal(4200, status=413).status, Refusal(4200).status) == (413, 400)
