"""Connections are lent, kept and closed: after outages, with many threads, and after ``close``."""

import gc
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from beam_dis.client.transport import HTTPTransport, Request
from beam_dis.errors import ConfigurationError, TransportError

pytestmark = pytest.mark.integration


class Echo(BaseHTTPRequestHandler):
    """Answers with the request's path after 30 ms, and records the connections."""

    protocol_version = "HTTP/1.1"
    timeout = 20

    def setup(self):
        super().setup()
        self.server.peers.append(self.client_address)

    def do_GET(self):
        time.sleep(0.03)
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def finish(self):
        self.server.ended.append(self.client_address)
        super().finish()

    def log_message(self, *_):
        """Logs nothing."""


class EchoServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, port=0):
        self.peers, self.ended = [], []
        super().__init__(("127.0.0.1", port), Echo)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture
def echo():
    with EchoServer() as server:
        yield server
        server.shutdown()


def get(path="/x", timeout=5.0):
    return Request(method="GET", target=path, headers={}, timeout=timeout)


def eventually(fact, seconds=10.0):
    end = time.monotonic() + seconds
    while not fact() and time.monotonic() < end:
        time.sleep(0.01)
    return fact()


def test_each_of_many_threads_gets_its_own_answer_over_few_connections(echo):
    transport = HTTPTransport(echo.url, max_connections=8)
    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(lambda n: transport.send(get(f"/{n}")).body, range(200)))
    assert answers == [f"/{n}".encode() for n in range(200)]
    assert len(echo.peers) <= 8
    transport.close()


def silent_listener():
    """A listener whose queue is full: it swallows further attempts to connect, without an answer."""
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    address = listener.getsockname()
    fillers = []
    for _ in range(4):
        filler = socket.socket()
        filler.setblocking(False)
        with suppress(BlockingIOError):
            filler.connect(address)
        fillers.append(filler)
    time.sleep(0.1)
    return listener, fillers


def test_after_connects_that_were_swallowed_every_connection_can_be_used_again():
    """More threads than connections wait, and give up one after the other, while connections are being opened."""
    listener, fillers = silent_listener()
    port = listener.getsockname()[1]
    transport = HTTPTransport(f"http://127.0.0.1:{port}", max_connections=8)
    failures = Counter()

    def try_once(n):
        try:
            transport.send(get(timeout=0.2))
        except TransportError as error:
            failures[error.maybe_done] += 1

    with ThreadPoolExecutor(150) as threads:
        list(threads.map(try_once, range(2400)))
    assert failures[False] > 2000
    for each in (listener, *fillers):
        each.close()
    with EchoServer(port) as server, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda n: transport.send(get(f"/{n}")).body, range(64)))
        server.shutdown()
    assert answers == [f"/{n}".encode() for n in range(64)]
    transport.close()


def test_waiting_for_a_connection_ends_with_the_timeout(echo, undisturbed):
    transport = HTTPTransport(echo.url, max_connections=1)
    with ThreadPoolExecutor(1) as threads, socket.create_server(("127.0.0.1", 0)) as silent:
        busy = HTTPTransport(f"http://127.0.0.1:{silent.getsockname()[1]}", max_connections=1)
        waiting = threads.submit(busy.send, get(timeout=3.0))
        time.sleep(0.1)

        def seconds():
            started = time.monotonic()
            with pytest.raises(TransportError, match="all 1 connections are in use") as error:
                busy.send(get(timeout=0.2))
            assert error.value.maybe_done is False
            return time.monotonic() - started

        assert 0.15 < undisturbed(seconds, 0.8) < 0.8
        assert isinstance(waiting.exception(), TransportError)
        busy.close()
    transport.close()


def test_a_closed_transport_sends_nothing(echo):
    transport = HTTPTransport(echo.url)
    transport.send(get())
    transport.close()
    transport.close()
    with pytest.raises(ConfigurationError, match="the client is closed"):
        transport.send(get())
    assert len(echo.peers) == 1
    assert eventually(lambda: len(echo.ended) == 1)


def test_a_request_under_way_ends_although_the_transport_is_closed(echo):
    """Its connection is closed after it."""
    transport = HTTPTransport(echo.url)
    with ThreadPoolExecutor(1) as threads:
        under_way = threads.submit(transport.send, get("/slow"))
        assert eventually(lambda: echo.peers)
        transport.close()
        assert under_way.result().body == b"/slow"
    assert eventually(lambda: len(echo.ended) == 1)


def test_a_transport_that_nobody_refers_to_closes_its_connections(echo):
    transport = HTTPTransport(echo.url)
    transport.send(get())
    del transport
    gc.collect()
    assert eventually(lambda: len(echo.ended) == 1)


def test_bytes_after_an_answer_are_not_the_answer_to_the_next_request():
    forged = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged"
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            for number in range(2):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % number + forged)
                    connection.settimeout(5)
                    connection.recv(65536)

        threading.Thread(target=serve, daemon=True).start()
        transport = HTTPTransport(f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert [transport.send(get()).body for _ in range(2)] == [b"0", b"1"]
        transport.close()


def test_after_a_renewal_new_connections_are_used(echo):
    """Also if one was lent at that moment."""
    transport = HTTPTransport(echo.url)
    transport.send(get())
    transport.renew()
    with ThreadPoolExecutor(1) as threads:
        lent = threads.submit(transport.send, get("/lent"))
        assert eventually(lambda: len(echo.peers) == 2)
        transport.renew()
        assert lent.result().body == b"/lent"
    transport.send(get())
    assert eventually(lambda: len(echo.ended) == 2)
    assert len(echo.peers) == 3
    transport.close()
