"""It is told once that partitions were found and none is read."""

from __future__ import annotations

from typing import Any

from beam_dis.read.vigil import Vigil


def test_it_is_told_once_after_thirty_seconds_without_a_read(now: Any) -> None:
    vigil = Vigil(clock=now)
    vigil.found()
    now.seconds += 30
    assert not vigil.overdue()
    now.seconds += 1
    assert [vigil.overdue(), vigil.overdue()] == [True, False]


def test_nothing_is_told_where_something_is_read_or_nothing_was_found(now: Any) -> None:
    reading, empty = Vigil(clock=now), Vigil(clock=now)
    reading.found()
    reading.reads()
    now.seconds += 100
    assert [reading.overdue(), empty.overdue()] == [False, False]
