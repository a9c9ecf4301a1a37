"""Parts of a running Flink are killed: what was put comes out, what is committed has come out.

Flink begins the job again at its last checkpoint: what came out before that doesn't come out again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.flink, pytest.mark.timeout(300)]

ROUNDS = 2
TWO_CHECKPOINTS_SECONDS = 5.0
BEGUN_AGAIN = ["--number_of_execution_retries=100", "--execution_retry_delay=1000"]
"""Long enough for a cluster to notice that a machine has gone: each vain attempt counts."""

Copying = Callable[[list[str]], AbstractContextManager[Any]]


def killed_while_it_copies(copying: Copying, flags: list[str], kill: Callable[[], object]) -> None:
    with copying(flags) as numbers:
        numbers.put(500)
        numbers.all_come()
        time.sleep(TWO_CHECKPOINTS_SECONDS)
        for _ in range(ROUNDS):
            numbers.put_for_a_second()
            kill()
            assert numbers.committed() <= len(numbers.came())
            numbers.put(250)
            numbers.all_come()
        came = numbers.came()
        assert [number for number in range(500) if came[number] > 1] == []
        numbers.all_are_committed()


def test_nothing_is_lost_when_workers_are_killed(copying: Copying, pool: Any, flink_options: list[str]) -> None:
    def kill() -> None:
        assert pool.kill_workers() > 0

    killed_while_it_copies(copying, [*flink_options, *pool.flags, *BEGUN_AGAIN], kill)


@pytest.mark.long
def test_nothing_is_lost_when_machines_of_a_cluster_are_killed(copying: Copying, pool: Any, cluster: Any) -> None:
    flags = [*cluster.flags, *pool.flags, *BEGUN_AGAIN]
    killed_while_it_copies(copying, flags, cluster.replace_a_task_manager)
