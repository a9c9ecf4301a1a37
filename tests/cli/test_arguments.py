"""Values of options: durations, sizes, ranges and pairs; and questions."""

from __future__ import annotations

import click
import pytest

from beam_dis.cli.arguments import Bytes, CountRange, Hours, Number, Seconds, confirm, pairs_of
from beam_dis.cli.exits import Failed


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("1.5", 1.5), ("10m", 600), ("1d12h", 129_600), ("2h 0m".replace(" ", ""), 7200)]
)
def test_a_duration_is_seconds_or_numbers_with_units(text, seconds):
    assert Seconds().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["", "m", "10x", "-5", "1m1h", "1e9", "inf"])
def test_other_text_is_no_duration(text):
    with pytest.raises(click.BadParameter, match="is not a duration: give a number with d, h, m or s"):
        Seconds().convert(text, None, None)


@pytest.mark.parametrize(("text", "hours"), [("72", 72), ("72h", 72), ("3d", 72)])
def test_retention_is_hours_or_days(text, hours):
    assert Hours().convert(text, None, None) == hours


def test_retention_is_whole_hours():
    with pytest.raises(click.BadParameter, match="'90m' is not a number of whole hours"):
        Hours().convert("90m", None, None)


@pytest.mark.parametrize(("text", "size"), [("200", 200), ("64k", 65_536), ("1MiB", 1_048_576), ("2 mb", 2_097_152)])
def test_a_size_is_bytes_or_powers_of_1024(text, size):
    assert Bytes().convert(text, None, None) == size


@pytest.mark.parametrize("text", ["1", "8:1", "a:b", "1:"])
def test_a_range_has_two_numbers_in_order(text):
    assert CountRange().convert("1:8", None, None) == (1, 8)
    with pytest.raises(click.BadParameter, match="is not a range"):
        CountRange().convert(text, None, None)


def test_pairs_have_a_name_and_each_name_once():
    assert pairs_of(["a=1", "b=", "c=x=y"], "tag") == {"a": "1", "b": "", "c": "x=y"}
    with pytest.raises(click.UsageError, match="'a' is not a tag: give NAME=VALUE"):
        pairs_of(["a"], "tag")
    with pytest.raises(click.UsageError, match="'a' is given twice"):
        pairs_of(["a=1", "a=2"], "tag")


def test_a_pipe_is_not_asked(standard_input):
    standard_input(b"y\n")
    with pytest.raises(Failed, match=r"^delete s needs a confirmation, and standard input is no terminal: add --yes"):
        confirm("delete s?", yes=False)
    confirm("delete s?", yes=True)


@pytest.mark.parametrize("answer", [b"n\n", b"\n"])
def test_on_a_terminal_anything_but_yes_ends_the_command(standard_input, answer):
    standard_input(b"y\n", terminal=True)
    confirm("delete s?", yes=False)
    standard_input(answer, terminal=True)
    with pytest.raises(click.Abort):
        confirm("delete s?", yes=False)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf"])
def test_a_number_is_finite(text):
    assert Number(0).convert("0.5", None, None) == 0.5
    with pytest.raises(click.BadParameter, match=r"is not (a finite number|in the range)"):
        Number(0).convert(text, None, None)
