"""How far a read is behind is known by partition, also while requests fail, and adds up for a range that was split."""

from __future__ import annotations

from typing import Any

import pytest

from beam_dis.read.process.lags import Lag, Lags

DAY = 86_400_000


@pytest.fixture
def lags() -> Lags:
    return Lags()


def after_records(lags: Lags, part: Any = None, *, left: int = 5, up_to: int = 1000, now: int = 3000) -> Lag:
    return lags.after_records("p", part, left=left, up_to=up_to, now=now, retention=DAY)


def test_after_records_it_is_behind_since_the_arrival_of_the_last_one(lags: Lags) -> None:
    assert after_records(lags) == Lag(5, 1000, 2000, DAY - 2000, 2000 / DAY)


def test_after_catching_up_nothing_is_unread_and_the_whole_retention_is_left(lags: Lags) -> None:
    after_records(lags)
    assert lags.after_catching_up("p", None, at=4000, retention=DAY) == Lag(0, 4000, 0, DAY, 0.0)


def test_a_record_that_arrived_before_it_had_caught_up_does_not_move_it_back(lags: Lags) -> None:
    lags.after_catching_up("p", None, at=4000, retention=DAY)
    assert after_records(lags, up_to=3900, now=4500).millis_behind == 500


def test_it_falls_behind_while_its_requests_fail(lags: Lags) -> None:
    lags.after_catching_up("p", None, at=4000, retention=DAY)
    assert lags.after_nothing("p", None, left=7, now=64_000, retention=DAY) == Lag(
        7, 4000, 60_000, DAY - 60_000, 60_000 / DAY
    )


def test_nothing_is_known_before_the_first_page(lags: Lags) -> None:
    assert lags.after_nothing("p", None, left=7, now=64_000, retention=DAY) is None


def test_parts_of_a_partition_add_up_and_the_furthest_behind_counts(lags: Lags) -> None:
    after_records(lags, 0, left=5, up_to=1000)
    assert after_records(lags, 100, left=3, up_to=2000)[:3] == (8, 1000, 2000)
    assert lags.after_end("p", 0, now=3000, retention=DAY)[:3] == (3, 2000, 1000)
    assert lags.after_end("p", 100, now=3000, retention=DAY) == Lag(0, 0, 0, DAY, 0.0)


def test_a_part_that_was_given_up_is_forgotten(lags: Lags) -> None:
    after_records(lags, 0, left=5)
    lags.forget("p", 0)
    assert after_records(lags, 100, left=3).records == 3


def test_without_a_known_retention_nothing_says_when_records_expire(lags: Lags) -> None:
    lag = lags.after_records("p", None, left=1, up_to=0, now=2 * DAY, retention=None)
    assert (lag.expires_in, lag.unread_share) == (None, 0.0)


def test_records_that_may_have_expired_have_no_time_left(lags: Lags) -> None:
    assert after_records(lags, up_to=0, now=2 * DAY).expires_in == 0
