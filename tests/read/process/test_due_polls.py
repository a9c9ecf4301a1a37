"""The partitions that are requested ahead: those that are due, a few at a time, and only if answers take a while."""

from __future__ import annotations

from typing import Any

import pytest

from beam_dis.read.process.due_polls import MOST_AHEAD, NEAR_SECONDS, DuePolls
from beam_dis.stream_service import ReadPosition

FAR = 0.03


@pytest.fixture
def polls(now: Any) -> DuePolls:
    """Twenty partitions that are due in a second, the first one before the second one."""
    polls = DuePolls(clock=now)
    for number in range(20):
        polls.wait(number, position(number), 1.0)
        now.seconds += 0.001
    return polls


def position(number: int) -> ReadPosition:
    return ReadPosition("s", "id", f"shardId-{number:010}", 7)


def test_a_poll_requests_those_that_wait_the_longest(polls: DuePolls, now: Any) -> None:
    now.seconds += 1
    assert polls.begin(3, FAR) == [position(number) for number in (0, 1, 2, 4, 5, 6, 7)]


def test_each_poll_of_a_requested_partition_makes_room_for_another(polls: DuePolls, now: Any) -> None:
    now.seconds += 1
    polls.begin(0, FAR)
    assert [polls.begin(number, FAR) for number in (1, 2)] == [[position(8)], [position(9)]]


def test_a_partition_that_is_not_due_is_not_requested(polls: DuePolls, now: Any) -> None:
    now.seconds += 0.9835
    assert polls.begin(9, FAR) == [position(number) for number in range(4)]


def test_nothing_is_requested_ahead_while_answers_come_at_once(polls: DuePolls, now: Any) -> None:
    now.seconds += 1
    assert polls.begin(0, NEAR_SECONDS * 0.9) == []


def test_partitions_that_moved_away_are_requested_once_and_then_make_room(polls: DuePolls, now: Any) -> None:
    """Another worker polls them, so they never come."""
    now.seconds += 1
    moved = polls.begin(19, FAR)
    polls.wait(19, position(19), 1.0)
    assert (len(moved), polls.begin(19, FAR)) == (MOST_AHEAD, [])
    now.seconds += 11
    assert polls.begin(19, FAR) == [position(number) for number in range(MOST_AHEAD, 2 * MOST_AHEAD)]


def test_a_partition_is_requested_at_the_position_of_its_last_poll(now: Any) -> None:
    polls = DuePolls(clock=now)
    for number in (7, 8):
        polls.wait("p", position(0).at(number), 1.0)
    now.seconds += 1
    assert polls.begin("other", FAR) == [position(0).at(8)]
