"""The promises of ``StreamService``. Each test runs on the fake, on DIS and on V3IO, so that the fake does nothing that DIS doesn't.

What V3IO hasn't got, such as apps, is tested on the other two; what it says instead is tested on V3IO alone."""

from __future__ import annotations

import dataclasses
import uuid

import pytest
from fake_service import FakeService

from beam_dis.client import DISClient
from beam_dis.client.dis_service import DISService
from beam_dis.errors import (
    ConfigurationError,
    EncodeError,
    OutOfRangeError,
    PartitionExpiredError,
    PartitionNotFoundError,
    StreamNotFoundError,
)
from beam_dis.local import LocalDIS, LocalV3IO
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, PartitionDescription, ReadPosition, Written
from beam_dis.v3io.client import V3IOClient
from beam_dis.v3io.service import V3IOService

P0, P1, P2 = (f"shardId-000000000{number}" for number in range(3))
MIB = 2**20
RETENTION_HOURS = 24

DIS_AND_V3IO = [pytest.param(name, marks=pytest.mark.integration) for name in ("dis", "v3io")]
ON_DIS = pytest.mark.parametrize("world", ["fake", DIS_AND_V3IO[0]], indirect=True)
"""Marks a test of what V3IO hasn't got."""

ON_V3IO = pytest.mark.parametrize("world", DIS_AND_V3IO[1:], indirect=True)
"""Marks a test of what V3IO does instead."""


class OnFake:
    """A fake service whose streams change as those of DIS do."""

    no_partition = "DIS.4302"

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

    no_partition = "DIS.4302"

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

    def close(self):
        self.client.close()
        self.service.close()


class OnV3IO:
    """V3IO, in an empty container of a local V3IO."""

    no_partition = "V3IO.ShardIDOutOfRangeException"

    def __init__(self, v3io):
        self.v3io = v3io
        connection = dataclasses.replace(v3io.connection, container=uuid.uuid4().hex)
        self.client = V3IOClient(connection)
        self.service = V3IOService(connection)

    def create(self, stream, partitions=1):
        self.client.create_stream(stream, shard_count=partitions)

    def delete(self, stream):
        self.client.delete_stream(stream)

    def advance(self, hours):
        self.v3io.advance(hours=hours)

    def close(self):
        self.client.close()
        self.service.close()


@pytest.fixture(scope="module")
def advancing_dis():
    """A local DIS whose clock these tests advance."""
    with LocalDIS() as dis:
        yield dis


@pytest.fixture(scope="module")
def advancing_v3io():
    """A local V3IO whose clock these tests advance."""
    with LocalV3IO() as v3io:
        yield v3io


@pytest.fixture(params=["fake", *DIS_AND_V3IO])
def world(request):
    """A service, and commands that change what it serves."""
    if request.param == "fake":
        yield OnFake()
        return
    kind = {"dis": OnDIS, "v3io": OnV3IO}[request.param]
    opened = kind(request.getfixturevalue(f"advancing_{request.param}"))
    yield opened
    opened.close()


@pytest.fixture
def numbers(world):
    """The numbers of b"0" to b"24" in partition 0 of the new stream ``s``, which has three partitions."""
    world.create("s", 3)
    return put(world.service, [b"%d" % number for number in range(25)])


@pytest.fixture
def service(world, numbers):
    """A service with that stream."""
    return world.service


def put(service, data, partition=0, stream="s"):
    """Write records, and return their numbers."""
    results = service.write(stream, [PutRecord(each, partition_id=partition) for each in data])
    assert all(isinstance(result, Written) for result in results)
    return [result.sequence_number for result in results]


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


def test_a_listing_has_every_partition_by_number_with_its_ends(service, numbers):
    first, last = put(service, [b"x", b"y"], partition=2)
    listing = service.describe("s")
    assert listing.name == "s"
    assert listing.partitions == (
        PartitionDescription(P0, numbers[0], numbers[-1] + 1),
        PartitionDescription(P1, 0, 0, is_exact=listing.partitions[1].is_exact),  # V3IO doesn't number an empty one
        PartitionDescription(P2, first, last + 1),
    )


@ON_DIS
def test_numbers_are_counted_from_zero(numbers):
    assert numbers == list(range(25))


@ON_V3IO
def test_numbers_of_v3io_have_gaps(numbers):
    assert numbers == sorted(set(numbers))
    assert numbers[-1] - numbers[0] > 25


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


@ON_DIS
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


def test_a_time_is_located_at_the_first_record_at_or_after_it(world, service, numbers):
    first, _ = records_from(service, at(service, 0))
    world.advance(hours=1)
    (later,) = put(service, [b"later"])
    assert service.locate("s", P0, first[0].timestamp) == numbers[0]
    assert service.locate("s", P0, first[-1].timestamp + 60_000) == later


def test_a_time_without_a_record_after_it_is_located_at_the_next_number(service, numbers):
    newest = records_from(service, at(service, 0))[0][-1].timestamp
    assert service.locate("s", P0, newest + 1) == numbers[-1] + 1
    assert service.locate("s", P1, newest) == 0


def test_a_time_before_the_records_that_are_left_is_located_at_the_earliest(world, service):
    world.advance(RETENTION_HOURS + 1)
    (new,) = put(service, [b"new"])
    assert service.locate("s", P0, 1) == new


# read


def test_records_come_in_order_and_the_page_at_the_end_is_empty(service, numbers):
    records, end = records_from(service, at(service, 0))
    assert [record.sequence_number for record in records] == numbers
    assert [record.data for record in records] == [b"%d" % number for number in range(25)]
    assert end.sequence_number == numbers[-1] + 1
    assert service.read(end, MIB).records == []


def test_a_page_starts_at_its_position(service, numbers):
    assert service.read(at(service, numbers[7]), MIB).records[0].data == b"7"


def test_a_page_after_a_record_starts_at_the_next_one(service, numbers):
    assert service.read(at(service, numbers[7] + 1), MIB).records[0].data == b"8"


@ON_V3IO
def test_every_number_up_to_the_end_is_a_position_in_v3io(service, numbers):
    for number in range(numbers[3], numbers[7] + 1):
        first = service.read(at(service, number), MIB).records[0].sequence_number
        assert first == min(each for each in numbers if each >= number)


def test_a_page_at_the_same_position_has_the_same_records_again(service, numbers):
    position = at(service, numbers[3])
    first = service.read(position, MIB).records
    assert service.read(position, MIB).records == first


def test_after_an_empty_page_new_records_are_read_at_the_same_position(service, numbers):
    end = at(service, numbers[-1] + 1)
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


def test_a_page_is_as_of_the_services_clock(world, service, numbers):
    before = service.describe("s").as_of
    world.advance(hours=1)
    assert 3_590_000 <= service.read(at(service, numbers[-1] + 1), MIB).as_of - before <= 3_700_000


def test_numbers_that_the_partition_never_had_are_out_of_range(service, numbers):
    with pytest.raises(OutOfRangeError) as raised:
        service.read(at(service, numbers[-1] + 2), MIB)
    assert (raised.value.earliest, raised.value.next) in [(numbers[0], numbers[-1] + 1), (None, None)]


def test_numbers_whose_records_expired_are_out_of_range(world, service, numbers):
    world.advance(RETENTION_HOURS + 1)
    (new,) = put(service, [b"new"])
    with pytest.raises(OutOfRangeError):
        service.read(at(service, numbers[3]), MIB)
    assert service.describe("s").partition(P0) == PartitionDescription(P0, new, new + 1)


def test_a_stream_that_is_not_there_cannot_be_read(world, service):
    position = at(service, 0)
    world.delete("s")
    with pytest.raises(StreamNotFoundError):
        service.read(position, MIB)


@ON_DIS
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


@ON_V3IO
def test_a_number_beyond_a_stream_of_v3io_that_was_recreated_is_out_of_range(world, service):
    """Its streams have no ids, so that a number that the new stream has is read."""
    _, position = records_from(service, at(service, 0))
    world.delete("s")
    world.create("s", 3)
    put(service, [b"other"] * 3)
    with pytest.raises(OutOfRangeError):
        service.read(position, MIB)


def test_a_partition_that_the_stream_never_had_cannot_be_read(service):
    with pytest.raises(PartitionNotFoundError):
        service.read(at(service, 0, "shardId-0000000009"), MIB)


# write


def test_writing_returns_one_result_for_each_record_in_order(world, service):
    records = [PutRecord(b"a", partition_id=1), PutRecord(b"b", partition_id=9), PutRecord(b"c", partition_id=P1)]
    first, missing, last = service.write("s", records)
    assert (first.partition_id, last.partition_id) == (P1, P1)
    assert first.sequence_number < last.sequence_number
    assert isinstance(missing, NotWritten)
    assert (missing.code, missing.retriable, missing.no_partition) == (world.no_partition, False, True)


@ON_DIS
def test_a_record_without_data_is_refused_in_its_place(service):
    first, empty, last = service.write("s", [PutRecord(b"a"), PutRecord(b""), PutRecord(b"c")])
    assert (type(first), type(last)) == (Written, Written)
    assert (type(empty), empty.code, empty.retriable) == (NotWritten, "DIS.4200", False)


@ON_V3IO
def test_v3io_stores_a_record_without_data(service):
    (number,) = put(service, [b""], partition=1)
    assert [record.data for record in service.read(at(service, number, P1), MIB).records] == [b""]


@ON_V3IO
def test_v3io_keeps_client_information(service):
    (written,) = service.write("s", [PutRecord(b"x", partition_id=1, client_info=b"info")])
    (record,) = service.read(at(service, written.sequence_number, P1), MIB).records
    assert record.client_info == b"info"


def test_a_result_says_where_the_record_is(service):
    records = [PutRecord(b"%d" % number, f"key {number}") for number in range(20)]
    for record, written in zip(records, service.write("s", records), strict=True):
        page = service.read(at(service, written.sequence_number, written.partition_id), MIB).records
        assert (page[0].data, page[0].partition_key) == (record.data, record.partition_key)


def test_records_of_one_key_are_in_one_partition(service):
    results = service.write("s", [PutRecord(b"x", "carrier")] * 10)
    assert len({written.partition_id for written in results}) == 1


@ON_DIS
@pytest.mark.parametrize(("hash_key", "partition_id"), [(0, P0), ("0", P0), (2**62, P1), (2**63 - 1, P2)])
def test_an_explicit_hash_chooses_the_partition(hash_key, partition_id, service):
    (written,) = service.write("s", [PutRecord(b"x", "carrier", hash_key)])
    assert written.partition_id == partition_id


@ON_V3IO
def test_v3io_refuses_explicit_hashes(service):
    with pytest.raises(EncodeError, match="explicit_hash_key=0: V3IO"):
        service.write("s", [PutRecord(b"x", "carrier", 0)])


@ON_DIS
def test_nothing_is_written_to_a_partition_that_was_removed(world, service):
    world.remove_last_partition("s")
    (refused,) = service.write("s", [PutRecord(b"x", partition_id=2)])
    assert (type(refused), refused.retriable) == (NotWritten, False)


def test_a_stream_that_is_not_there_cannot_be_written_to(service):
    with pytest.raises(StreamNotFoundError):
        service.write("missing", [PutRecord(b"x")])


# checkpoints


@ON_V3IO
def test_v3io_refuses_apps(service):
    for call in (
        service.ensure_app,
        lambda app: service.committed(app, "s", P0),
        lambda app: service.commit(app, "s", P0, 7),
    ):
        with pytest.raises(ConfigurationError, match="app='delays': V3IO"):
            call("delays")


@ON_DIS
def test_an_app_that_never_committed_has_no_checkpoint(service):
    service.ensure_app("delays")
    assert service.committed("delays", "s", P0) is None


@ON_DIS
def test_the_last_commit_is_the_checkpoint(service):
    service.ensure_app("delays")
    service.commit("delays", "s", P0, 7)
    service.commit("delays", "s", P0, 9)
    assert service.committed("delays", "s", P0) == 9


@ON_DIS
def test_each_app_and_each_partition_has_its_own_checkpoint(service):
    service.ensure_app("delays")
    service.ensure_app("counts")
    service.commit("delays", "s", P0, 7)
    assert service.committed("delays", "s", P1) is None
    assert service.committed("counts", "s", P0) is None


@ON_DIS
def test_an_app_that_is_there_is_kept_with_its_checkpoints(service):
    service.ensure_app("delays")
    service.commit("delays", "s", P0, 7)
    service.ensure_app("delays")
    assert service.committed("delays", "s", P0) == 7


# close


def test_a_service_may_be_closed_twice(service):
    service.close()
    service.close()
