"""A StreamReader reads all partitions, those that are added too, and waits out what passes."""

from __future__ import annotations

from itertools import islice

import pytest
from fake_service import FakePartition, FakeService
from fake_time import FakeTime
from immediate_executor import ImmediateExecutor

from beam_dis.consumer import StreamReader, bounds_of
from beam_dis.errors import InvalidRequestError, TransportError, service_error
from beam_dis.record import PutRecord

THROTTLED = service_error("slow down", code="DIS.4303", status=400)


def reader_of(service, start="earliest", *partitions, time=None, stop=None, warned=None):
    time = time or FakeTime()
    return StreamReader(
        service,
        "flights",
        bounds_of(start, stop, partitions),
        executor=ImmediateExecutor(),
        clock=time.clock,
        sleep=time.sleep,
        warn=(warned if warned is not None else []).append,
    )


def places(arrivals):
    return [(arrival.partition_id[-1], arrival.record.sequence_number) for arrival in arrivals]


def numbers(pages):
    return [record.sequence_number for page in pages for record in page.records]


def test_pages_have_every_record_of_a_partition_in_order():
    assert numbers(reader_of(FakeService()).pages()) == list(range(100))


def test_pages_read_all_of_many_partitions():
    found = numbers(reader_of(FakeService(partitions=30)).pages())
    assert sorted(found) == sorted(list(range(100)) * 30)


def test_pages_end_at_the_stop_within_a_page():
    reader = reader_of(FakeService(), "1970-01-01T00:00:01.001Z", stop="1970-01-01T00:00:01.005Z")
    assert (numbers(reader.pages()), reader.total) == (list(range(3, 15)), 12)


def test_arrivals_of_all_partitions_are_merged_by_time():
    service = FakeService(partitions=2, next_number=6)  # three records arrived in each millisecond
    expected = [("0", 0), ("0", 1), ("0", 2), ("1", 0), ("1", 1), ("1", 2)]
    assert places(reader_of(service).arrivals())[:6] == expected


def test_the_last_records_are_those_of_all_partitions_together():
    service = FakeService.empty(streams=["flights"], partitions=2)
    for number in range(10):
        service.now_ms += 1
        service.write("flights", [PutRecord(b"x", partition_id=int(number > 1))])
    assert places(reader_of(service, "-9").arrivals()) == [("0", 1), *(("1", n) for n in range(8))]


def test_a_follower_gets_what_arrives_after_the_listing():
    service, time = FakeService(), FakeTime()
    following = reader_of(service, "latest", time=time).follow()
    service.write("flights", [PutRecord(b"new")])
    assert next(following).record.data == b"new"
    assert time.now < 0.2


def test_a_follower_reads_a_partition_that_is_added_from_its_beginning():
    service = FakeService()
    following = reader_of(service, "-1").follow()
    assert places(islice(following, 1)) == [("0", 99)]
    service.first.partitions.append(FakePartition(1, 0, 3))
    assert places(islice(following, 3)) == [("1", 0), ("1", 1), ("1", 2)]


def test_a_follower_of_one_partition_reads_no_other():
    service = FakeService()
    following = reader_of(service, "latest", "0").follow()
    service.first.partitions.append(FakePartition(1, 0, 3))
    service.write("flights", [PutRecord(b"x", partition_id=0)])
    assert places(islice(following, 1)) == [("0", 100)]


def test_a_partition_that_is_closed_is_read_to_its_end_and_polled_no_more():
    service, time = FakeService(partitions=2), FakeTime()
    following = reader_of(service, "latest", time=time).follow()
    service.write("flights", [PutRecord(b"x", partition_id=0)])
    service.first.partitions[0].writable = False
    assert places(islice(following, 1)) == [("0", 100)]
    service.read = _reads_of(service, reads := [])
    for number in range(100, 103):
        service.write("flights", [PutRecord(b"x", partition_id=1)])
        assert places(islice(following, 1)) == [("1", number)]
        time.now += 2
    assert [partition for partition in reads[-2:] if partition != "shardId-0000000001"] == []


def test_a_follower_of_a_partition_that_is_closed_ends():
    service = FakeService(partitions=2)
    following = reader_of(service, "-2", "0").follow()
    service.first.partitions[0].writable = False
    assert places(following) == [("0", 98), ("0", 99)]


def _reads_of(service, reads):
    read = service.read

    def noting(position, max_bytes):
        reads.append(position.partition_id)
        return read(position, max_bytes)

    return noting


def test_failures_that_pass_are_waited_out_and_told_once():
    service, time, warned = FakeService(next_number=5), FakeTime(), []
    failures = iter([THROTTLED, TransportError("cut"), THROTTLED])
    read = service.read

    def failing(position, max_bytes):
        for failure in failures:
            raise failure
        return read(position, max_bytes)

    service.read = failing
    assert numbers(reader_of(service, time=time, warned=warned).pages()) == list(range(5))
    assert (len(time.slept), len(warned)) == (3, 1)


def test_a_failure_that_does_not_pass_is_raised():
    service = FakeService()

    def failing(position, max_bytes):
        raise service_error("wrong", code="DIS.4200", status=400)

    service.read = failing
    with pytest.raises(InvalidRequestError, match="wrong"):
        list(reader_of(service).pages())


def test_records_that_expire_meanwhile_are_skipped_and_counted():
    service, warned = FakeService(), []
    reader = reader_of(service, warned=warned)
    service.earliest = 40
    assert numbers(reader.pages()) == list(range(40, 100))
    assert warned == ["partition shardId-0000000000: 40 records from number 0 on have expired before they were read"]


def test_a_partition_that_expires_meanwhile_is_skipped_and_counted():
    service, warned = FakeService(), []
    reader = reader_of(service, warned=warned)
    service.expired = True
    assert numbers(reader.pages()) == []
    assert len(warned) == 1
