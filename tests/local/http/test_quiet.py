"""Clients that leave, send garbage or don't take their answers leave no traceback and no line on the server's standard error."""

from __future__ import annotations

import json
import os
import resource
import socket
import struct
import time
from urllib.parse import urlsplit

import httpx
import pytest

from beam_dis.local import LocalDIS
from beam_dis.local.faults.values import CutAnswer, Reset, SlowBody

pytestmark = pytest.mark.integration

MIB = 2**20
RECORDS = json.dumps({"stream_name": "s", "records": [{"data": "A" * 34_952, "partition_id": "0"}] * 40}).encode()
PUT = b"POST /v2/p/records HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%b" % (len(RECORDS), RECORDS)
LIST = b"GET /v2/p/streams HTTP/1.1\r\nhost: localhost\r\n\r\n"
GARBAGE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)),
    b"GET / HTTP/9.9\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /v2/\xff\xfe HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"POST /v2/p/records HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    LIST * 150,
]


def connected(dis: LocalDIS) -> socket.socket:
    """A connection of a client that takes few bytes at once."""
    url = urlsplit(dis.endpoint)
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(2)
    made.connect((url.hostname, url.port))
    return made


def leave(connection: socket.socket, request: bytes, *, half: bool, reset: bool) -> None:
    """Send a request, or half of it, and leave, by a reset or not."""
    try:
        connection.sendall(request[: len(request) // 2] if half else request)
        time.sleep(0.01)
    except OSError:
        pass
    if reset:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def page_request(dis: LocalDIS) -> bytes:
    """A request for a page of 10 MiB."""
    with httpx.Client(base_url=f"{dis.endpoint}/v2/p", timeout=30) as http:
        assert http.post("/streams", json={"stream_name": "s", "partition_count": 1}).status_code == 201
        for _ in range(11):
            assert http.post("/records", content=RECORDS).status_code == 200
        at = {"stream-name": "s", "partition-id": "0", "cursor-type": "TRIM_HORIZON"}
        cursor = http.get("/cursors", params=at).json()["partition_cursor"]
    path = f"/v2/p/records?partition-cursor={cursor}&max_fetch_bytes={10 * MIB}"
    return f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()


def test_clients_that_leave_or_send_garbage_are_not_logged(capfd):
    with LocalDIS() as dis:
        page = page_request(dis)
        for request in (page, page * 5, PUT, LIST, b"", os.urandom(1000), *GARBAGE):
            for half in (False, True):
                for reset in (False, True):
                    leave(connected(dis), request, half=half, reset=reset)
        for fault in (Reset(), CutAnswer(), SlowBody(seconds=0.1)):
            dis.inject(fault)
            for request in (page, PUT, LIST):
                for reset in (False, True):
                    leave(connected(dis), request, half=False, reset=reset)
            dis.clear_faults()
        time.sleep(0.5)
    assert capfd.readouterr().err == ""


def test_it_ends_within_seconds_and_quietly_if_clients_take_no_answers(capfd, undisturbed):
    def seconds_to_end() -> float:
        with LocalDIS() as dis:
            page = page_request(dis)
            clients = [connected(dis) for _ in range(4)]
            for client in clients[:3]:
                client.sendall(page)
            clients[3].sendall(PUT[:1000])
            time.sleep(0.5)
            started = time.monotonic()
        for client in clients:
            client.close()
        return time.monotonic() - started

    assert undisturbed(seconds_to_end, 5) < 5
    assert capfd.readouterr().err == ""


def test_too_many_connections_are_logged_in_one_line(capfd):
    with LocalDIS() as dis:
        resource.prlimit(dis.pid, resource.RLIMIT_NOFILE, (40, 40))
        clients = [connected(dis) for _ in range(60)]
        time.sleep(1.5)
        for client in clients:
            client.close()
        time.sleep(1.5)
        assert httpx.get(f"{dis.endpoint}/v2/p/streams", timeout=30).status_code == 200
    errors = capfd.readouterr().err
    assert errors == (
        "a connection was not accepted: Too many open files; this process has too many open files: raise its limit"
        " (ulimit -n), or close connections\n"
    )
