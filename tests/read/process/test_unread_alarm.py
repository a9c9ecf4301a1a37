"""A read that found partitions but reads none of them logs one warning."""

from __future__ import annotations

from typing import Any

from beam_dis.read.process.unread_alarm import UnreadAlarm


def test_the_warning_is_due_once_after_thirty_seconds_without_a_read(now: Any) -> None:
    alarm = UnreadAlarm(clock=now)
    alarm.partitions_found()
    now.seconds += 30
    assert not alarm.take_warning()
    now.seconds += 1
    assert [alarm.take_warning(), alarm.take_warning()] == [True, False]


def test_there_is_no_warning_once_a_partition_is_read(now: Any) -> None:
    alarm = UnreadAlarm(clock=now)
    alarm.partitions_found()
    alarm.partition_read()
    now.seconds += 100
    assert not alarm.take_warning()


def test_there_is_no_warning_if_nothing_was_found(now: Any) -> None:
    alarm = UnreadAlarm(clock=now)
    now.seconds += 100
    assert not alarm.take_warning()


def test_each_read_of_a_process_has_its_own_alarm(fake_service: Any, registry_on: Any, now: Any) -> None:
    """A process can run several pipelines, and only the first may have read."""
    registry, user = registry_on(fake_service()), type("Step", (), {})()
    first, second = (registry.enter_read(name, user).alarm for name in ("first", "second"))
    for alarm in (first, second):
        alarm.partitions_found()
    first.partition_read()
    now.seconds += 31
    assert [first.take_warning(), second.take_warning()] == [False, True]


def test_the_thirty_seconds_count_from_the_first_partitions_found(now: Any) -> None:
    alarm = UnreadAlarm(clock=now)
    alarm.partitions_found()
    now.seconds += 20
    alarm.partitions_found()
    now.seconds += 11
    assert alarm.take_warning()
