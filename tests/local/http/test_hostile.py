"""Who means harm gets an answer of the protocol or is cut off, and others are served meanwhile."""

from __future__ import annotations

import json
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from beam_dis.local import LocalDIS

pytestmark = pytest.mark.integration

MIB = 2**20
PUT = {"stream_name": "s", "records": [{"data": "aGk=", "partition_key": "k"}]}
HOST = b"host: a\r\n"
NAMES = [
    "..",
    "../../etc/passwd",
    "/etc/passwd",
    "a\0b",
    "x' OR 1=1;--",
    '"; DROP TABLE stream; --',
    "s%00",
    "C:\\x",
    "ü",
    "\u202e",
]


def connect(endpoint: str) -> socket.socket:
    url = urlsplit(endpoint)
    return socket.create_connection((url.hostname, url.port), timeout=30)


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def answered(endpoint: str, request: bytes) -> bytes:
    """All that comes back until the server closes, or is silent for long."""
    with closing(connect(endpoint)) as connection:
        connection.settimeout(2)
        connection.sendall(request)
        found = b""
        try:
            while piece := connection.recv(65536):
                found += piece
                connection.settimeout(0.2)
        except (TimeoutError, ConnectionResetError):
            pass
        return found


@contextmanager
def putting(endpoint: str) -> Iterator[list[float]]:
    """A client that puts one record after the other meanwhile; how long each took, in seconds."""
    times: list[float] = []
    end = threading.Event()

    def put() -> None:
        with httpx.Client(base_url=f"{endpoint}/v2/p", timeout=30) as http:
            while not end.is_set():
                begun = time.perf_counter()
                assert http.post("/records", json=PUT).status_code == 200
                times.append(time.perf_counter() - begun)

    thread = threading.Thread(target=put)
    thread.start()
    try:
        yield times
    finally:
        end.set()
        thread.join()


def slowest(times: list[float]) -> float:
    """The 99th percentile of at least twenty puts."""
    assert len(times) >= 20, times
    return sorted(times)[int(len(times) * 0.99)]


@pytest.fixture
def own(capsys) -> Iterator[LocalDIS]:
    """A server to ill-treat, with a stream ``s``; it has nothing to complain of at the end."""
    with LocalDIS() as dis:
        body = {"stream_name": "s", "partition_count": 2}
        assert httpx.post(f"{dis.endpoint}/v2/p/streams", json=body).status_code == 201
        yield dis
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /nowhere HTTP/1.1\r\nhost: [\r\n", b"404"),
        (b"GET /v2/p/streams HTTP/1.1\r\nhost: [\r\n", b"200"),
        (b"GET http://x HTTP/1.1\r\n" + HOST, b"400"),
        (b"CONNECT a:80 HTTP/1.1\r\n" + HOST, b"400"),
        (b"OPTIONS * HTTP/1.1\r\n" + HOST, b"404"),
        (b"GET /v2/\xff/streams HTTP/1.1\r\n" + HOST, b"400"),
        (b"POST /v2/p/records HTTP/1.1\r\ncontent-length: -1\r\n" + HOST, b"400"),
        (b"POST /v2/p/records HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n" + HOST, b"400"),
        (b"POST /v2/p/records HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n" + HOST, b"400"),
        (b"POST /v2/p/records HTTP/1.1\r\ncontent-length: 99999999999999999999999\r\n" + HOST, b"400"),
        (b"GET /v2/p/streams HTTP/1.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n" + HOST, b"200"),
    ],
)
def test_an_odd_request_gets_a_plain_answer(local_dis, request_line, status):
    found = answered(local_dis.endpoint, request_line + b"\r\n")
    assert found[9:12] == status
    assert b"Traceback" not in found


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_tries_the_file_system_or_sql_is_a_name_that_is_not_there(local_dis, name):
    with httpx.Client(base_url=local_dis.url) as http:
        made = http.post("/streams", json={"stream_name": name, "partition_count": 1})
        app = http.post("/apps", json={"app_name": name})
        put = http.post("/records", json={**PUT, "stream_name": name})
        described = http.get(f"/streams/{quote(name, safe='')}")
    assert [made.json()["errorCode"], app.json()["errorCode"]] == ["DIS.4200", "DIS.4200"]
    assert put.json()["errorCode"] == "DIS.4301"
    assert described.status_code in (400, 404)


def test_a_project_may_have_any_name_and_leaves_nothing_outside_the_data(tmp_path):
    with LocalDIS(tmp_path / "outer" / "data") as dis:
        for name in NAMES:
            project = f"{dis.endpoint}/v2/{quote(name.replace('/', '_'), safe='').replace('.', '%2E')}x"
            assert httpx.get(f"{project}/streams").json()["stream_names"] == []
            assert httpx.post(f"{project}/streams", json={"stream_name": "n", "partition_count": 1}).status_code == 201
            assert httpx.get(f"{project}/streams").json()["stream_names"] == ["n"]
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert found == {"outer", "outer/data", "outer/data/lock", "outer/data/log.db"}


def of(value: bytes, count: int) -> bytes:
    return b'{"stream_name":"s","partition_count":1,"records":[' + (value + b",") * (count - 1) + value + b"]}"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/streams", of(b"{}", 3_900_000)),
        ("/streams", b'{"x":' + b"[" * 1_000_000),
        ("/records", of(b"{}", 3_900_000)),
        ("/records", of(b'{"data":""}', 900_000)),
        ("/records", of(b'{"data":"aA=="}', 700_000)),
        ("/records", of(b'{"data":"aA=="}', 10_001)),
        ("/records", of(b"null,[]", 1_000_000)),
    ],
    ids=["objects", "depth", "empty records", "empty data", "tiny records", "too many records", "nulls"],
)
def test_a_body_that_is_much_work_is_refused_at_once_and_others_go_on(own, path, body):
    before = resident(own.pid)
    with putting(own.endpoint) as times:
        answers = [httpx.post(f"{own.endpoint}/v2/p{path}", content=body, timeout=60) for _ in range(5)]
        time.sleep(0.2)
    assert {answer.status_code for answer in answers} <= {400, 413}
    assert max(len(answer.content) for answer in answers) < 5_000
    assert slowest(times) < 1
    assert resident(own.pid) - before < 64 * MIB


def test_a_refusal_quotes_only_the_beginning_of_what_was_wrong(own):
    record = {"data": "aGk=", "partition_id": "x" * 5_000_000}
    answer = httpx.post(f"{own.endpoint}/v2/p/records", json={"stream_name": "s", "records": [record]}, timeout=60)
    assert (answer.json()["failed_record_count"], len(answer.content) < 5_000) == (1, True)


def test_two_thousand_idle_connections_cost_little_and_keep_nobody_out(own):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    before = resident(own.pid)
    with ExitStack() as idle:
        for number in range(2_000):
            connection = idle.enter_context(closing(connect(own.endpoint)))
            connection.sendall([b"", b"G", b"POST /v2/p/records HTTP/1.1\r\ncontent-length: 99\r\n\r\n"][number % 3])
        with putting(own.endpoint) as times:
            time.sleep(1)
        grown = resident(own.pid) - before
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (slowest(times) < 0.5, grown < 64 * MIB) == (True, True), (slowest(times), grown / MIB)


def test_connections_closed_by_half_are_let_go(own):
    def open_files() -> int:
        return len(list(Path(f"/proc/{own.pid}/fd").iterdir()))

    before = open_files()
    with ExitStack() as halves, putting(own.endpoint) as times:
        for number in range(200):
            connection = halves.enter_context(closing(connect(own.endpoint)))
            connection.sendall(b"POST /v2/p/records HTTP/1.1\r\ncontent-length: 9999\r\n\r\n{"[: number % 60])
            connection.shutdown(socket.SHUT_WR)
        until = time.monotonic() + 10
        while open_files() > before + 5 and time.monotonic() < until:
            time.sleep(0.05)
        assert open_files() <= before + 5
        time.sleep(0.3)
    assert slowest(times) < 0.5


def requests_ahead(count: int) -> bytes:
    return b"GET /v2/p/streams HTTP/1.1\r\nhost: a\r\n\r\n" * count


def test_requests_sent_far_ahead_of_their_answers_end_the_connection(own):
    before = resident(own.pid)
    with putting(own.endpoint) as times:
        found = [answered(own.endpoint, requests_ahead(20_000)) for _ in range(3)]
        time.sleep(0.3)
    assert max(answer.count(b"HTTP/1.1 200") for answer in found) < 200
    assert answered(own.endpoint, requests_ahead(50)).count(b"HTTP/1.1 200") == 50
    assert (slowest(times) < 0.5, resident(own.pid) - before < 64 * MIB) == (True, True)


def fill(endpoint: str, mebibytes: int) -> str:
    """Records of 26 kB in ``s``, 40 to a mebibyte; a cursor at the first."""
    data = json.dumps({"stream_name": "s", "records": [{"data": "A" * 34_952, "partition_id": "0"}] * 40})
    with httpx.Client(base_url=f"{endpoint}/v2/p", timeout=30) as http:
        for _ in range(mebibytes):
            assert http.post("/records", content=data).status_code == 200
        at = {"stream-name": "s", "partition-id": "0", "cursor-type": "TRIM_HORIZON"}
        return str(http.get("/cursors", params=at).json()["partition_cursor"])


def test_clients_that_ask_for_pages_and_do_not_read_hold_bounded_memory(own):
    """Sixty pages of 10 MiB would be 800 MB; a reader still gets on, in smaller pages."""
    cursor = fill(own.endpoint, 12)
    before = resident(own.pid)
    ask = f"GET /v2/p/records?partition-cursor={cursor}&max_fetch_bytes=10485760 HTTP/1.1\r\nhost: a\r\n\r\n".encode()
    with ExitStack() as deaf, putting(own.endpoint) as times:
        for _ in range(60):
            connection = deaf.enter_context(closing(connect(own.endpoint)))
            connection.sendall(ask)
        time.sleep(3)
        grown = resident(own.pid) - before
        page = httpx.get(f"{own.endpoint}/v2/p/records", params={"partition-cursor": cursor}, timeout=30)
    assert 0 < len(page.json()["records"]) < 400
    assert (slowest(times) < 1, grown < 320 * MIB) == (True, True), (slowest(times), grown / MIB)


def test_a_page_is_as_large_as_was_asked_where_nobody_holds_room(own):
    cursor = fill(own.endpoint, 12)
    query = {"partition-cursor": cursor, "max_fetch_bytes": 10 * MIB}
    page = httpx.get(f"{own.endpoint}/v2/p/records", params=query, timeout=30)
    assert len(page.json()["records"]) == 400
