"""Parts of a running Flink are killed: each record that was put is copied, and only copied records are committed.

Flink restarts the job from its last checkpoint: the records that were copied before it aren't copied again.
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
RESTARTS = ["--number_of_execution_retries=100", "--execution_retry_delay=1000"]
"""So many because each attempt counts that fails before the cluster notices that a machine is missing."""

Copying = Callable[[list[str]], AbstractContextManager[Any]]


def killed_while_it_copies(copying: Copying, flags: list[str], kill: Callable[[], object]) -> None:
    with copying(flags) as numbers:
        numbers.put(500)
        numbers.wait_until_all_are_copied()
        time.sleep(TWO_CHECKPOINTS_SECONDS)  # after a restart none of these numbers may be copied again
        for _ in range(ROUNDS):
            numbers.put_for_a_second()
            kill()
            assert numbers.committed() <= len(numbers.copied())
            numbers.put(250)
            numbers.wait_until_all_are_copied()
        copied = numbers.copied()
        assert [number for number in range(500) if copied[number] > 1] == []
        numbers.wait_until_all_are_committed()


@pytest.mark.long
def test_nothing_is_lost_when_workers_are_killed(copying: Copying, pool: Any, flink_options: list[str]) -> None:
    def kill() -> None:
        assert pool.kill_workers() > 0

    killed_while_it_copies(copying, [*flink_options, *pool.flags, *RESTARTS], kill)


@pytest.mark.long
def test_nothing_is_lost_when_machines_of_a_cluster_are_killed(copying: Copying, pool: Any, cluster: Any) -> None:
    flags = [*cluster.flags, *pool.flags, *RESTARTS]
    killed_while_it_copies(copying, flags, cluster.replace_a_task_manager)
