"""Two reads that commit to the same app and stream."""

from __future__ import annotations

from typing import Any

from beam_dis.read.process.app_readers import AppReaders


def polls(readers: AppReaders, now: Any, *reads: tuple[str, str, str]) -> list[bool]:
    """Whether each poll, a second after the one before, is warned about."""
    warnings = []
    for read in reads:
        now.seconds += 1
        warnings.append(readers.claim_warning(*read))
    return warnings


def test_two_reads_that_alternate_are_each_warned_about_once(now: Any) -> None:
    one, two = ("app", "stream", "1"), ("app", "stream", "2")
    assert polls(AppReaders(clock=now), now, one, two, one, two, one, two) == [False, False, True, True, False, False]


def test_a_read_that_ended_before_is_not_warned_about(now: Any) -> None:
    one, two = ("app", "stream", "1"), ("app", "stream", "2")
    assert polls(AppReaders(clock=now), now, one, one, two, two) == [False] * 4


def test_reads_of_other_streams_or_for_other_apps_are_not_warned_about(now: Any) -> None:
    reads = [("app", "stream", "1"), ("app", "other", "2"), ("b", "stream", "3")]
    assert polls(AppReaders(clock=now), now, *reads, *reads, *reads) == [False] * 9
