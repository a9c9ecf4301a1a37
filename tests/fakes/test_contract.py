"""The promises of ``StreamService``. Each test runs on the fake and on DIS, so that the fake does nothing that DIS doesn't."""

from __future__ import annotations

import dataclasses
import uuid

import pytest
from fake_service import FakeService

from beam_dis.client import DISClient
from beam_dis.client.dis_service import DISService
from beam_dis.errors import OutOfRangeError, PartitionExpiredError, PartitionNotFoundError, StreamNotFoundError
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, PartitionDescription, ReadPosition, Written

P0, P1, P2 = (f"shardId-000000000{number}" for number in range(3))
MIB = 2**20
RETENTION_HOURS = 24


class OnFake:
    """A fake service whose streams change as those of DIS do."""

    def __init__(self):
        self.service = FakeService(streams=())

    def create(self, stream, partitions=1):
        self.service.create(stream, partitions)

    def delete(self, stream):
        del self.service.streams[stream]

    def remove_last_partition(self, stream):
        self.service.streams[stream].partitions[-1].writable = False

    def advance(self, hours):
        """The records and the removed partitions of now expire, if their retention ends by then."""
        self.service.now_ms += 3_600_000 * hours
        for partition in (each for stream in self.service.streams.values() for each in stream.partitions):
            if hours > RETENTION_HOURS:
                partition.earliest = partition.next
                partition.expired = not partition.writable


class OnDIS:
    """DIS, in an empty project of a local DIS."""

    def __init__(self, dis):
        self.dis = dis
        connection = dataclasses.replace(dis.connection, project_id=uuid.uuid4().hex)
        self.client = DISClient(connection)
        self.service = DISService(connection)

    def create(self, stream, partitions=1):
        self.client.create_stream(stream, partition_count=partitions)

    def delete(self, stream):
        self.client.delete_stream(stream)

    def remove_last_partition(self, stream):
        remaining = self.client.describe_stream(stream).writable_partition_count - 1
        self.client.update_partition_count(stream, target_partition_count=remaining)

    def advance(self, hours):
        self.dis.advance(hours=hours)


@pytest.fixture(scope="module")
def advancing_dis():
    """A local DIS whose clock these tests advance."""
    with LocalDIS() as dis:
        yield dis


@pytest.fixture(params=["fake", pytest.param("dis", marks=pytest.mark.integration)])
def world(request):
    """A service, and commands that change what it serves."""
    if request.param == "fake":
        yield OnFake()
        return
    dis = OnDIS(request.getfixturevalue("advancing_dis"))
    yield dis
    dis.client.close()
    dis.service.close()


@pytest.fixture
def service(world):
    """A service with the stream ``s`` of three partitions, whose partition 0 holds b"0" to b"24"."""
    world.create("s", 3)
    put(world.service, [b"%d" % number for number in range(25)])
    return world.service


def put(service, data, partition=0, stream="s"):
    results = service.write(stream, [PutRecord(each, partition_id=partition) for each in data])
    assert all(isinstance(result, Written) for result in results)
    return results


def at(service, number, partition_id=P0, stream="s"):
    return ReadPosition(stream, service.describe(stream).stream_id, partition_id, number)


def records_from(service, position, max_bytes=MIB):
    """All records from a position on, and the position after them."""
    found = []
    while page := service.read(position, max_bytes).records:
        found += page
        position = position.after(page)
    return found, position


# describe


def test_a_listing_has_every_partition_by_number_with_its_ends(service):
    put(service, [b"x", b"y"], partition=2)
    listing = service.describe("s")
    assert listing.name == "s"
    assert listing.partitions == (
        PartitionDescription(P0, 0, 25),
        PartitionDescription(P1, 0, 0),
        PartitionDescription(P2, 0, 2),
    )


def test_a_listing_says_for_how_long_records_are_kept(service):
    assert service.describe("s").retention_ms == RETENTION_HOURS * 3_600_000


def test_a_listing_is_as_of_the_services_clock(world, service):
    before = service.describe("s").as_of
    world.advance(hours=1)
    assert 3_590_000 <= service.describe("s").as_of - before <= 3_700_000


def test_a_listing_says_how_much_one_request_may_hold(service):
    limits = service.describe("s").limits
    assert 0 < limits.record_bytes <= limits.request_bytes
    assert limits.request_records > 0


def test_a_stream_that_is_not_there_cannot_be_described(service):
    with pytest.raises(StreamNotFoundError):
        service.describe("missing")


def test_a_partition_that_was_removed_is_readable_until_it_expires(world, service):
    put(service, [b"x"], partition=2)
    position = at(service, 0, P2)
    world.remove_last_partition("s")
    assert service.describe("s").partition(P2) == PartitionDescription(P2, 0, 1, writable=False)
    assert [record.data for record in service.read(position, MIB).records] == [b"x"]
    world.advance(RETENTION_HOURS + 1)
    assert service.describe("s").partition(P2) == PartitionDescription(P2, 0, 0, writable=False, readable=False)
    with pytest.raises(PartitionExpiredError):
        service.read(position, MIB)


# locate


def test_a_time_is_located_at_the_first_record_at_or_after_it(world, service):
    first, _ = records_from(service, at(service, 0))
    world.advance(hours=1)
    put(service, [b"later"])
    assert service.locate("s", P0, first[0].timestamp) == 0
    assert service.locate("s", P0, first[-1].timestamp + 60_000) == 25


def test_a_time_without_a_record_after_it_is_located_at_the_next_number(service):
    newest = records_from(service, at(service, 0))[0][-1].timestamp
    assert service.locate("s", P0, newest + 1) == 25
    assert service.locate("s", P1, newest) == 0


def test_a_time_before_the_records_that_are_left_is_located_at_the_earliest(world, service):
    world.advance(RETENTION_HOURS + 1)
    put(service, [b"new"])
    assert service.locate("s", P0, 1) == 25


# read


def test_records_come_in_order_and_the_page_at_the_end_is_empty(service):
    records, end = records_from(service, at(service, 0))
    assert [record.sequence_number for record in records] == list(range(25))
    assert [record.data for record in records] == [b"%d" % number for number in range(25)]
    assert end.sequence_number == 25
    assert service.read(end, MIB).records == []


def test_a_page_starts_at_its_position(service):
    assert service.read(at(service, 7), MIB).records[0].data == b"7"


def test_a_page_at_the_same_position_has_the_same_records_again(service):
    position = at(service, 3)
    first = service.read(position, MIB).records
    assert service.read(position, MIB).records == first


def test_after_an_empty_page_new_records_are_read_at_the_same_position(service):
    end = at(service, 25)
    assert service.read(end, MIB).records == []
    put(service, [b"new"])
    assert [record.data for record in service.read(end, MIB).records] == [b"new"]


def test_a_record_larger_than_the_page_may_be_is_read_nevertheless(service):
    large = bytes(700_000)
    put(service, [large, b"after"], partition=1)
    page = service.read(at(service, 0, P1), 1000).records
    assert page[0].data == large
    assert [record.data for record in records_from(service, at(service, 0, P1), 1000)[0]] == [large, b"after"]


def test_a_page_holds_no_more_bytes_than_asked_for(service):
    """DIS is never asked for less than the largest record, so this asks for that."""
    put(service, [bytes(600_000)], partition=1)
    put(service, [bytes(600_000)], partition=1)
    assert len(service.read(at(service, 0, P1), MIB).records) == 1


def test_a_record_keeps_its_key_and_has_its_time_of_arrival(service):
    before = service.describe("s").as_of
    (written,) = service.write("s", [PutRecord(b"x", "carrier")])
    (record,) = service.read(at(service, written.sequence_number, written.partition_id), MIB).records
    assert (record.data, record.partition_key) == (b"x", "carrier")
    assert before - 2000 <= record.timestamp <= service.describe("s").as_of + 2000


def test_a_page_is_as_of_the_services_clock(world, service):
    before = service.describe("s").as_of
    world.advance(hours=1)
    assert 3_590_000 <= service.read(at(service, 25), MIB).as_of - before <= 3_700_000


def test_numbers_that_the_partition_never_had_are_out_of_range(service):
    with pytest.raises(OutOfRangeError) as raised:
        service.read(at(service, 26), MIB)
    assert (raised.value.earliest, raised.value.next) in [(0, 25), (None, None)]


def test_numbers_whose_records_expired_are_out_of_range(world, service):
    world.advance(RETENTION_HOURS + 1)
    put(service, [b"new"])
    with pytest.raises(OutOfRangeError):
        service.read(at(service, 3), MIB)
    assert service.describe("s").partition(P0) == PartitionDescription(P0, 25, 26)


def test_a_stream_that_is_not_there_cannot_be_read(world, service):
    position = at(service, 0)
    world.delete("s")
    with pytest.raises(StreamNotFoundError):
        service.read(position, MIB)


@pytest.mark.parametrize("read_before", [False, True])
def test_a_position_is_not_found_in_a_stream_that_was_recreated(read_before, world, service):
    """Its number exists in the new stream too. DIS notices it also if the position follows a page that was read before."""
    position = at(service, 3)
    if read_before:
        _, position = records_from(service, position)
    world.delete("s")
    world.create("s", 3)
    put(service, [b"other"] * 30)
    with pytest.raises(StreamNotFoundError):
        service.read(position, MIB)
    assert at(service, 3).stream_id != position.stream_id
    assert service.read(at(service, 3), MIB).records[0].data == b"other"


def test_a_partition_that_the_stream_never_had_cannot_be_read(service):
    with pytest.raises(PartitionNotFoundError):
        service.read(at(service, 0, "shardId-0000000009"), MIB)


# write


def test_writing_returns_one_result_for_each_record_in_order(service):
    records = [
        PutRecord(b"a", partition_id=1),
        PutRecord(b"b", partition_id=9),
        PutRecord(b""),
        PutRecord(b"c", partition_id=P1),
    ]
    first, missing, empty, last = service.write("s", records)
    assert (first, last) == (Written(P1, 0), Written(P1, 1))
    assert [(type(each), each.code, each.retriable) for each in (missing, empty)] == [
        (NotWritten, "DIS.4302", False),
        (NotWritten, "DIS.4200", False),
    ]


def test_a_result_says_where_the_record_is(service):
    records = [PutRecord(b"%d" % number, f"key {number}") for number in range(20)]
    for record, written in zip(records, service.write("s", records), strict=True):
        page = service.read(at(service, written.sequence_number, written.partition_id), MIB).records
        assert (page[0].data, page[0].partition_key) == (record.data, record.partition_key)


def test_records_of_one_key_are_in_one_partition(service):
    results = service.write("s", [PutRecord(b"x", "carrier")] * 10)
    assert len({written.partition_id for written in results}) == 1


@pytest.mark.parametrize(("hash_key", "partition_id"), [(0, P0), ("0", P0), (2**62, P1), (2**63 - 1, P2)])
def test_an_explicit_hash_chooses_the_partition(hash_key, partition_id, service):
    (written,) = service.write("s", [PutRecord(b"x", "carrier", hash_key)])
    assert written.partition_id == partition_id


def test_nothing_is_written_to_a_partition_that_was_removed(world, service):
    world.remove_last_partition("s")
    (refused,) = service.write("s", [PutRecord(b"x", partition_id=2)])
    assert (type(refused), refused.retriable) == (NotWritten, False)


def test_a_stream_that_is_not_there_cannot_be_written_to(service):
    with pytest.raises(StreamNotFoundError):
        service.write("missing", [PutRecord(b"x")])


# checkpoints


def test_an_app_that_never_committed_has_no_checkpoint(service):
    service.ensure_app("delays")
    assert service.committed("delays", "s", P0) is None


def test_the_last_commit_is_the_checkpoint(service):
    service.ensure_app("delays")
    service.commit("delays", "s", P0, 7)
    service.commit("delays", "s", P0, 9)
    assert service.committed("delays", "s", P0) == 9


def test_each_app_and_each_partition_has_its_own_checkpoint(service):
    service.ensure_app("delays")
    service.ensure_app("counts")
    service.commit("delays", "s", P0, 7)
    assert service.committed("delays", "s", P1) is None
    assert service.committed("counts", "s", P0) is None


def test_an_app_that_is_there_is_kept_with_its_checkpoints(service):
    service.ensure_app("delays")
    service.commit("delays", "s", P0, 7)
    service.ensure_app("delays")
    assert service.committed("delays", "s", P0) == 7


# close


def test_a_service_may_be_closed_twice(service):
    service.close()
    service.close()
