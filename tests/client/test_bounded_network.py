"""A request ends on time: names that aren't resolved, addresses that are silent, and handshakes that never end."""

import socket
import threading
import time
from contextlib import suppress

import httpcore
import pytest

from beam_dis.client.api import API
from beam_dis.client.bounded_network import BoundedNetwork, NameResolver, RequestEnd
from beam_dis.client.dis_client import DISClient
from beam_dis.client.transport import HTTPTransport, Request
from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials
from beam_dis.errors import TransportError

pytestmark = pytest.mark.integration

SILENT = "192.0.2.1"
"""An address for documentation, which no machine has (RFC 5737)."""


@pytest.fixture
def addresses(monkeypatch):
    """Sets what the system's resolver answers: addresses, an error, or the seconds that it takes."""

    def answer(found):
        def getaddrinfo(_host, port, *_args, **_fields):
            if isinstance(found, float):
                time.sleep(found)
                return []
            if isinstance(found, Exception):
                raise found
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port or 0)) for address in found]

        monkeypatch.setattr("beam_dis.client.bounded_network.socket.getaddrinfo", getaddrinfo)

    return answer


@pytest.fixture
def connects(monkeypatch):
    """The addresses to which connections are opened; those of the list ``silent`` never answer."""
    tried = []

    def connect_tcp(_self, host, port, timeout=None, *_args, **_fields):
        tried.append((host, timeout))
        if host == SILENT:
            time.sleep(timeout)
            raise httpcore.ConnectTimeout("timed out")
        return f"a stream to {host}:{port}"

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect_tcp)
    return tried


@pytest.fixture
def network():
    return BoundedNetwork(RequestEnd())


def test_a_silent_address_leaves_time_for_the_next(addresses, connects, network):
    addresses([SILENT, "127.0.0.1"])
    network.connect_tcp("dis.example", 80, timeout=0.4)
    (silent, first), (other, second) = connects
    assert (silent, other) == (SILENT, "127.0.0.1")
    assert first == pytest.approx(0.2, abs=0.05)
    assert second <= 0.21


def test_the_address_that_answered_last_is_tried_first(addresses, connects, network):
    addresses([SILENT, "127.0.0.1"])
    for _ in range(2):
        network.connect_tcp("dis.example", 80, timeout=0.1)
    assert [host for host, _ in connects] == [SILENT, "127.0.0.1", "127.0.0.1"]


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long")], ids=repr)
def test_a_name_that_cannot_be_resolved_is_an_error_of_connecting(error, addresses, network):
    addresses(error)
    with pytest.raises(httpcore.ConnectError, match=str(error)):
        network.connect_tcp("dis.example", 80, timeout=1.0)


@pytest.mark.parametrize("host", ["dis.localhost", "a.b.LOCALHOST", "dis.localhost.", "localhost"])
def test_a_name_that_ends_with_localhost_is_this_machine(host):
    """Not every resolver knows these names, and none may send them elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        stream = BoundedNetwork(RequestEnd()).connect_tcp(host, port, timeout=10)
        assert stream.get_extra_info("server_addr")[1] == port
        stream.close()


def test_a_name_without_addresses_is_an_error_of_connecting(addresses, network):
    addresses([])
    with pytest.raises(httpcore.ConnectError, match=r"dis\.example has no address"):
        network.connect_tcp("dis.example", 80, timeout=1.0)


def test_requests_for_one_name_share_a_look_up(addresses):
    """So a resolver that never answers costs one thread for each name, not one for each request."""
    addresses(0.5)
    resolver = NameResolver()
    before = threading.active_count()
    for _ in range(5):
        with pytest.raises(httpcore.ConnectTimeout, match=r"dis\.example was not resolved"):
            resolver.addresses("dis.example", 0.01)
    assert threading.active_count() <= before + 1


def seconds_of_a_call(endpoint, deadline):
    connection = DISConnection(
        endpoint=endpoint,
        project_id="p",
        deadline=deadline,
        credentials=Credentials(access_key="ak", secret_key="sk"),
    )
    with DISClient(api=API(connection)) as client:
        started = time.monotonic()
        with pytest.raises(TransportError) as error:
            client.list_streams()
        assert error.value.maybe_done in (True, False)
        return time.monotonic() - started


def test_a_deadline_bounds_a_look_up_that_takes_long(addresses, undisturbed):
    addresses(20.0)
    assert undisturbed(lambda: seconds_of_a_call("http://dis.example", 1.0), 1.6) < 1.6


def test_a_deadline_bounds_several_silent_addresses_together(addresses, connects, undisturbed):
    addresses([SILENT] * 1 + ["192.0.2.1"])
    assert undisturbed(lambda: seconds_of_a_call("http://dis.example", 1.0), 1.6) < 1.6


def test_a_deadline_bounds_a_handshake_that_never_ends(undisturbed):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        assert undisturbed(lambda: seconds_of_a_call(url, 1.0), 1.6) < 1.6


def test_a_deadline_bounds_a_server_that_takes_the_request_byte_by_byte(undisturbed):
    """The request is larger than the buffers between client and server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def swallow():
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    while connection.recv(1):
                        time.sleep(0.01)

        for _ in range(3):
            threading.Thread(target=swallow, daemon=True).start()
        transport = HTTPTransport(f"http://127.0.0.1:{listener.getsockname()[1]}")

        def seconds():
            started = time.monotonic()
            with pytest.raises(TransportError):
                transport.send(Request(method="POST", target="/x", headers={}, body=bytes(30_000_000), timeout=0.5))
            return time.monotonic() - started

        assert undisturbed(seconds, 1.2) < 1.2
        transport.close()
