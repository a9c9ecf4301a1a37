"""The client and the adapter against a local V3IO: its gaps, its locations, its clock, its key."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from beam_dis.credentials import Token
from beam_dis.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    InvalidRequestError,
    OutOfRangeError,
    StreamNotFoundError,
)
from beam_dis.local import LocalV3IO
from beam_dis.record import PutRecord
from beam_dis.stream_service import ReadPosition
from beam_dis.v3io.client import V3IOClient
from beam_dis.v3io.connection import V3IOConnection
from beam_dis.v3io.service import V3IOService
from beam_dis.wire.ranges import partition_id

pytestmark = pytest.mark.integration

P0 = "shardId-0000000000"


@pytest.fixture(scope="module")
def local_v3io():
    with LocalV3IO(access_key="secret-key") as v3io:
        yield v3io


@pytest.fixture
def client(local_v3io):
    with V3IOClient(local_v3io.connection) as client:
        yield client


@pytest.fixture
def service(client):
    return V3IOService(client.connection, client=client)


@pytest.fixture
def stream(client, request):
    path = f"tests/{request.node.name}"[:60]
    client.create_stream(path, shard_count=2)
    return path


def records_from(service, stream, number, max_bytes=2**20):
    position, found = ReadPosition(stream, f"local/{stream}", P0, number), []
    while page := service.read(position, max_bytes).records:
        found += page
        position = position.after(page)
    return found


def put(service, stream, count):
    written = []
    while len(written) < count:
        many = min(1000, count - len(written))
        written += service.write(stream, [PutRecord(b"x", partition_id=0)] * many)
    return [each.sequence_number for each in written]


def test_a_stream_is_created_grown_described_and_deleted(client, stream):
    with pytest.raises(AlreadyExistsError):
        client.create_stream(stream)
    client.update_stream(stream, shard_count=5)
    with pytest.raises(InvalidRequestError, match="more shards"):
        client.update_stream(stream, shard_count=5)
    found = client.describe_stream(stream)
    assert (found.shard_count, found.retention_period_hours) == (5, 24)
    client.delete_stream(stream)
    with pytest.raises(StreamNotFoundError):
        client.describe_stream(stream)


def test_a_path_with_unusual_characters_names_a_stream(client):
    path = "some dir/ä%2F?#&+"
    client.create_stream(path)
    client.put_records(path, [PutRecord(b"x")])
    assert client.get_records(path, 0, client.seek(path, 0)).records[0].data == b"x"
    client.delete_stream(path)


def test_another_key_is_refused(local_v3io):
    connection = V3IOConnection(endpoint=local_v3io.endpoint, container="c", credentials=Token(value="wrong"))
    with V3IOClient(connection) as client, pytest.raises(AccessDeniedError, match="check the access key"):
        client.describe_stream("s")


def test_every_number_of_a_shard_with_gaps_is_a_position(service, stream):
    numbers = put(service, stream, 12)
    assert numbers != list(range(numbers[0], numbers[0] + 12))
    for number in range(numbers[0], numbers[-1] + 2):
        found = [record.sequence_number for record in records_from(service, stream, number)]
        assert found == [each for each in numbers if each >= number]
    with pytest.raises(OutOfRangeError):
        records_from(service, stream, numbers[-1] + 2)


def test_a_number_in_a_gap_of_a_long_shard_is_found(service, stream):
    numbers = put(service, stream, 7000)
    gap = next(n for n in range(numbers[5000] + 1, numbers[6000]) if not {n, n - 1} & set(numbers))
    assert records_from(service, stream, gap)[0].sequence_number == min(n for n in numbers if n > gap)


def test_a_listing_has_the_ends_of_the_shards(service, stream):
    numbers = put(service, stream, 1500)
    first, second = service.describe(stream).partitions
    assert (first.earliest, first.next) == (numbers[0], numbers[-1] + 1)
    assert (second.earliest, second.next) == (0, 0)
    numbers += put(service, stream, 1)
    assert service.describe(stream).partition(P0).next == numbers[-1] + 1


def test_client_information_is_read_as_it_was_written(service, stream):
    service.write(stream, [PutRecord(b"a", "key", partition_id=0, client_info=b"0123456789abcdef")])
    (record,) = records_from(service, stream, 0)
    assert (record.data, record.partition_key, record.client_info) == (b"a", "key", b"0123456789abcdef")


def test_a_killed_server_goes_on_at_the_same_position():
    with LocalV3IO() as v3io, V3IOClient(v3io.connection) as client:
        client.create_stream("killed")
        service = V3IOService(client.connection, client=client)
        numbers = put(service, "killed", 30)
        position = ReadPosition("killed", "local/killed", P0, 0)
        position = position.after(service.read(position, 10).records)
        v3io.restart(kill=True)
        numbers += put(service, "killed", 5)
        found = [record.sequence_number for record in records_from(service, "killed", position.sequence_number)]
        assert found == [number for number in numbers if number >= position.sequence_number]
        assert service.describe("killed").partition(P0).next == numbers[-1] + 1


def test_threads_that_read_and_write_see_each_record_once(service, client, stream):
    """Each thread writes to a shard, and reads the same shard to its end."""
    client.update_stream(stream, shard_count=8)

    def run(shard):
        for _ in range(10):
            service.write(stream, [PutRecord(b"%d" % shard, partition_id=shard)] * 50)
        place, found = ReadPosition(stream, f"local/{stream}", partition_id(shard), 0), []
        while page := service.read(place, 2000).records:
            service.describe(stream)
            found += page
            place = place.after(page)
        return [(record.data, record.sequence_number) for record in found]

    with ThreadPoolExecutor(8) as threads:
        for shard, found in enumerate(threads.map(run, range(8))):
            assert {data for data, _ in found} == {b"%d" % shard}
            assert len(found) == 500
            assert [number for _, number in found] == sorted({number for _, number in found})


def test_a_listing_is_as_of_now(service, stream):
    assert abs(service.describe(stream).as_of - time.time() * 1000) < 60_000
