"""Commits go forward only, and what was never confirmed is known."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.errors import TransportError
from beam_dis.read.committer import Committer


def test_a_position_is_committed_when_it_is_confirmed_not_before() -> None:
    commits: list[tuple[str, str, int]] = []
    committer = Committer(lambda *commit: commits.append(commit))
    confirm = committer.register("flights", "p0", 7)
    assert (commits, committer.unconfirmed) == ([], {("flights", "p0"): 7})
    confirm()
    assert (commits, committer.unconfirmed) == ([("flights", "p0", 7)], {})


@given(order=st.permutations(range(10)))
def test_commits_are_monotonic_also_when_bundles_finalise_out_of_order(order: list[int]) -> None:
    commits: list[int] = []
    committer = Committer(lambda _stream, _partition, number: commits.append(number))
    callbacks = [committer.register("flights", "p0", number) for number in range(10)]
    for index in order:
        callbacks[index]()
    assert commits == sorted(set(commits))
    assert commits[-1] == 9


def test_a_commit_that_fails_is_told_and_the_next_one_says_more(caplog: pytest.LogCaptureFixture) -> None:
    failures = [TransportError("connection cut")]

    def commit(*_: object) -> None:
        if failures:
            raise failures.pop()

    committer = Committer(commit)
    with caplog.at_level(logging.WARNING):
        committer.register("flights", "p0", 7)()
    assert "7 was not committed: connection cut" in caplog.text
    committer.register("flights", "p0", 9)()
    assert committer.unconfirmed == {}
