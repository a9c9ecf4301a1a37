"""Rates and hot partitions come from two listings."""

from __future__ import annotations

from fake_service import FakeService
from fake_time import FakeTime

from beam_dis.cli.top import tables_of
from beam_dis.cli.traffic import stream_row, traffic_of


def traffic(*written, seconds=1.0, partitions=None):
    """The traffic of a stream into whose partitions so many records were written; 1000 a second are the limit."""
    service = FakeService(partitions=partitions or len(written))
    before = service.describe("flights")
    for partition, count in zip(service.first.partitions, written, strict=False):
        partition.next += count
    return traffic_of(before, service.describe("flights"), seconds)


def test_the_busiest_partition_comes_first():
    assert [(each.partition[-1], each.written_per_s) for each in traffic(10, 30, 20, seconds=10)] == [
        ("1", 3.0),
        ("2", 2.0),
        ("0", 1.0),
    ]


def test_a_partition_near_its_limit_is_hot():
    assert [each.hot for each in traffic(800, 799, 799)] == [True, False, False]


def test_a_partition_with_much_more_than_the_others_is_hot():
    assert [each.hot for each in traffic(100, 20, 20)] == [True, False, False]
    assert [each.hot for each in traffic(99, 0, 0)] == [False, False, False]


def test_a_partition_that_was_added_counts_from_its_first_record():
    service = FakeService()
    before = service.describe("flights")
    after = FakeService(next_number=7, partitions=2).describe("flights")
    assert [each.written_per_s for each in traffic_of(before, after, 1.0)] == [7.0, 0.0]


def test_a_stream_that_was_recreated_counts_from_its_first_record():
    service = FakeService()
    before = service.describe("flights")
    service.create("flights", 1, 0, 40)
    assert [each.written_per_s for each in traffic_of(before, service.describe("flights"), 2.0)] == [20.0]


def test_a_stream_is_one_row():
    row = stream_row("flights", traffic(900, 10))
    assert (row["written_per_s"], row["busiest"][-1], row["hot"], row["held"]) == (910.0, "0", 1, 1110)
    assert stream_row("flights", traffic(0))["busiest"] is None


def test_each_table_counts_over_the_interval_before_it():
    service, time = FakeService(), FakeTime()

    def sleep(seconds):
        time.sleep(seconds)
        service.next += 10

    tables = tables_of(
        lambda: {"flights": service.describe("flights")},
        2.0,
        lag=None,
        by_partition=True,
        clock=time.clock,
        sleep=sleep,
    )
    assert [next(tables)[0]["written_per_s"] for _ in range(3)] == [5.0, 5.0, 5.0]
    assert time.now == 6.0
