"""V3IO's official client for Python works against a local V3IO with each of its transports."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from client_programs import ClientError, ClientProgram, client_program

from beam_dis.local import LocalV3IO

pytestmark = [pytest.mark.integration, pytest.mark.python_clients]

KEY = "e8bd4ca2-537b-4175-bf01-8c74963e90bf"
PROGRAM = Path(__file__).parent / "python" / "v3io_operations.py"
TRANSPORTS = ("httpclient", "requests", "aiohttp")


@pytest.fixture(scope="module")
def server() -> Iterator[LocalV3IO]:
    """A local V3IO that needs a key."""
    with LocalV3IO(access_key=KEY) as v3io:
        yield v3io


@pytest.fixture(scope="module")
def programs(python_clients: Path) -> Iterator[Callable[[str], ClientProgram]]:
    """``programs(transport)``: the program that calls the client."""
    with ExitStack() as running:

        @cache
        def start(transport: str) -> ClientProgram:
            command = [python_clients / "v3io" / "bin" / "python", PROGRAM, transport]
            return running.enter_context(client_program(command))

        yield start


@pytest.fixture(params=TRANSPORTS)
def client(request, programs, server) -> ClientProgram:
    """The client, with a stream of three shards."""
    program = programs(request.param)
    program.open(endpoint=server.endpoint, access_key=KEY)
    program.stream = {"container": "bigdata", "stream_path": f"folder/s-{uuid.uuid4().hex}"}
    call(program, "create", shard_count=3, retention_period_hours=7)
    assert program.status == 204
    return program


def call(client, method, **request):
    return client.call(method, {**client.stream, **request})


def seek(client, kind, shard=0, **more):
    return call(client, "seek", shard_id=shard, seek_type=kind, **more)["location"]


def page(client, location, shard=0, **more):
    return call(client, "get_records", shard_id=shard, location=location, **more)


def refused(client, method, **request):
    with pytest.raises(ClientError) as refusal:
        call(client, method, **request)
    return refusal.value.status, refusal.value.message


def test_what_was_put_is_read_in_order(client):
    records = [{"data": f"hello {n}", "shard_id": 1, "partition_key": "k", "client_info": f"{n}"} for n in range(3)]
    put = call(client, "put_records", records=records)
    assert (put["failed_record_count"], {record["shard_id"] for record in put["records"]}) == (0, {1})
    read = page(client, seek(client, "EARLIEST", 1), 1)
    found = [(r["data"], r["partition_key"], r["client_info"], r["sequence_number"]) for r in read["records"]]
    assert found == [(f"hello {n}", "k", f"{n}", put["records"][n]["sequence_number"]) for n in range(3)]
    assert (read["msec_behind_latest"], read["records_behind_latest"]) == (0, 0)
    assert page(client, read["next_location"], 1)["records"] == []


def test_a_refused_record_has_its_error_beside_the_stored_ones(client):
    records = [{"data": "a", "shard_id": 0}, {"data": "b", "shard_id": 7}, {"data": "c", "shard_id": 0}]
    put = call(client, "put_records", records=records)
    assert put["failed_record_count"] == 1
    assert put["records"][1] == {
        "sequence_number": None,
        "shard_id": None,
        "error_code": -201326594,
        "error_message": "ShardIDOutOfRangeException",
    }
    assert [record["data"] for record in page(client, seek(client, "EARLIEST"))["records"]] == ["a", "c"]


def test_a_seek_may_be_of_each_type(client):
    latest = seek(client, "LATEST")
    put = call(client, "put_records", records=[{"data": data, "shard_id": 0} for data in "abc"])["records"]
    second, last = (put[index]["sequence_number"] for index in (1, 2))
    locations = [
        latest,
        seek(client, "EARLIEST"),
        seek(client, "SEQUENCE", starting_sequence_number=second),
        seek(client, "SEQUENCE", starting_sequence_number=last + 1),
        seek(client, "TIME", timestamp_sec=0, timestamp_nsec=0),
        seek(client, "TIME", timestamp_sec=4_000_000_000, timestamp_nsec=0),
    ]
    assert ["".join(r["data"] for r in page(client, location)["records"]) for location in locations] == [
        "abc",
        "abc",
        "bc",
        "",
        "abc",
        "",
    ]


def test_a_page_may_be_limited(client):
    call(client, "put_records", records=[{"data": data, "shard_id": 0} for data in "abc"])
    first = page(client, seek(client, "EARLIEST"), limit=2)
    assert ([record["data"] for record in first["records"]], first["records_behind_latest"]) == (["a", "b"], 1)


def test_a_stream_is_described_and_grows(client):
    assert call(client, "describe") == {"shard_count": 3, "retention_period_hours": 7}
    call(client, "update", shard_count=5)
    assert (client.status, call(client, "describe")["shard_count"]) == (204, 5)
    assert "InvalidShardCountException" in refused(client, "update", shard_count=5)[1]


def test_a_stream_is_deleted_by_its_shards_and_its_path(client):
    call(client, "delete")
    assert client.status == 204
    assert refused(client, "describe")[0] == 404
    call(client, "create", shard_count=1)
    assert page(client, seek(client, "EARLIEST"))["records"] == []


def test_errors_have_their_status_and_name(client):
    assert refused(client, "create", shard_count=1)[0] == 409
    assert "ResourceInUseException" in refused(client, "create", shard_count=1)[1]
    assert "ShardIDOutOfRangeException" in refused(client, "seek", shard_id=3, seek_type="LATEST")[1]
    illegal = refused(client, "get_records", shard_id=0, location="AQAAAAsAAAAFAEC2/+sAAA==")
    assert (illegal[0], "IllegalLocationException" in illegal[1]) == (400, True)
    client.stream = {**client.stream, "stream_path": "no"}
    assert refused(client, "put_records", records=[{"data": "a"}])[0] == 404


def test_another_key_is_denied(client, server):
    client.open(endpoint=server.endpoint, access_key="wrong")
    status, message = refused(client, "describe")
    assert (status, "Permission denied" in message) == (403, True)
