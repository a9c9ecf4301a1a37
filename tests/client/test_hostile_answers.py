"""Answers that are compressed, endless, nested, or of another request: refused in bounded memory, with errors of ours."""

import gzip
import json
import socket
import threading
import tracemalloc
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from beam_dis.client.cached_credentials import CachedCredentials
from beam_dis.client.dis_client import DISClient
from beam_dis.client.iam import Login, request_token
from beam_dis.client.transport import MAX_ANSWER_BYTES, HTTPTransport, Request
from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials
from beam_dis.errors import CredentialsError, DISError, ServiceError, TransportError
from beam_dis.stream_service import ReadPosition
from beam_dis.texts import Secret
from beam_dis.wire.cursors import CursorToken, IteratorParam, encode_cursor

pytestmark = pytest.mark.integration

MIB = 2**20
BOMB = gzip.compress(gzip.compress(bytes(200 * MIB)))
"""Less than two kilobytes, which become 200 MiB."""


@pytest.fixture
def answering():
    """Starts a loopback server that sends the same to each request: parts, again and again; returns its URL."""
    stop = threading.Event()
    listeners = []

    def serve(head, *parts, repeat=1):
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def answer(connection):
            with connection, suppress(OSError):
                connection.recv(65536)
                connection.sendall(head)
                for _ in range(repeat):
                    for part in parts:
                        connection.sendall(part)
                    if stop.is_set():
                        return
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):  # otherwise what is left of the request would reset the connection
                    pass

        def run():
            with suppress(OSError):
                while True:
                    threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield serve
    stop.set()
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def client_of(url, deadline=1.0):
    return DISClient(DISConnection(endpoint=url, project_id="p", deadline=deadline))


def peak_of(call):
    """The most memory (bytes) that a call takes, and the error that it raises."""
    tracemalloc.start()
    try:
        with pytest.raises(DISError) as error:
            call()
        return tracemalloc.get_traced_memory()[1], error.value
    finally:
        tracemalloc.stop()


ENCODINGS = ["gzip", "gzip, gzip", "deflate", "br", "zstd", "identity, gzip", "x\x01"]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_compressed_answer_is_refused_by_the_name_of_the_encoding(encoding, answering):
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(BOMB)}\r\n\r\n"
    url = answering(head.encode(), BOMB)
    with client_of(url) as client:
        peak, error = peak_of(client.list_streams)
    assert isinstance(error, TransportError)
    if "\x01" not in encoding:  # HTTP forbids that character, and httpcore says so
        assert f"Content-Encoding {encoding!r}" in str(error)
    assert peak < 5 * MIB


def test_identity_and_metadata_services_cannot_send_bombs_either(answering):
    head = b"HTTP/1.1 201 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB)
    url = answering(head, BOMB)
    transport = HTTPTransport(url)
    login = Login(user="u", password=Secret("p"), domain="d", project_id="p")
    time = [0.0]
    clocks = {
        "clock": lambda: time[0],
        "sleep": lambda seconds: time.append(time.pop() + seconds),
        "random": lambda: 0.99,
    }
    peak, error = peak_of(lambda: request_token(transport, url, login, **clocks))
    assert isinstance(error, CredentialsError)
    assert "gzip, gzip" in str(error)
    assert peak < 5 * MIB
    credentials = CachedCredentials(
        DISConnection(endpoint="https://dis.example", project_id="p"),
        metadata=transport,
        monotonic=clocks["clock"],
        sleep=clocks["sleep"],
        random=clocks["random"],
    )
    peak, error = peak_of(lambda: credentials.current(0.0))
    assert isinstance(error, CredentialsError)
    assert "gzip, gzip" in str(error)
    assert peak < 5 * MIB
    transport.close()


ENDLESS = {
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
    "small chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"8\r\nxxxxxxxx\r\n" * 10_000),
    "a lying length": (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b"x" * 65536),
    "until the connection ends": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536),
    "an error": (b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_an_endless_body_is_read_up_to_what_the_request_allows(kind, answering):
    head, part = ENDLESS[kind]
    url = answering(head, part, repeat=10**9)
    transport = HTTPTransport(url)
    request = Request(method="GET", target="/x", headers={}, timeout=20.0, max_answer=MIB // 4)
    peak, error = peak_of(lambda: transport.send(request))
    assert "more than the 262144 bytes that the request allows" in str(error)
    assert peak < 5 * MIB
    transport.close()


def test_a_page_may_be_as_large_as_its_records_need_and_not_larger(connect, ok):
    """A request for few bytes gets no hundred megabytes."""
    rig = connect(lambda _: ok({"records": [], "next_partition_cursor": "c"}))
    for asked in (1000, 2**31 - 1, None):
        rig.client.get_records("c", max_fetch_bytes=asked)
    most = [request.max_answer - MAX_ANSWER_BYTES for request in rig.transport.sent]
    assert most == [16 * 1000, 16 * 10 * MIB, 16 * 2 * MIB]


@pytest.mark.parametrize(
    "headers",
    [b"x: " + b"y" * 200_000, b"x: y\r\n" * 50_000, b"HTTP/1.1 100 Continue\r\n\r\n"],
    ids=["a long one", "many", "informational answers"],
)
def test_endless_headers_are_refused(headers, answering):
    url = answering(
        b"HTTP/1.1 100 Continue\r\n\r\n" if b"100" in headers else b"HTTP/1.1 200 OK\r\n", headers, repeat=10**9
    )
    transport = HTTPTransport(url)
    peak, error = peak_of(lambda: transport.send(Request(method="GET", target="/x", headers={}, timeout=1.0)))
    assert isinstance(error, TransportError)
    assert peak < 5 * MIB
    transport.close()


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000], ids=["lists", "objects"])
def test_deeply_nested_json_is_an_error_of_ours(body, status, answering):
    head = b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n" % (status, len(body))
    with client_of(answering(head, body)) as client:
        for call in (client.list_streams, lambda: client.get_records("c")):
            with pytest.raises((TransportError, ServiceError), match=r"is not an answer of DIS|check that"):
                call()


TEXT = "evil\r\n2026 ERROR forged\x1b[2J\x00" + "x" * 10_000


def test_texts_of_the_service_are_one_short_line_in_errors(connect, refused):
    rig = connect(lambda _: refused(4200, TEXT))
    with pytest.raises(ServiceError) as error:
        rig.client.list_streams()
    for text in (str(error.value), error.value.service_message):
        assert text.isprintable()
        assert "evil 2026 ERROR forged [2J x" in text
        assert len(text) < 800


def test_a_code_of_the_service_is_one_short_line(connect, ok):
    answer = json.dumps({"errorCode": TEXT, "message": "m"}).encode()
    rig = connect(lambda _: type(ok())(400, {}, answer))
    with pytest.raises(ServiceError) as error:
        rig.client.list_streams()
    assert (error.value.code.isprintable(), len(error.value.code)) == (True, 49)
    assert str(error.value).isprintable()


def test_refused_records_have_a_text_of_one_short_line(connect, ok):
    from beam_dis.record import PutRecord

    rig = connect(lambda _: ok({"records": [{"error_code": "DIS.4200", "error_message": TEXT}]}))
    (result,) = rig.client.put_records("s", [PutRecord(b"x")]).records
    assert (result.error_message.isprintable(), len(result.error_message) <= 500) == (True, True)
    (refusal,) = rig.service.write("s", [PutRecord(b"x")])
    assert refusal.message == result.error_message


def test_headers_of_a_server_are_one_short_line_in_errors(connect, ok):
    rig = connect(lambda _: type(ok())(200, {"content-type": TEXT}, b"<html>"))
    with pytest.raises(TransportError) as error:
        rig.client.list_streams()
    assert (str(error.value).isprintable(), len(str(error.value)) < 500) == (True, True)


def test_what_is_not_http_is_shown_as_one_short_line(answering):
    url = answering(TEXT.encode())
    with client_of(url) as client, pytest.raises(TransportError) as error:
        client.list_streams()
    assert (str(error.value).isprintable(), len(str(error.value)) < 900) == (True, True)


def cursor(partition, number):
    param = IteratorParam("s", partition, "AT_SEQUENCE_NUMBER", str(number))
    return encode_cursor(CursorToken(param, 1))


def page(partition, *numbers):
    records = [{"sequence_number": str(number), "data": "eA==", "timestamp": 1} for number in numbers]
    return {"records": records, "next_partition_cursor": cursor(partition, max(numbers, default=5) + 1)}


MINE, OTHER = "shardId-0000000000", "shardId-0000000001"
WRONG_PAGES = {
    "of another partition": page(OTHER, 5, 6),
    "empty and of another partition": page(OTHER),
    "before the place": page(MINE, 4, 5),
    "not in order": page(MINE, 7, 6),
}


@pytest.mark.parametrize("kind", WRONG_PAGES)
def test_a_page_of_another_request_is_no_answer(kind, connect, ok):
    """It is requested again, and is an error if that doesn't help."""
    rig = connect([ok(WRONG_PAGES[kind]), ok(page(MINE, 5, 6))])
    assert [r.sequence_number for r in rig.client.get_records(cursor(MINE, 5)).records] == [5, 6]
    rig = connect(lambda _: ok(WRONG_PAGES[kind]))
    with pytest.raises(TransportError, match=f"{MINE} from number 5 on was asked for: this is the answer to another"):
        rig.client.get_records(cursor(MINE, 5))


@pytest.mark.parametrize("kind", WRONG_PAGES)
def test_a_service_checks_pages_against_the_position(kind, connect, ok):
    """Also if its cursor has a form that shows nothing."""

    def answer(request):
        if "/streams/" in request.target:
            return ok({"stream_id": "id"})
        return ok({"partition_cursor": "opaque"} if "cursors" in request.target else WRONG_PAGES[kind])

    service = connect(answer).service
    with pytest.raises(TransportError, match="answer to another request"):
        service.read(ReadPosition("s", "id", MINE, 5), 2**21)


def test_a_cursor_of_another_partition_is_no_answer(connect, ok):
    rig = connect([ok({"partition_cursor": cursor(OTHER, 5)}), ok({"partition_cursor": cursor(MINE, 5)})])
    found = rig.client.get_cursor("s", partition_id=0, cursor_type="TRIM_HORIZON")
    assert found == cursor(MINE, 5)


class FirstConnectionShifted(BaseHTTPRequestHandler):
    """Answers with the page of another request on the first connection, and with the right one on others."""

    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections += 1
        self.number = self.server.connections

    def do_GET(self):
        body = json.dumps(page(OTHER, 5, 6) if self.number == 1 else page(MINE, 5, 6)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Logs nothing."""


def test_a_connection_with_an_answer_to_another_request_is_closed():
    """All later answers on it may be shifted too."""
    with ThreadingHTTPServer(("127.0.0.1", 0), FirstConnectionShifted) as server:
        server.daemon_threads, server.connections = True, 0
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with client_of(f"http://127.0.0.1:{server.server_port}") as client:
            assert [r.sequence_number for r in client.get_records(cursor(MINE, 5)).records] == [5, 6]
        assert server.connections == 2
        server.shutdown()


def test_cursors_of_another_form_are_not_checked(connect, ok):
    rig = connect(lambda _: ok({**page(OTHER, 1), "next_partition_cursor": "opaque"}))
    assert len(rig.client.get_records("opaque").records) == 1


@pytest.mark.parametrize("token", ["hunter2\0", "hunter2\n", "hunter2\u00e4"], ids=ascii)
def test_a_secret_that_cannot_be_sent_is_refused_by_its_name(token):
    with pytest.raises(CredentialsError, match=r"Credentials\(secret_key=…\) is not a str of printable") as error:
        Credentials(access_key="ak", secret_key=token)
    assert "hunter2" not in repr(error.value)
