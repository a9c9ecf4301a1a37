"""The server as a process: large, unfinished and garbled requests, SIGTERM, a full disk."""

from __future__ import annotations

import base64
import itertools
import json
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from beam_dis.local import LocalDIS

pytestmark = pytest.mark.integration

MIB = 2**20
ONE_RECORD = b'{"stream_name":"s","records":[{"data":"aGk=","partition_id":"0"}]}'


def connect(endpoint: str) -> socket.socket:
    url = urlsplit(endpoint)
    return socket.create_connection((url.hostname, url.port), timeout=30)


def put_request(body: bytes, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return b"POST /v2/p/records HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%b" % (size, body)


def answer(connection: socket.socket) -> tuple[int, dict[str, object]]:
    """One answer: its status and JSON."""
    with connection.makefile("rb") as lines:
        status = int(lines.readline().split()[1])
        headers = dict(line.lower().rstrip().split(b": ", 1) for line in iter(lines.readline, b"\r\n"))
        return status, json.loads(lines.read(int(headers[b"content-length"])) or b"{}")


def send_until_closed(connection: socket.socket, data: bytes) -> None:
    """Send data until the connection ends."""
    with suppress(OSError):
        connection.sendall(data)


def resident(pid: int) -> int:
    """The resident memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def make_stream(endpoint: str, **fields: object) -> None:
    body = {"stream_name": "s", "partition_count": 1, **fields}
    assert httpx.post(f"{endpoint}/v2/p/streams", json=body).status_code == 201


def read_all(endpoint: str) -> list[tuple[int, bytes]]:
    """Number and data of every record in the first partition of ``s``."""
    with httpx.Client(base_url=f"{endpoint}/v2/p", timeout=60) as http:
        at = {"stream-name": "s", "partition-id": "0", "cursor-type": "TRIM_HORIZON"}
        cursor = http.get("/cursors", params=at).json()["partition_cursor"]
        found: list[tuple[int, bytes]] = []
        while True:
            page = http.get("/records", params={"partition-cursor": cursor}).json()
            if not page["records"]:
                return found
            found += [(int(r["sequence_number"]), base64.b64decode(r["data"])) for r in page["records"]]
            cursor = page["next_partition_cursor"]


@pytest.fixture
def own() -> Iterator[LocalDIS]:
    """A server of the test's own, with a stream ``s`` of one partition."""
    with LocalDIS() as dis:
        make_stream(dis.endpoint)
        yield dis


def test_a_body_over_twelve_mebibytes_is_refused_and_the_connection_goes_on(own):
    with closing(connect(own.endpoint)) as connection:
        connection.sendall(put_request(b"x" * (12 * MIB + 1)))
        too_large = answer(connection)
        connection.sendall(put_request(ONE_RECORD))
        assert (too_large[0], too_large[1]["errorCode"], answer(connection)[0]) == (413, "DIS.4200", 200)


def test_headers_over_64_kilobytes_are_refused(own):
    with closing(connect(own.endpoint)) as connection:
        connection.sendall(b"GET /v2/p/streams HTTP/1.1\r\nhost: localhost\r\nx: %b\r\n\r\n" % (b"y" * 70_000))
        assert connection.recv(12) == b"HTTP/1.1 431"


def test_a_body_in_chunks_is_read_whole(own):
    head = b"POST /v2/p/records HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = [ONE_RECORD[:20], ONE_RECORD[20:]]
    with closing(connect(own.endpoint)) as connection:
        connection.sendall(head + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n")
        assert answer(connection)[0] == 200


def test_garbage_and_half_requests_do_not_stop_other_clients(own):
    with closing(connect(own.endpoint)) as garbage, closing(connect(own.endpoint)) as half:
        garbage.sendall(b"\x16\x03\x01\x02\x00\r\n\r\n")
        half.sendall(put_request(ONE_RECORD)[:-10])
        with closing(connect(own.endpoint)) as third:
            third.sendall(put_request(ONE_RECORD))
            assert (garbage.recv(12), answer(third)[0]) == (b"HTTP/1.1 400", 200)
        half.close()
    assert len(read_all(own.endpoint)) == 1


def test_many_unfinished_bodies_take_bounded_memory_and_small_requests_still_pass(own):
    before = resident(own.pid)
    request = put_request(b"x" * (11 * MIB), length=12 * MIB)
    connections = [connect(own.endpoint) for _ in range(20)]
    senders = [threading.Thread(target=send_until_closed, args=(connection, request)) for connection in connections]
    for sender in senders:
        sender.start()
    time.sleep(3)  # memory doesn't grow any further in this time, although all senders go on
    grown = resident(own.pid) - before
    listed = httpx.get(f"{own.endpoint}/v2/p/streams", timeout=30).status_code
    for connection, sender in zip(connections, senders, strict=True):
        connection.shutdown(socket.SHUT_RDWR)
        sender.join()
        connection.close()
    assert (listed, grown < 110 * MIB) == (200, True), f"{grown / MIB:.0f} MiB"


def test_sigterm_waits_for_requests_in_flight(tmp_path):
    with LocalDIS(tmp_path / "data") as dis:
        make_stream(dis.endpoint)
        with closing(connect(dis.endpoint)) as connection:
            connection.sendall(put_request(ONE_RECORD)[:-10])
            time.sleep(0.3)
            process = dis._process
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            connection.sendall(put_request(ONE_RECORD)[-10:])
            assert (answer(connection)[0], process.wait(20)) == (200, 0)
        dis.restart()
        assert read_all(dis.endpoint) == [(0, b"hi")]


def test_a_full_disk_refuses_and_afterwards_the_numbers_are_contiguous(own):
    """Every acknowledged record is stored, no refused one is, and no number is missing."""
    numbers, acknowledged = itertools.count(), []

    def put() -> int:
        datas = [b"%08d" % next(numbers) * 500 for _ in range(50)]
        records = [{"data": base64.b64encode(data).decode(), "partition_id": "0"} for data in datas]
        response = httpx.post(f"{own.endpoint}/v2/p/records", json={"stream_name": "s", "records": records})
        if response.status_code == 200:
            acknowledged.extend(datas)
        return response.status_code

    before = [put() for _ in range(3)]
    resource.prlimit(own.pid, resource.RLIMIT_FSIZE, (2 * MIB, resource.RLIM_INFINITY))
    full = [put() for _ in range(30)]
    resource.prlimit(own.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    after = [put() for _ in range(3)]
    assert (before, set(full), after) == ([200] * 3, {200, 500}, [200] * 3)
    assert read_all(own.endpoint) == list(enumerate(acknowledged))
