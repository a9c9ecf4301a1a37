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


keys = st.sampled_from("abcd")


@given(calls=st.lists(st.tuples(st.sampled_from(["enter", "leave", "expect", "remove"]), keys, st.integers(0, 9))))
def test_the_lowest_watermark_is_that_of_the_entries(calls: list[tuple[str, str, int]]) -> None:
    board, entries = WatermarkBoard(clock=lambda: 0.0), dict[str, int]()
    for what, key, mark in calls:
        if what == "enter":
            board.enter(key, mark)
            entries[key] = mark
        elif what == "expect":
            board.expect(key)
            entries.setdefault(key, START_OF_TIME_MS)
        elif what == "remove":
            board.remove(key)
            entries.pop(key, None)
        else:
            board.leave(key)
        for own in "abcd":
            assert board.lowest(own, 5) == min([5, *(known for other, known in entries.items() if other != own)])


def test_a_partition_that_holds_back_others_for_long_takes_no_memory_for_them() -> None:
    board = WatermarkBoard()
    board.enter("slow", 0)
    for mark in range(1, 10_000):
        board.enter("fast", mark)
    assert board.lowest("fast", 10_000) == 0
    assert len(board._heap) < 100
