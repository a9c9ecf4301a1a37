"""The port of a LocalDIS stays its own during a restart, and a dead server refuses connections."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from beam_dis.errors import ConfigurationError
from beam_dis.local import LocalDIS
from beam_dis.local.listening import StartError, listen, reserve

pytestmark = pytest.mark.integration

HOST = "127.0.0.1"


def bound(port: int, *, reuse: bool) -> socket.socket:
    """A socket of another program that listens on a port."""
    taker = socket.socket()
    taker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, reuse)
    try:
        taker.bind((HOST, port))
        taker.listen()
    except OSError:
        taker.close()
        raise
    return taker


@contextmanager
def grabbing(port: int) -> Iterator[list[socket.socket]]:
    """A program that tries to take the port all the time; gives the sockets that it got."""
    ended, taken = threading.Event(), []

    def grab() -> None:
        while not ended.wait(0.001):
            for reuse in (False, True):
                with suppress(OSError):
                    taken.append(bound(port, reuse=reuse))

    thread = threading.Thread(target=grab)
    thread.start()
    try:
        yield taken
    finally:
        ended.set()
        thread.join()
        for taker in taken:
            taker.close()


@pytest.mark.parametrize("kill", [False, True])
def test_no_other_program_gets_the_port_during_a_restart(kill):
    with LocalDIS() as dis, grabbing(int(dis.endpoint.rpartition(":")[2])) as taken:
        before = dis.endpoint
        for _ in range(3):
            dis.restart(kill=kill)
        assert (dis.endpoint, taken) == (before, [])


def test_a_killed_server_refuses_connections_and_keeps_its_port():
    with LocalDIS() as dis:
        endpoint, port = dis.endpoint, int(dis.endpoint.rpartition(":")[2])
        os.kill(dis.pid, signal.SIGKILL)
        os.waitid(os.P_PID, dis.pid, os.WEXITED | os.WNOWAIT)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((HOST, port))
        with pytest.raises(OSError, match="in use"):
            bound(port, reuse=True)
        dis.restart()
        assert dis.endpoint == endpoint


def test_two_of_them_do_not_share_a_port():
    with LocalDIS() as dis:
        port = int(dis.endpoint.rpartition(":")[2])
        with (
            pytest.raises(ConfigurationError, match=f"did not start: port {port} of {HOST} is in use"),
            LocalDIS(port=port),
        ):
            pass


def test_the_port_is_free_after_its_block():
    with LocalDIS() as dis:
        port = int(dis.endpoint.rpartition(":")[2])
        socket.create_connection((HOST, port)).close()
    with LocalDIS(port=port) as dis:
        assert dis.endpoint.endswith(f":{port}")
    bound(port, reuse=True).close()


def test_a_reserved_port_can_be_bound_by_its_server_only():
    with reserve(HOST, 0) as reserved:
        port = reserved.getsockname()[1]
        with pytest.raises(StartError, match="in use"):
            listen(HOST, port)
        with pytest.raises(StartError, match="in use"):
            reserve(HOST, port)
        with listen(HOST, port, reserved=True) as listener, socket.create_connection((HOST, port)):
            listener.accept()[0].close()
