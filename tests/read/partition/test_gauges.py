"""The gauges of a partition are right after a page, when it has caught up, while requests fail, and after commits."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest
from reported_metrics import reported_metrics

from beam_dis import DISConnection
from beam_dis.errors import TransportError
from beam_dis.read.decode import PageDecoder
from beam_dis.read.partition.bounded import ReadPartitionFn
from beam_dis.read.values import StreamPartition

ZERO = "shardId-0000000000"
ONE = "shardId-0000000001"


def gauges_after(polls: Any, calls: int = 1) -> dict[str, int]:
    """The gauges of partition 0 after some calls."""
    with reported_metrics() as reported:
        for _ in range(calls):
            polls.call()
        suffix = ".flights.0"
        return {name.removesuffix(suffix): value for name, value in reported.gauges.items() if name.endswith(suffix)}


@pytest.fixture
def one_page_a_call(monkeypatch: Any) -> None:
    monkeypatch.setattr("beam_dis.read.partition.endless.BUNDLE_SECONDS", 0.0)


def test_after_a_page_they_say_what_is_unread(two_partitions: Any, polling: Any, one_page_a_call: Any) -> None:
    service = two_partitions(next_number=25)  # a page has the numbers 0 to 9; 9 has two bytes less than 10 to 24
    service.retention_ms = 86_400_000
    assert gauges_after(polling(service)) == {
        "records_behind": 15,
        "bytes_behind": 15,
        "millis_behind": 5000 - 1003,
        "read_up_to_millis": 1003,
        "expires_in_millis": 86_400_000 - (5000 - 1003),
    }


def test_when_it_has_caught_up_they_are_zero(two_partitions: Any, polling: Any) -> None:
    service = two_partitions(next_number=25)
    service.retention_ms = 86_400_000
    found = gauges_after(polling(service))
    assert (found["records_behind"], found["bytes_behind"], found["millis_behind"]) == (0, 0, 0)
    assert (found["read_up_to_millis"], found["expires_in_millis"]) == (5000, 86_400_000)


def test_a_range_with_an_end_counts_what_is_left_up_to_its_stop(two_partitions: Any, registry_on: Any) -> None:
    registry, partition = registry_on(two_partitions(next_number=100)), StreamPartition("flights", "id", ZERO, 0, 25)
    connection = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
    step = ReadPartitionFn(
        connection, read_id="r", decoder=PageDecoder(lambda r: r, dead_letters=False), registry=lambda: registry
    )
    step.setup()
    with reported_metrics() as reported:
        runs = step.process(partition, tracker=step.create_tracker(partition.range))
        next(runs)
        assert reported.gauges["records_behind.flights.0"] == 15
        list(runs)
        assert reported.gauges["records_behind.flights.0"] == 0


def test_a_partition_that_was_added_has_its_own(two_partitions: Any, polling: Any, one_page_a_call: Any) -> None:
    service = two_partitions(next_number=25)
    with reported_metrics() as reported:
        polling(service, name=ONE).call()
    assert {name.rpartition(".")[2] for name in reported.gauges} == {"1"}


def test_it_falls_behind_while_its_requests_fail(two_partitions: Any, polling: Any, now: Any) -> None:
    service = two_partitions(next_number=5)
    service.now_ms = int(time.time() * 1000)  # a clock that is believed
    polls = polling(service)
    assert gauges_after(polls)["millis_behind"] == 0

    def fail(*_: Any) -> None:
        raise TransportError("cut")

    service.read = fail
    now.seconds += 90
    assert gauges_after(polls)["millis_behind"] == pytest.approx(90_000, abs=2000)


def test_a_commit_is_reported_by_the_next_call(two_partitions: Any, polling: Any, now: Any) -> None:
    polls = polling(two_partitions(next_number=7), app="delays")
    assert "committed_number" not in gauges_after(polls)
    polls.finalize()
    found = gauges_after(polls)
    assert found["committed_number"] == 7
    assert found["committed_at_millis"] > 1_700_000_000_000


def test_a_read_that_may_lose_records_warns_once(
    two_partitions: Any, polling: Any, one_page_a_call: Any, now: Any, caplog: Any
) -> None:
    service = two_partitions(next_number=100)
    service.retention_ms = 4500  # the first pages arrived 4 s ago
    polls = polling(service)
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            polls.call()
            now.seconds += 31
    warnings = [record.message for record in caplog.records if "oldest unread records may expire" in record.message]
    assert len(warnings) == 1
    assert "partition_id='shardId-0000000000'" in warnings[0]
