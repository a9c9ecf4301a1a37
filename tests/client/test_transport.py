"""The one file that knows httpx: what it sends, refuses to send, and makes of failures."""

import logging
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from beam_dis.client.transport import CONNECT_SECONDS, KEEPALIVE_SECONDS, HTTPTransport, Request
from beam_dis.errors import ConfigurationError, TransportError


@pytest.fixture
def served():
    """A loopback server that answers each connection with given bytes; yields its URL and what it was sent."""
    listeners = []

    def serve(answer):
        listener = socket.create_server(("127.0.0.1", 0))
        heard = []

        def run():
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(65536))
                connection.sendall(answer)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        listeners.append((listener, thread))
        return f"http://127.0.0.1:{listener.getsockname()[1]}", heard

    yield serve
    for listener, thread in listeners:
        thread.join(5)
        listener.close()


@pytest.fixture
def transport_to():
    made = []

    def make(endpoint, **fields):
        made.append(HTTPTransport(endpoint, **fields))
        return made[-1]

    yield make
    for transport in made:
        transport.close()


GET = Request(
    method="GET", target="/v2/p/streams?limit=1", headers={"host": "h", "accept-encoding": "identity"}, timeout=2.0
)


def test_sends_the_request_as_it_is_and_nothing_else(served, transport_to):
    url, heard = served(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: today\r\n\r\n{}")
    response = transport_to(url).send(GET)
    assert (response.status, response.headers["date"], response.body) == (200, "today", b"{}")
    assert heard == [b"GET /v2/p/streams?limit=1 HTTP/1.1\r\nhost: h\r\naccept-encoding: identity\r\n\r\n"]
    assert response.seconds > 0


def test_a_request_leaves_no_line_in_a_workers_log(served, transport_to, caplog):
    """Workers log from INFO up, and a pipeline sends thousands of requests."""
    caplog.set_level(logging.INFO)
    url, _ = served(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    transport_to(url).send(GET)
    assert caplog.records == []


def test_a_redirect_is_not_followed(served, transport_to):
    url, _ = served(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    assert transport_to(url).send(GET).status == 302


def test_no_connection_is_surely_not_done_and_the_error_names_the_endpoint(transport_to):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(TransportError, match=f"can't connect to {url}.*is it up") as error:
        transport_to(url).send(GET)
    assert error.value.maybe_done is False


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.7\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_a_cut_or_garbled_answer_may_have_been_carried_out(answer, served, transport_to):
    url, _ = served(answer)
    with pytest.raises(TransportError, match=f"no answer from {url}.*is it a DIS") as error:
        transport_to(url).send(GET)
    assert error.value.maybe_done is True


def test_an_error_of_the_network_holds_no_request(served, transport_to):
    """httpx's own errors hold the request with its signature: ours must not lead to them."""
    url, _ = served(b"")
    with pytest.raises(TransportError) as error:
        transport_to(url).send(GET)
    assert (error.value.__cause__, error.value.__context__) == (None, None)


def test_certificates_are_verified(transport_to):
    context = transport_to("https://dis.example")._http._pool._ssl_context
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_server_whose_certificate_nobody_vouches_for_is_not_spoken_to(served, transport_to):
    url, heard = served(b"")
    with pytest.raises(TransportError) as error:
        transport_to(url.replace("http:", "https:")).send(GET)
    assert error.value.maybe_done is False
    assert not any(b"/v2/p" in sent for sent in heard)


@pytest.mark.parametrize(
    ("endpoint", "pool"),
    [
        ("http://127.0.0.1:7700", httpcore.ConnectionPool),
        ("http://localhost:7700", httpcore.ConnectionPool),
        ("http://169.254.169.254", httpcore.ConnectionPool),
        ("http://spared.example", httpcore.ConnectionPool),
        ("http://dis.example", httpcore.HTTPProxy),
    ],
)
def test_the_environments_proxy_counts_but_never_for_what_is_near(endpoint, pool, transport_to, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "spared.example")
    assert type(transport_to(endpoint)._http._pool) is pool


def test_a_proxy_that_is_given_counts_before_the_environments(served, transport_to, monkeypatch):
    proxy, heard = served(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    monkeypatch.setenv("http_proxy", "http://another.example:3128")
    assert transport_to("http://dis.example:7700", proxy=proxy).send(GET).status == 200
    assert heard[0].startswith(b"GET http://dis.example:7700/v2/p/streams?limit=1 HTTP/1.1\r\n")


def test_a_proxy_that_is_down_is_surely_not_done(transport_to):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(TransportError) as error:
        transport_to("http://dis.example", proxy=proxy).send(GET)
    assert error.value.maybe_done is False


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A certificate for 127.0.0.1 that nobody but itself vouches for: a file of it, and one of it with its key."""
    folder = tmp_path_factory.mktemp("authority")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "here")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(certificate)
    (folder / "server.pem").write_bytes(certificate + secret)
    return folder


@pytest.fixture
def secure(authority):
    """The URL of a server with that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem")
    handler = type("Handler", (BaseHTTPRequestHandler,), {"log_message": lambda *_: None})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_bundle_of_ones_own_vouches_for_a_server(secure, authority, transport_to):
    assert transport_to(secure, ca_bundle=authority / "ca.pem").send(GET).status == 501
    with pytest.raises(TransportError, match="certificate verify failed"):
        transport_to(secure).send(GET)


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_bundle_that_is_none_is_named(content, tmp_path, transport_to):
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"ca_bundle '.*/ca\.pem' is no file of certificates"):
        transport_to("https://dis.example", ca_bundle=tmp_path / "ca.pem")


def test_idle_connections_end_here_before_they_end_at_the_server(transport_to):
    assert transport_to("http://127.0.0.1:1")._http._pool._keepalive_expiry == KEEPALIVE_SECONDS < 75


@pytest.fixture
def dripping():
    """A server that says a letter of its headers every 50 ms, for as long as anybody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run():
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
                for _ in range(100):
                    time.sleep(0.05)
                    connection.sendall(b"x")

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def test_headers_that_drip_in_do_not_outlive_the_timeout(dripping, transport_to):
    started = time.monotonic()
    with pytest.raises(TransportError, match="timed out"):
        transport_to(dripping).send(replace(GET, timeout=0.2))
    assert 0.1 < time.monotonic() - started < 1.0


def test_a_timeout_bounds_each_phase_and_connecting_most(transport_to):
    timeouts = transport_to("http://127.0.0.1:1")._outgoing(GET).extensions["timeout"]
    assert timeouts == {"connect": 2.0, "read": 2.0, "write": 2.0, "pool": 2.0}
    assert CONNECT_SECONDS < 8
