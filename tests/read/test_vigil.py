"""It is told once for each read that partitions were found and none is read."""

from __future__ import annotations

from typing import Any

from beam_dis.read.vigil import Vigil


def test_it_is_told_once_after_thirty_seconds_without_a_read(now: Any) -> None:
    vigil = Vigil(clock=now)
    vigil.found("a")
    now.seconds += 30
    assert not vigil.overdue("a")
    now.seconds += 1
    assert [vigil.overdue("a"), vigil.overdue("a")] == [True, False]


def test_nothing_is_told_where_something_is_read_or_nothing_was_found(now: Any) -> None:
    vigil = Vigil(clock=now)
    vigil.found("reading")
    vigil.reads("reading")
    now.seconds += 100
    assert [vigil.overdue("reading"), vigil.overdue("empty")] == [False, False]


def test_a_second_pipeline_of_the_process_is_told_on_though_the_first_one_read(now: Any) -> None:
    vigil = Vigil(clock=now)
    vigil.found("first")
    vigil.reads("first")
    now.seconds += 100
    vigil.found("second")
    now.seconds += 31
    assert [vigil.overdue("first"), vigil.overdue("second")] == [False, True]


def test_two_reads_that_are_not_read_are_told_on_each(now: Any) -> None:
    vigil = Vigil(clock=now)
    vigil.found("a")
    vigil.found("b")
    now.seconds += 31
    assert [vigil.overdue("a"), vigil.overdue("b"), vigil.overdue("a")] == [True, True, False]


def test_patience_counts_from_the_first_partitions_that_were_found(now: Any) -> None:
    vigil = Vigil(clock=now)
    vigil.found("a")
    now.seconds += 20
    vigil.found("a")
    now.seconds += 11
    assert vigil.overdue("a")
