"""Hostile requests get an answer of the protocol or lose their connection, and other clients are served meanwhile."""

from __future__ import annotations

import json
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from beam_dis.local import LocalDIS

pytestmark = pytest.mark.integration

MIB = 2**20
PUT = {"stream_name": "s", "records": [{"data": "aGk=", "partition_key": "k"}]}
HOST = b"host: localhost\r\n"
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
    """The resident memory of a process, in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def answered(endpoint: str, request: bytes) -> bytes:
    """All that the server sends until it closes the connection, or sends nothing for 2 s (0.2 s after the first bytes)."""
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
    """Another client puts one record after the other meanwhile; gives the seconds that each put takes."""
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


def await_puts(times: list[float]) -> None:
    """Wait until the other client has put twenty more records."""
    wanted, until = len(times) + 20, time.monotonic() + 60
    while len(times) < wanted and time.monotonic() < until:
        time.sleep(0.02)


@pytest.fixture
def longest_put(own, undisturbed) -> Callable[[float, Callable[[list[float]], None]], float]:
    """``longest_put(limit, attack)``: how long another client's puts take during ``attack``, as its 99th percentile.

    ``attack`` gets the list of the seconds that each put took so far.
    """

    def take(attack: Callable[[list[float]], None]) -> float:
        with putting(own.endpoint) as times:
            attack(times)
        assert len(times) >= 20, times
        return sorted(times)[int(len(times) * 0.99)]

    return lambda limit, attack: undisturbed(lambda: take(attack), limit)


@pytest.fixture
def own(capsys) -> Iterator[LocalDIS]:
    """A server of the test's own, with a stream ``s``; it must have logged nothing at the end."""
    with LocalDIS() as dis:
        body = {"stream_name": "s", "partition_count": 2}
        assert httpx.post(f"{dis.endpoint}/v2/p/streams", json=body).status_code == 201
        yield dis
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("request_line", "status"),
    [
        (b"GET /nowhere HTTP/1.1\r\nhost: [\r\n", b"403"),
        (b"GET /v2/p/streams HTTP/1.1\r\nhost: [\r\n", b"403"),
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
def test_a_malformed_request_gets_a_plain_answer(local_dis, request_line, status):
    found = answered(local_dis.endpoint, request_line + b"\r\n")
    assert found[9:12] == status
    assert b"Traceback" not in found


@pytest.mark.parametrize("name", NAMES)
def test_names_with_paths_or_sql_are_refused_or_unknown(local_dis, name):
    with httpx.Client(base_url=local_dis.url) as http:
        made = http.post("/streams", json={"stream_name": name, "partition_count": 1})
        app = http.post("/apps", json={"app_name": name})
        put = http.post("/records", json={**PUT, "stream_name": name})
        described = http.get(f"/streams/{quote(name, safe='')}")
    assert [made.json()["errorCode"], app.json()["errorCode"]] == ["DIS.4200", "DIS.4200"]
    assert put.json()["errorCode"] == "DIS.4301"
    assert described.status_code in (400, 404)


def test_a_project_may_have_any_name_and_writes_nothing_outside_the_data_folder(tmp_path):
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
def test_a_body_that_is_expensive_to_parse_is_refused_and_delays_no_others(own, longest_put, path, body):
    before = resident(own.pid)
    answers: list[httpx.Response] = []

    def attack(times: list[float]) -> None:
        answers.extend(httpx.post(f"{own.endpoint}/v2/p{path}", content=body, timeout=60) for _ in range(5))
        await_puts(times)

    assert longest_put(1, attack) < 1
    assert {answer.status_code for answer in answers} <= {400, 413}
    assert max(len(answer.content) for answer in answers) < 5_000
    assert resident(own.pid) - before < 64 * MIB


def test_a_refusal_quotes_only_the_beginning_of_a_wrong_value(own):
    record = {"data": "aGk=", "partition_id": "x" * 5_000_000}
    answer = httpx.post(f"{own.endpoint}/v2/p/records", json={"stream_name": "s", "records": [record]}, timeout=60)
    assert (answer.json()["failed_record_count"], len(answer.content) < 5_000) == (1, True)


def test_two_thousand_idle_connections_take_little_memory_and_delay_no_others(own, longest_put):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20_000), hard))
    before = resident(own.pid)
    with ExitStack() as idle:
        for number in range(2_000):
            connection = idle.enter_context(closing(connect(own.endpoint)))
            connection.sendall([b"", b"G", b"POST /v2/p/records HTTP/1.1\r\ncontent-length: 99\r\n\r\n"][number % 3])
        longest = longest_put(0.5, await_puts)
        grown = resident(own.pid) - before
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert (longest < 0.5, grown < 64 * MIB) == (True, True), (longest, grown / MIB)


def test_connections_that_are_closed_on_one_side_are_closed(own, longest_put):
    def open_files() -> int:
        return len(list(Path(f"/proc/{own.pid}/fd").iterdir()))

    before = open_files()

    def attack(times: list[float]) -> None:
        with ExitStack() as halves:
            for number in range(200):
                connection = halves.enter_context(closing(connect(own.endpoint)))
                connection.sendall(b"POST /v2/p/records HTTP/1.1\r\ncontent-length: 9999\r\n\r\n{"[: number % 60])
                connection.shutdown(socket.SHUT_WR)
            until = time.monotonic() + 10
            while open_files() > before + 5 and time.monotonic() < until:
                time.sleep(0.05)
            assert open_files() <= before + 5
            await_puts(times)

    assert longest_put(0.5, attack) < 0.5


def requests_ahead(count: int) -> bytes:
    return b"GET /v2/p/streams HTTP/1.1\r\nhost: localhost\r\n\r\n" * count


def test_requests_sent_far_ahead_of_their_answers_end_the_connection(own, longest_put):
    before = resident(own.pid)
    found: list[bytes] = []

    def attack(times: list[float]) -> None:
        found.extend(answered(own.endpoint, requests_ahead(20_000)) for _ in range(3))
        await_puts(times)

    assert longest_put(0.5, attack) < 0.5
    assert max(answer.count(b"HTTP/1.1 200") for answer in found) < 200
    assert answered(own.endpoint, requests_ahead(50)).count(b"HTTP/1.1 200") == 50
    assert resident(own.pid) - before < 64 * MIB


def fill(endpoint: str, mebibytes: int) -> str:
    """Put records of 26 kB into ``s``, 40 to a mebibyte; returns a cursor at the first."""
    data = json.dumps({"stream_name": "s", "records": [{"data": "A" * 34_952, "partition_id": "0"}] * 40})
    with httpx.Client(base_url=f"{endpoint}/v2/p", timeout=30) as http:
        for _ in range(mebibytes):
            assert http.post("/records", content=data).status_code == 200
        at = {"stream-name": "s", "partition-id": "0", "cursor-type": "TRIM_HORIZON"}
        return str(http.get("/cursors", params=at).json()["partition_cursor"])


def test_clients_that_ask_for_pages_and_never_read_take_bounded_memory(own, longest_put):
    """Sixty pages of 10 MiB would be 800 MB. Another reader still makes progress, in smaller pages."""
    cursor = fill(own.endpoint, 12)
    before = resident(own.pid)
    ask = f"GET /v2/p/records?partition-cursor={cursor}&max_fetch_bytes=10485760 HTTP/1.1\r\nhost: localhost\r\n\r\n".encode()
    grown: list[int] = []
    pages: list[httpx.Response] = []

    def attack(times: list[float]) -> None:
        with ExitStack() as deaf:
            for _ in range(60):
                connection = deaf.enter_context(closing(connect(own.endpoint)))
                connection.sendall(ask)
            time.sleep(3)  # memory doesn't grow any further in this time, although all sixty pages were asked for
            await_puts(times)
            grown.append(resident(own.pid) - before)
            at = {"partition-cursor": cursor}
            pages.append(httpx.get(f"{own.endpoint}/v2/p/records", params=at, timeout=30))

    longest = longest_put(1, attack)
    assert {0 < len(page.json()["records"]) < 400 for page in pages} == {True}
    assert (longest < 1, max(grown) < 320 * MIB) == (True, True), (longest, max(grown) / MIB)


def test_a_page_is_as_large_as_asked_for_if_no_other_answer_takes_room(own):
    cursor = fill(own.endpoint, 12)
    query = {"partition-cursor": cursor, "max_fetch_bytes": 10 * MIB}
    page = httpx.get(f"{own.endpoint}/v2/p/records", params=query, timeout=30)
    assert len(page.json()["records"]) == 400


def test_pages_of_tiny_records_take_bounded_memory_and_hold_up_nobody(own, longest_put):
    """Four clients ask for 300,000 records of one byte, in pages that are as large as possible."""
    data = json.dumps({"stream_name": "s", "records": [{"data": "eA==", "partition_id": "0"}] * 10_000})
    with httpx.Client(base_url=f"{own.endpoint}/v2/p", timeout=30) as http:
        for _ in range(30):
            assert http.post("/records", content=data).status_code == 200
        at = {"stream-name": "s", "partition-id": "0", "cursor-type": "TRIM_HORIZON"}
        cursor = str(http.get("/cursors", params=at).json()["partition_cursor"])
    before = resident(own.pid)
    grown: list[int] = []

    def read(ended: threading.Event) -> None:
        with httpx.Client(base_url=f"{own.endpoint}/v2/p", timeout=60) as http:
            while not ended.is_set():
                query = {"partition-cursor": cursor, "max_fetch_bytes": 10 * MIB}
                assert len(http.get("/records", params=query).content) < 2 * MIB

    def attack(times: list[float]) -> None:
        ended = threading.Event()
        readers = [threading.Thread(target=read, args=(ended,)) for _ in range(4)]
        for reader in readers:
            reader.start()
        await_puts(times)
        grown.append(resident(own.pid) - before)
        ended.set()
        for reader in readers:
            reader.join()

    assert longest_put(1, attack) < 1
    assert max(grown) < 100 * MIB
