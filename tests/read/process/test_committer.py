"""Commits go forward only and keep nobody waiting, and what was never confirmed is known."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.connection import DISConnection
from beam_dis.errors import TransportError
from beam_dis.read.decode import PageDecoder
from beam_dis.read.partition.bounded import ReadPartitionForAppFn
from beam_dis.read.process.committer import Committer
from beam_dis.read.values import StreamPartition

P0, P1 = ("flights", "p0"), ("flights", "p1")


class Later(Executor):
    """Runs what was submitted when it is told to."""

    def __init__(self) -> None:
        self.tasks: list[Callable[[], Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.tasks.append(lambda: fn(*args, **kwargs))
        return Future()

    def run(self) -> None:
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            task()


class Commits:
    """Notes what is committed; ``meanwhile`` is called during the next commit, ``failures`` are raised one by one."""

    def __init__(self) -> None:
        self.done: list[tuple[str, int]] = []
        self.meanwhile: Callable[[], None] = lambda: None
        self.failures: list[Exception] = []

    def commit(self, _app: str, _stream: str, partition: str, number: int) -> None:
        now, self.meanwhile = self.meanwhile, lambda: None
        now()
        if self.failures:
            raise self.failures.pop()
        self.done.append((partition, number))


@pytest.fixture
def later() -> Later:
    return Later()


@pytest.fixture
def commits() -> Commits:
    return Commits()


def test_a_position_is_committed_when_it_is_confirmed_not_before(commits: Commits) -> None:
    committer = Committer(commits, "app", executor=None)
    confirm = committer.register(*P0, 7)
    assert (commits.done, committer.unconfirmed) == ([], {P0: 7})
    confirm()
    assert (commits.done, committer.unconfirmed) == ([("p0", 7)], {})


@given(order=st.permutations(range(10)), runs_after=st.sets(st.integers(0, 9)))
def test_commits_are_monotonic_also_when_bundles_finalise_out_of_order(order: list[int], runs_after: set[int]) -> None:
    commits, later = Commits(), Later()
    committer = Committer(commits, "app", executor=later)
    callbacks = [committer.register(*P0, number) for number in range(10)]
    for index in order:
        callbacks[index]()
        if index in runs_after:
            later.run()
    later.run()
    numbers = [number for _, number in commits.done]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 9


def test_a_callback_only_notes_and_one_task_commits_the_newest_of_each_partition(
    commits: Commits, later: Later
) -> None:
    committer = Committer(commits, "app", executor=later)
    for number in (3, 9, 5):
        committer.register(*P0, number)()
        committer.register(*P1, number)()
    assert (commits.done, len(later.tasks)) == ([], 1)
    later.run()
    assert commits.done == [("p0", 9), ("p1", 9)]


def test_while_a_commit_hangs_only_the_newest_note_waits(commits: Commits, later: Later) -> None:
    committer = Committer(commits, "app", executor=later)

    def newer() -> None:
        for number in (2, 3, 4):
            committer.register(*P0, number)()

    commits.meanwhile = newer
    committer.register(*P0, 1)()
    later.run()
    assert (commits.done, later.tasks) == ([("p0", 1), ("p0", 4)], [])


def test_a_position_that_is_noted_again_while_it_is_committed_is_committed_once(commits: Commits, later: Later) -> None:
    committer = Committer(commits, "app", executor=later)
    commits.meanwhile = committer.register(*P0, 1)
    committer.register(*P0, 1)()
    later.run()
    assert commits.done == [("p0", 1)]


def test_a_partition_that_fails_and_is_noted_again_lets_the_others_go_first(commits: Commits, later: Later) -> None:
    committer = Committer(commits, "app", executor=later)
    commits.failures, commits.meanwhile = [TransportError("cut")], committer.register(*P0, 1)
    for partition in (P0, P1):
        committer.register(*partition, 1)()
    later.run()
    assert commits.done == [("p1", 1), ("p0", 1)]


def test_a_commit_that_fails_is_due_again_and_the_next_note_makes_up_for_it(commits: Commits, later: Later) -> None:
    """Also where the partition has gone idle: the number is the same."""
    committer = Committer(commits, "app", executor=later)
    commits.failures = [TransportError("cut")]
    committer.register(*P0, 7)()
    later.run()
    assert committer.due(*P0, 7)
    committer.register(*P0, 7)()
    later.run()
    assert (commits.done, committer.due(*P0, 7), committer.due(*P0, 8)) == ([("p0", 7)], False, True)


def test_failures_are_told_once_in_a_row_and_so_is_their_end(
    commits: Commits, caplog: pytest.LogCaptureFixture
) -> None:
    committer = Committer(commits, "app", executor=None)
    commits.failures = [TransportError("connection cut") for _ in range(5)]
    with caplog.at_level(logging.WARNING):
        for number in range(10):
            committer.register(*P0, number)()
    assert [record.getMessage() for record in caplog.records] == [
        "stream flights, partition p0: 0 was not committed: connection cut",
        "stream flights, partition p0 is committed again: 5",
    ]


def test_an_error_that_nobody_thought_of_does_not_end_the_commits(commits: Commits, later: Later) -> None:
    committer = Committer(commits, "app", executor=later)
    commits.failures = [ZeroDivisionError()]
    for number in (1, 2):
        committer.register(*P0, number)()
        later.run()
    assert commits.done == [("p0", 2)]


def test_if_no_thread_can_be_started_the_next_note_tries_again(commits: Commits, later: Later) -> None:
    committer, submit = Committer(commits, "app", executor=later), later.submit
    later.submit = _no_thread  # type: ignore[method-assign]
    committer.register(*P0, 1)()
    later.submit = submit  # type: ignore[method-assign]
    committer.register(*P1, 1)()
    later.run()
    assert commits.done == [("p0", 1), ("p1", 1)]


def _no_thread(*_: object, **__: object) -> Future[Any]:
    raise RuntimeError("can't start new thread")


def test_without_an_executor_a_finalizer_returns_once_it_is_committed(commits: Commits) -> None:
    committer, begun, go_on, seen = Committer(commits, "app", executor=None), threading.Event(), threading.Event(), []

    def hang() -> None:
        begun.set()
        go_on.wait(10)

    def confirm(callback: Callable[[], None]) -> None:
        callback()
        seen.append(list(commits.done))

    commits.meanwhile = hang
    threads = [threading.Thread(target=confirm, args=(committer.register(*p, 1),)) for p in (P0, P1)]
    threads[0].start()
    assert begun.wait(10)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert [("p0", 1), ("p1", 1)] in seen


def test_a_bounded_read_commits_within_the_finalizer(fake_service: Any, calls: Any, registry_on: Any) -> None:
    service, threads = fake_service(next_number=25), []
    service.commit = lambda *_: threads.append(threading.current_thread())
    registry = registry_on(service)
    connection = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
    decoder = PageDecoder(lambda record: record, dead_letters=False)
    fn = ReadPartitionForAppFn(connection, app="delays", decoder=decoder, registry=lambda: registry)
    read = calls(fn, StreamPartition("flights", "id", "shardId-0000000000", 0, 25))
    read.call()
    read.finalize()
    assert threads == [threading.current_thread()]


def _registered_in(seconds: int, committer: Committer, now: Any) -> int:
    """How many of a call a second register."""
    count = 0
    for _ in range(seconds):
        if committer.due(*P0, 7):
            committer.register(*P0, 7)
            count += 1
        now.seconds += 1
    return count


def test_a_runner_that_never_calls_back_is_asked_once_a_minute(commits: Commits, now: Any) -> None:
    """It keeps what belongs to a bundle until that is finalised."""
    committer = Committer(commits, "app", executor=None, clock=now)
    assert _registered_in(60, committer, now) == 60
    assert _registered_in(3600, committer, now) == 60


def test_a_few_that_went_unanswered_slow_nothing(commits: Commits, now: Any) -> None:
    """A partition that is called seldom has asked too little to tell."""
    committer = Committer(commits, "app", executor=None, clock=now)
    _registered_in(5, committer, now)
    now.seconds += 600
    assert _registered_in(5, committer, now) == 5


def test_an_answer_ends_the_waiting_also_where_its_commit_fails(commits: Commits, now: Any) -> None:
    committer = Committer(commits, "app", executor=None, clock=now)
    commits.failures = [TransportError("cut")]
    callback = committer.register(*P0, 7)
    _registered_in(600, committer, now)
    callback()
    assert commits.done == []
    assert _registered_in(60, committer, now) == 60
