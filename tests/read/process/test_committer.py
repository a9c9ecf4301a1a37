"""Commits never go back, callbacks don't wait for them, and unconfirmed positions stay known."""

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


class ManualExecutor(Executor):
    """Keeps the submitted tasks until ``run`` is called."""

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
    """Records commits in ``done``. ``meanwhile`` is called during the next commit; ``failures`` are raised one by one."""

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
def executor() -> ManualExecutor:
    return ManualExecutor()


@pytest.fixture
def commits() -> Commits:
    return Commits()


def test_a_position_is_committed_only_after_its_bundle_is_finalised(commits: Commits) -> None:
    committer = Committer(commits, "app", executor=None)
    confirm = committer.register(*P0, 7)
    assert (commits.done, committer.unconfirmed) == ([], {P0: 7})
    confirm()
    assert (commits.done, committer.unconfirmed) == ([("p0", 7)], {})


@given(order=st.permutations(range(10)), runs_after=st.sets(st.integers(0, 9)))
def test_commits_never_go_back_if_bundles_are_finalised_out_of_order(order: list[int], runs_after: set[int]) -> None:
    commits, executor = Commits(), ManualExecutor()
    committer = Committer(commits, "app", executor=executor)
    callbacks = [committer.register(*P0, number) for number in range(10)]
    for index in order:
        callbacks[index]()
        if index in runs_after:
            executor.run()
    executor.run()
    numbers = [number for _, number in commits.done]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 9


def test_one_background_task_commits_the_newest_number_of_each_partition(
    commits: Commits, executor: ManualExecutor
) -> None:
    committer = Committer(commits, "app", executor=executor)
    for number in (3, 9, 5):
        committer.register(*P0, number)()
        committer.register(*P1, number)()
    assert (commits.done, len(executor.tasks)) == ([], 1)
    executor.run()
    assert commits.done == [("p0", 9), ("p1", 9)]


def test_during_a_slow_commit_only_the_newest_number_waits(commits: Commits, executor: ManualExecutor) -> None:
    committer = Committer(commits, "app", executor=executor)

    def newer() -> None:
        for number in (2, 3, 4):
            committer.register(*P0, number)()

    commits.meanwhile = newer
    committer.register(*P0, 1)()
    executor.run()
    assert (commits.done, executor.tasks) == ([("p0", 1), ("p0", 4)], [])


def test_a_number_that_is_confirmed_again_during_its_commit_is_committed_once(
    commits: Commits, executor: ManualExecutor
) -> None:
    committer = Committer(commits, "app", executor=executor)
    commits.meanwhile = committer.register(*P0, 1)
    committer.register(*P0, 1)()
    executor.run()
    assert commits.done == [("p0", 1)]


def test_after_a_failed_commit_the_other_partitions_are_committed_first(
    commits: Commits, executor: ManualExecutor
) -> None:
    committer = Committer(commits, "app", executor=executor)
    commits.failures, commits.meanwhile = [TransportError("cut")], committer.register(*P0, 1)
    for partition in (P0, P1):
        committer.register(*partition, 1)()
    executor.run()
    assert commits.done == [("p1", 1), ("p0", 1)]


def test_a_commit_that_failed_is_due_again_and_repeated_with_the_next_one(
    commits: Commits, executor: ManualExecutor
) -> None:
    """The number is the same, as in an idle partition."""
    committer = Committer(commits, "app", executor=executor)
    commits.failures = [TransportError("cut")]
    committer.register(*P0, 7)()
    executor.run()
    assert committer.due(*P0, 7)
    committer.register(*P0, 7)()
    executor.run()
    assert (commits.done, committer.due(*P0, 7), committer.due(*P0, 8)) == ([("p0", 7)], False, True)


def test_a_series_of_failures_is_logged_once_and_so_is_its_end(
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


def test_an_unexpected_error_does_not_end_the_commits(commits: Commits, executor: ManualExecutor) -> None:
    committer = Committer(commits, "app", executor=executor)
    commits.failures = [ZeroDivisionError()]
    for number in (1, 2):
        committer.register(*P0, number)()
        executor.run()
    assert commits.done == [("p0", 2)]


def test_if_no_thread_can_be_started_the_next_confirmation_tries_again(
    commits: Commits, executor: ManualExecutor
) -> None:
    committer, submit = Committer(commits, "app", executor=executor), executor.submit
    executor.submit = _no_thread  # type: ignore[method-assign]
    committer.register(*P0, 1)()
    executor.submit = submit  # type: ignore[method-assign]
    committer.register(*P1, 1)()
    executor.run()
    assert commits.done == [("p0", 1), ("p1", 1)]


def _no_thread(*_: object, **__: object) -> Future[Any]:
    raise RuntimeError("can't start new thread")


def test_without_an_executor_a_finalizer_returns_after_its_commit(commits: Commits) -> None:
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
    fn = ReadPartitionForAppFn(connection, read_id="r", app="delays", decoder=decoder, registry=lambda: registry)
    read = calls(fn, StreamPartition("flights", "id", "shardId-0000000000", 0, 25))
    read.call()
    read.finalize()
    assert threads == [threading.current_thread()]


def _registered_in(seconds: int, committer: Committer, now: Any) -> int:
    """How often a position is registered if it is polled once a second."""
    count = 0
    for _ in range(seconds):
        if committer.due(*P0, 7):
            committer.register(*P0, 7)
            count += 1
        now.seconds += 1
    return count


def test_with_a_runner_that_never_finalises_one_callback_a_minute_is_registered(commits: Commits, now: Any) -> None:
    """The runner keeps each bundle that has a callback until it is finalised."""
    committer = Committer(commits, "app", executor=None, clock=now)
    assert _registered_in(60, committer, now) == 60
    assert _registered_in(3600, committer, now) == 60


def test_a_few_callbacks_without_an_answer_change_nothing(commits: Commits, now: Any) -> None:
    """A partition with few calls has registered too few to know whether the runner finalises."""
    committer = Committer(commits, "app", executor=None, clock=now)
    _registered_in(5, committer, now)
    now.seconds += 600
    assert _registered_in(5, committer, now) == 5


def test_after_an_answer_each_call_registers_again_even_if_the_commit_fails(commits: Commits, now: Any) -> None:
    committer = Committer(commits, "app", executor=None, clock=now)
    commits.failures = [TransportError("cut")]
    callback = committer.register(*P0, 7)
    _registered_in(600, committer, now)
    callback()
    assert commits.done == []
    assert _registered_in(60, committer, now) == 60
