"""Every answer has an id of its own in X-Request-Id, which clients print."""

from __future__ import annotations

import re
import socket
from urllib.parse import urlsplit

import pytest

ANSWERED = [
    ("GET", "/v2/p/streams", [], 200),
    ("DELETE", "/v2/p/streams/no", [], 400),
    ("GET", "/nowhere", [], 404),
    ("PATCH", "/v2/p/streams", [], 405),
    ("GET", "/openapi.json", [], 200),
    ("GET", "/v2/p/streams", [("host", "evil.example")], 403),
    ("GET", "/admin/faults", [("x-admin-token", "T")], 200),
]


def test_each_answer_has_an_id_of_its_own(in_process):
    app = in_process(admin="T")
    answers = [app(method, path, headers) for method, path, headers, _ in ANSWERED]
    assert [answer.status for answer in answers] == [status for *_, status in ANSWERED]
    ids = {answer.headers["x-request-id"] for answer in answers}
    assert len(ids) == len(ANSWERED)
    assert all(re.fullmatch("[0-9a-f]{32}", found) for found in ids)


def test_an_answer_without_a_body_has_an_id(in_process):
    app = in_process()
    app.json("POST", "/v2/p/streams", {"stream_name": "s", "partition_count": 1})
    answer = app("DELETE", "/v2/p/streams/s")
    assert (answer.status, len(answer.headers["x-request-id"])) == (204, 32)


@pytest.mark.integration
@pytest.mark.parametrize("size", [65_537, 70_000])
def test_an_answer_to_too_large_headers_has_an_id(local_dis, size):
    url = urlsplit(local_dis.endpoint)
    with socket.create_connection((url.hostname, url.port), timeout=30) as connection:
        connection.sendall(b"GET /v2/p/streams HTTP/1.1\r\nhost: localhost\r\nx: " + b"x" * size + b"\r\n\r\n")
        head = connection.recv(65_536)
    assert head.startswith(b"HTTP/1.1 431")
    assert b"\r\nx-request-id: " in head
