"""Watermarks advance with records and empty pages, and never go back."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from beam_dis.read.process.board import FORGET_SECONDS, WatermarkBoard
from beam_dis.read.values import START_OF_TIME_MS
from beam_dis.read.watermark.policy import MARGIN_MS, WatermarkPolicy

times = st.integers(-(10**6), 10**6)


@given(
    lag=st.integers(0, 1000),
    events=st.lists(st.tuples(st.booleans(), times, times)),
    current=times | st.just(START_OF_TIME_MS),
)
def test_a_watermark_never_goes_back_nor_ahead_of_the_clock_or_the_records(
    lag: int, events: list[tuple[bool, int, int]], current: int
) -> None:
    policy, marks = WatermarkPolicy(lag), [current]
    for records, newest, as_of in events:
        mark = policy.after_records(marks[-1], newest, as_of) if records else policy.after_nothing(marks[-1], as_of)
        assert mark >= marks[-1]
        assert mark == marks[-1] or mark <= (min(newest - lag, as_of) if records else as_of - MARGIN_MS - lag)
        marks.append(mark)


def test_the_lowest_of_all_partitions_is_reported() -> None:
    """Other partitions count with the watermark at which their calls began, as their output may be delivered later."""
    board = WatermarkBoard()
    for partition, mark in (("a", 100), ("b", 40)):
        board.enter(partition, mark)
    assert [board.lowest("a", 200), board.lowest("b", 150), board.lowest("b", 90)] == [40, 100, 90]


def test_a_partition_is_removed_a_minute_after_its_last_call(
    now: Any,
) -> None:
    board = WatermarkBoard(clock=now)
    board.enter("moved", 10)
    board.leave("moved")
    board.enter("slow", 20)
    assert board.lowest("b", 60) == 10
    now.seconds += FORGET_SECONDS + 1
    assert board.lowest("b", 60) == 20
