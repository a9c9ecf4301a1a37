"""The line that a read logs once a minute."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from beam_dis.read.process.progress import REPORT_SECONDS, Progress
from beam_dis.read.values import START_OF_TIME_MS


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """Returns the lines that were logged since it was called last."""
    caplog.set_level(logging.INFO, logger="beam_dis")

    def take() -> list[str]:
        messages = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return messages

    return take


def test_a_minute_of_polls_is_one_line_about_all_partitions(now: Any, lines: Any) -> None:
    progress = Progress(clock=now)
    progress.note("flights", 0, records=5, millis_behind=0, watermark=1_767_268_800_000)
    assert lines() == []
    now.seconds += REPORT_SECONDS
    progress.note("flights", 1, records=2, millis_behind=1500, watermark=1_767_268_800_000)
    assert lines() == [
        "stream flights: 7 records in 60 s from 2 partitions, at most 1.5 s behind, watermark 2026-01-01 12:00:00+00:00"
    ]


def test_each_line_counts_the_records_since_the_one_before(now: Any, lines: Any) -> None:
    progress = Progress(clock=now)
    for _ in range(2):
        now.seconds += REPORT_SECONDS
        progress.note("flights", 0, records=3, millis_behind=0, watermark=START_OF_TIME_MS)
    expected = "stream flights: 3 records in 60 s from 1 partition, at most 0.0 s behind, watermark not known yet"
    assert lines() == [expected, expected]


def test_the_line_of_a_read_with_an_end_says_how_far_it_has_come(now: Any, lines: Any) -> None:
    progress = Progress(clock=now)
    progress.note_range("flights", 0, records=5, arrived=1_767_268_800_000)
    now.seconds += REPORT_SECONDS
    progress.note_range("flights", 1, records=0, arrived=None)
    assert lines() == [
        "stream flights: 5 records in 60 s from 2 partitions, up to those that arrived at 2026-01-01 12:00:00+00:00"
    ]


def test_a_minute_without_a_record_has_a_line_too(now: Any, lines: Any) -> None:
    progress = Progress(clock=now)
    now.seconds += REPORT_SECONDS
    progress.note_range("flights", 0, records=0, arrived=None)
    assert lines() == ["stream flights: 0 records in 60 s from 1 partition"]
