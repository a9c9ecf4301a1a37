"""The HTTP transport: what it sends, what it refuses to send, and which errors it raises."""

import logging
import socket
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from ipaddress import ip_address

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from beam_dis.client import transport
from beam_dis.client.transport import (
    CONNECT_SECONDS,
    KEEPALIVE_SECONDS,
    HTTPTransport,
    Request,
    outgoing_request,
)
from beam_dis.errors import ConfigurationError, TransportError


@pytest.fixture
def served():
    """Starts a loopback server that answers with given bytes; returns its URL and the requests that it got."""
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
    for each in made:
        each.close()


GET = Request(
    method="GET", target="/v2/p/streams?limit=1", headers={"host": "h", "accept-encoding": "identity"}, timeout=2.0
)


@pytest.mark.parametrize("value", ["hunter2\0", "hunter2\n", "hunter2\u00e4", " hunter2", "hunter2\ud800"], ids=ascii)
def test_a_header_that_http_forbids_is_named_without_its_value(value, transport_to):
    with pytest.raises(ConfigurationError, match=r"^the header x-auth-token can't be sent") as error:
        transport_to("http://127.0.0.1:1").send(replace(GET, headers={"x-auth-token": value}))
    assert "hunter2" not in repr(error.value)
    assert error.value.__context__ is None


def test_the_host_and_the_length_are_added_if_they_are_missing(served, transport_to):
    url, heard = served(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    transport_to(url).send(Request(method="PUT", target="/x", headers={}))
    host = url.removeprefix("http://")
    assert heard == [
        f"PUT /x HTTP/1.1\r\nhost: {host}\r\naccept-encoding: identity\r\ncontent-length: 0\r\n\r\n".encode()
    ]


def test_the_request_is_sent_unchanged_and_without_additions(served, transport_to):
    url, heard = served(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: today\r\n\r\n{}")
    response = transport_to(url).send(GET)
    assert (response.status, response.headers["date"], response.body) == (200, "today", b"{}")
    assert heard == [b"GET /v2/p/streams?limit=1 HTTP/1.1\r\nhost: h\r\naccept-encoding: identity\r\n\r\n"]
    assert response.seconds > 0


def test_a_request_writes_no_line_to_a_workers_log(served, transport_to, caplog):
    """Workers log from INFO up, and a pipeline sends thousands of requests."""
    caplog.set_level(logging.INFO)
    url, _ = served(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    transport_to(url).send(GET)
    assert caplog.records == []


def test_a_redirect_is_not_followed(served, transport_to):
    url, _ = served(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n")
    assert transport_to(url).send(GET).status == 302


def test_without_a_connection_the_request_was_surely_not_carried_out(transport_to):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(TransportError, match=f"can't connect to {url}.*is it running") as error:
        transport_to(url).send(GET)
    assert error.value.maybe_done is False


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH_9.7\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_a_cut_or_garbled_answer_may_have_been_carried_out(answer, served, transport_to):
    url, _ = served(answer)
    with pytest.raises(TransportError, match=f"no answer from {url}.*is it a DIS") as error:
        transport_to(url).send(GET)
    assert error.value.maybe_done is True


def test_an_error_names_the_service_that_was_expected(served):
    url, _ = served(b"SSH-2.0-OpenSSH_9.7\r\n")
    transport = HTTPTransport(url, service="V3IO")
    with pytest.raises(TransportError, match="is it a V3IO"):
        transport.send(GET)
    transport.close()


def test_a_network_error_has_its_cause_but_not_the_request(served, transport_to):
    """Errors are logged and kept, and a request contains a signature."""
    url, _ = served(b"")
    with pytest.raises(TransportError) as error:
        transport_to(url).send(GET)
    causes = []
    cause = error.value.__cause__
    while cause is not None:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    assert isinstance(causes[0], httpcore.RemoteProtocolError)
    assert [name for cause in causes for name in vars(cause) if "request" in name] == []


def test_a_server_with_an_untrusted_certificate_gets_no_request(served, transport_to):
    url, heard = served(b"")
    with pytest.raises(TransportError) as error:
        transport_to(url.replace("http:", "https:")).send(GET)
    assert error.value.maybe_done is False
    assert not any(b"/v2/p" in sent for sent in heard)


def test_the_proxy_of_the_environment_is_used_with_its_password(served, transport_to, monkeypatch):
    proxy, heard = served(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    monkeypatch.setenv("http_proxy", proxy.replace("http://", "http://user:hunter2@"))
    assert transport_to("http://dis.example:7700").send(GET).status == 200
    assert heard[0].startswith(b"GET http://dis.example:7700/v2/p/streams?limit=1 HTTP/1.1\r\n")
    assert b"proxy-authorization: basic dxnlcjpodw50zxiy\r\n" in heard[0].lower()


def test_a_proxy_without_a_scheme_is_used_with_its_password(served, transport_to, monkeypatch):
    proxy, heard = served(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    monkeypatch.setenv("http_proxy", proxy.replace("http://", "user:hunter2@"))
    assert transport_to("http://dis.example:7700").send(GET).status == 200
    assert b"proxy-authorization: basic dxnlcjpodw50zxiy\r\n" in heard[0].lower()


@pytest.mark.parametrize(
    ("proxy", "remedy"),
    [
        ("ftp://u:hunter2@proxy.example", "give one of http, https"),
        ("socks5://u:hunter2@proxy.example:1080", r"httpcore\[socks\]"),
    ],
)
def test_a_proxy_that_cannot_be_used_is_named_with_the_remedy(proxy, remedy, transport_to):
    with pytest.raises(
        ConfigurationError, match=f"the proxy .*proxy.example.* of proxy= can't be used.*{remedy}"
    ) as error:
        transport_to("http://dis.example", proxy=proxy)
    assert "hunter2" not in str(error.value)


def test_https_is_tunnelled_through_the_proxy(served, transport_to):
    proxy, heard = served(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(TransportError) as error:
        transport_to("https://dis.example", proxy=proxy).send(GET)
    assert error.value.maybe_done is False
    assert str(error.value).startswith(f"the proxy {proxy} refuses to connect to https://dis.example: 502")
    assert heard[0].startswith(b"CONNECT dis.example:443 HTTP/1.1\r\n")


def test_a_connections_proxy_takes_precedence_over_the_environments(served, transport_to, monkeypatch):
    proxy, heard = served(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    monkeypatch.setenv("http_proxy", "http://another.example:3128")
    assert transport_to("http://dis.example:7700", proxy=proxy).send(GET).status == 200
    assert heard[0].startswith(b"GET http://dis.example:7700/v2/p/streams?limit=1 HTTP/1.1\r\n")


def test_if_the_proxy_is_down_the_request_was_surely_not_carried_out(transport_to):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(TransportError) as error:
        transport_to("http://dis.example", proxy=proxy).send(GET)
    assert error.value.maybe_done is False


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A folder with a self-signed certificate for 127.0.0.1: ``ca.pem``, and ``server.pem`` with the key."""
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


def test_a_server_is_trusted_by_a_ca_bundle(secure, authority, transport_to):
    assert transport_to(secure, ca_bundle=authority / "ca.pem").send(GET).status == 501
    with pytest.raises(TransportError, match="certificate verify failed") as error:
        transport_to(secure).send(GET)
    assert error.value.not_a_dis


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_the_error_for_a_wrong_ca_bundle_names_the_file(content, tmp_path, transport_to):
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"ca_bundle '.*/ca\.pem' is not a file of certificates"):
        transport_to("https://dis.example", ca_bundle=tmp_path / "ca.pem")


def test_the_environments_ca_bundle_counts_for_other_machines(authority, monkeypatch, transport_to):
    """For this machine the environment's bundle isn't read, as with httpx's ``trust_env``."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "missing.pem"))
    with pytest.raises(ConfigurationError, match=r"SSL_CERT_FILE .*missing\.pem"):
        transport_to("https://dis.example")
    transport_to("https://127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority / "ca.pem"))
    transport_to("https://dis.example")


class Keeping(BaseHTTPRequestHandler):
    """Keeps connections open, and counts them."""

    protocol_version = "HTTP/1.1"

    def setup(self):
        super().setup()
        self.server.connections += 1

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Logs nothing."""


@pytest.fixture
def keeping():
    """A server that keeps connections open."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Keeping) as server:
        server.daemon_threads, server.connections = True, 0
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("seconds", "connections"), [(KEEPALIVE_SECONDS, 1), (0.05, 2)])
def test_a_connection_is_reused_until_it_was_idle_too_long(seconds, connections, keeping, transport_to, monkeypatch):
    """This end closes an idle connection before the local DIS does, after 75 s."""
    monkeypatch.setattr(transport, "KEEPALIVE_SECONDS", seconds)
    sending = transport_to(f"http://127.0.0.1:{keeping.server_port}")
    sending.send(GET)
    time.sleep(0.2)
    sending.send(GET)
    assert (keeping.connections, KEEPALIVE_SECONDS < 75) == (connections, True)


@pytest.fixture
def dripping():
    """A server that sends one character of its headers every 50 ms, until the client closes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip(connection):
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
                for _ in range(100):
                    time.sleep(0.05)
                    connection.sendall(b"x")

        def run():
            with suppress(OSError):
                while True:
                    threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def test_headers_that_arrive_slowly_do_not_extend_the_timeout(dripping, transport_to, undisturbed):
    def seconds():
        started = time.monotonic()
        with pytest.raises(TransportError, match="timed out"):
            transport_to(dripping).send(replace(GET, timeout=0.2))
        return time.monotonic() - started

    assert 0.1 < undisturbed(seconds, 1.0) < 1.0


def test_a_timeout_bounds_each_phase_and_connecting_is_the_shortest():
    timeouts = outgoing_request("http://127.0.0.1:1", GET).extensions["timeout"]
    assert timeouts == {"connect": 2.0, "read": 2.0, "write": 2.0}
    assert CONNECT_SECONDS < 8
