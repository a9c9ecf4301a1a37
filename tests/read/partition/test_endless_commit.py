"""The endless step with an app: positions are committed after their bundles are finalised."""

from __future__ import annotations

from typing import Any

ZERO = "shardId-0000000000"


def test_a_position_is_committed_when_finalised_and_registered_until_then(
    two_partitions: Any, polling: Any, now: Any
) -> None:
    service = two_partitions(next_number=7)
    polls = polling(service, app="delays")
    polls.call()
    polls.lose_finalizers()  # as some runners do
    assert service.commits == []
    polls.call()
    polls.finalize()
    assert service.commits == [("delays", "flights", ZERO, 7)]
    polls.call()
    polls.finalize()
    assert len(service.commits) == 1


def test_a_committed_position_is_not_registered_again(two_partitions: Any, polling: Any, now: Any) -> None:
    """Runners keep each bundle with a finalizer until it is finalised, so an idle partition registers none."""
    service = two_partitions(next_number=7)
    polls = polling(service, app="delays")
    polls.call()
    polls.finalize()
    polls.call()
    assert not polls.has_finalizers


def test_on_prism_an_idle_poll_has_a_finalizer_that_commits_nothing(
    two_partitions: Any, polling: Any, now: Any
) -> None:
    """Prism finalises every bundle of the step, and Beam logs an error for a bundle without a finalizer."""
    service = two_partitions(next_number=7)
    polls = polling(service, app="delays", resumes_at_once=True)
    for _ in range(3):
        polls.call()
        assert polls.has_finalizers
        polls.finalize()
    assert service.commits == [("delays", "flights", ZERO, 7)]


def test_commits_never_go_back_if_instances_finalise_out_of_order(
    two_partitions: Any, polling: Any, registry_on: Any, now: Any
) -> None:
    """There are two instances of the step, and the later bundle is finalised first."""
    service = two_partitions(next_number=5)
    registry = registry_on(service)
    first, second = (polling(service, start=start, app="delays", registry=registry) for start in (0, 5))
    first.call()
    service.next, now.seconds = 8, now.seconds + 1
    second.call()
    second.finalize()
    first.finalize()
    assert service.commits == [("delays", "flights", ZERO, 8)]


def test_two_reads_with_the_same_app_are_warned_about(
    two_partitions: Any, polling: Any, registry_on: Any, now: Any, caplog: Any
) -> None:
    service = two_partitions(next_number=5)
    registry = registry_on(service)
    reads = [polling(service, app="delays", registry=registry, read_id=read_id) for read_id in ("1", "2")]
    for _ in range(3):
        for read in reads:
            now.seconds += 1
            read.call()
    warnings = [r.getMessage() for r in caplog.records if r.name == "beam_dis.read.partition.endless"]
    assert [
        warning.startswith("app delays: another running read commits to it in stream flights too")
        for warning in warnings
    ] == [
        True,
        True,
    ]
