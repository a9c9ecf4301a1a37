"""The registry finds the state that steps share in a process, and keeps a bounded number of unused states."""

from __future__ import annotations

import gc
import pickle
from typing import Any

import pytest

from beam_dis.connection import DISConnection
from beam_dis.read.decode import PageDecoder
from beam_dis.read.partition.endless import PollPartitionForAppFn
from beam_dis.read.process.registry import KEPT_SECONDS, MOST_KEPT, Registry, this_process
from beam_dis.read.values import StreamPartition
from beam_dis.read.watermark.event_time import RunTimes
from beam_dis.read.watermark.policy import WatermarkPolicy

CONNECTION = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
PARTITION = StreamPartition("flights", "id", "shardId-0000000000", 0, None)


class Step:
    """Anything that uses the registry."""


@pytest.fixture
def registry(fake_service: Any, registry_on: Any) -> Registry:
    return registry_on(fake_service())


def step_of(
    read_id: str, registry: Registry, connection: DISConnection = CONNECTION, *, poll_interval: float = 1.0
) -> PollPartitionForAppFn:
    times = RunTimes(
        policy=WatermarkPolicy(), decoder=PageDecoder(lambda record: record, dead_letters=False), event_micros=None
    )
    return PollPartitionForAppFn(
        connection,
        app="a",
        read_id=read_id,
        times=times,
        on_expired="fail",
        poll_interval=poll_interval,
        listing_interval=1.0,
        registry=lambda: registry,
    )


def test_steps_of_one_read_share_a_state_and_other_reads_have_their_own(registry: Registry) -> None:
    users = Step(), Step(), Step()
    first, again, other = (registry.enter_read(name, user) for name, user in zip("aab", users, strict=True))
    assert (first is again, first is other) == (True, False)


def test_reads_over_one_connection_share_its_state(registry: Registry) -> None:
    users = Step(), Step()
    assert registry.enter_connection(CONNECTION, users[0]) is registry.enter_connection(CONNECTION, users[1])


def test_a_thousand_pipelines_keep_no_more_states_than_a_few(registry: Registry, calls: Any) -> None:
    """Each pipeline has its own connection, as in tests that each start a local DIS."""
    for n in range(1000):
        connection = DISConnection(endpoint=f"http://127.0.0.1:{n + 1}", project_id="p")
        driven = calls(step_of(f"read {n}", registry, connection), PARTITION)
        driven.call()
        driven.teardown()
    assert registry.size <= 2 * MOST_KEPT


def test_a_step_that_is_set_up_again_within_an_hour_finds_its_read(registry: Registry, now: Any) -> None:
    """Runners tear down steps that are idle for a minute; on Prism the watermarks must not be forgotten."""
    first, second = step_of("read", registry), step_of("read", registry)
    first.setup()
    state = registry.enter_read("read", first)
    first.teardown()
    now.seconds += KEPT_SECONDS - 1
    second.setup()
    assert registry.enter_read("read", second) is state


def test_a_state_ends_an_hour_after_its_last_step(registry: Registry, now: Any) -> None:
    step = step_of("read", registry)
    step.setup()
    step.teardown()
    now.seconds += KEPT_SECONDS + 1
    registry.leave(step)
    assert registry.size == 0


def test_a_state_is_kept_while_any_step_uses_it(registry: Registry, now: Any) -> None:
    first, second = Step(), Step()
    state = registry.enter_read("read", first)
    registry.enter_read("read", second)
    registry.leave(first)
    for n in range(3 * MOST_KEPT):
        now.seconds += KEPT_SECONDS
        other = Step()
        registry.enter_read(f"other {n}", other)
        registry.leave(other)
    assert registry.enter_read("read", first) is state


def test_a_step_that_is_deleted_without_teardown_no_longer_counts(registry: Registry, now: Any) -> None:
    registry.enter_read("read", Step())
    gc.collect()
    registry.leave(Step())
    now.seconds += KEPT_SECONDS + 1
    registry.leave(Step())
    assert registry.size == 0


def test_a_warning_about_a_runner_is_claimed_once(registry: Registry) -> None:
    first, second = Step(), Step()
    assert [registry.claim_warning(runner) for runner in (first, first, second)] == [True, False, True]


def test_steps_find_the_registry_of_their_process() -> None:
    assert pickle.loads(pickle.dumps(this_process)) is this_process
    assert this_process() is this_process()


def test_several_idle_reads_of_one_process_keep_their_states(registry: Registry, now: Any) -> None:
    """As eleven reads whose partitions are all idle, and whose steps a worker tears down after a minute."""
    states = []
    for n in range(11):
        step = step_of(f"read {n}", registry)
        step.setup()
        states.append(registry.enter_read(f"read {n}", step))
        step.teardown()
    now.seconds += 140
    again = [step_of(f"read {n}", registry) for n in range(11)]
    assert [registry.enter_read(f"read {n}", step) for n, step in enumerate(again)] == states


def test_pages_fetched_ahead_are_dropped_when_no_step_uses_the_connection(registry: Registry) -> None:
    user = Step()
    shared = registry.enter_connection(CONNECTION, user)
    shared.prefetch.expect(PARTITION.at(50))
    registry.leave(user)
    shared.prefetch.page(PARTITION.at(50), 51)
    assert shared.service.reads == [50, 50]


def test_no_step_asks_to_be_called_later_than_a_worker_keeps_it(registry: Registry, calls: Any) -> None:
    """Workers tear down steps that are idle for a minute; a partition that isn't due costs no request."""
    assert calls(step_of("read", registry, poll_interval=140.0), PARTITION).call().delay <= 45
