"""A read warns once if the unread records of a partition are about to expire."""

from __future__ import annotations

from typing import Any

import pytest

from beam_dis.read.process.expiry_alarm import ExpiryAlarm


@pytest.fixture
def alarm(now: Any) -> ExpiryAlarm:
    return ExpiryAlarm(clock=now)


def test_the_warning_is_due_once_after_a_minute_in_danger(alarm: ExpiryAlarm, now: Any) -> None:
    claimed = []
    for _ in range(5):
        claimed.append(alarm.claim_warning("p", 0.81))
        now.seconds += 30
    assert claimed == [False, False, True, False, False]


def test_there_is_no_warning_while_a_fifth_of_the_retention_is_left(alarm: ExpiryAlarm, now: Any) -> None:
    assert not alarm.claim_warning("p", 0.8)
    now.seconds += 61
    assert not alarm.claim_warning("p", 0.8)


def test_a_read_that_gets_out_of_danger_in_time_is_not_warned_about(alarm: ExpiryAlarm, now: Any) -> None:
    for share in (0.99, 0.5, 0.9):
        assert not alarm.claim_warning("p", share)
        now.seconds += 61


@pytest.mark.parametrize(("between", "again"), [(0.5, False), (0.0, True)])
def test_it_warns_again_only_after_it_has_caught_up(alarm: ExpiryAlarm, now: Any, between: float, again: bool) -> None:
    alarm.claim_warning("p", 0.9)
    now.seconds += 61
    assert alarm.claim_warning("p", 0.9)
    alarm.claim_warning("p", between)
    alarm.claim_warning("p", 0.9)
    now.seconds += 61
    assert alarm.claim_warning("p", 0.9) == again


def test_partitions_are_apart(alarm: ExpiryAlarm, now: Any) -> None:
    alarm.claim_warning("p", 0.9)
    now.seconds += 61
    assert not alarm.claim_warning("q", 0.9)
