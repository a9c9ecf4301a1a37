"""A network on which a request ends on time, even if the other side never answers.

httpcore's timeouts limit each silence, and some steps have no timeout at all. Here the thread sets the end of its request
before it sends, and each step waits until that end at most.

Rules:

1. Names are looked up in a background thread, because nothing can interrupt the system's resolver.
2. The addresses of a name are tried one after the other, the one that answered last first. Each gets an equal share of the
   time that is left, so that a silent one leaves time for the others.
3. A name that ends with ``.localhost`` is this machine [RFC 6761], whatever the system's resolver says.
4. Reads, writes and the TLS handshake end with the request, whether the server sends byte by byte or without a pause.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

import httpcore

from beam_dis.endpoints import is_localhost
from beam_dis.forks import FORKS


class RequestEnd(threading.local):
    """When the request of this thread ends, by the monotonic clock."""

    at: float = float("inf")

    def limit(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float:
        """Shorten a timeout to the time that is left. Raises ``late`` if there is none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise late("timed out")
        return left if timeout is None else min(timeout, left)


class NameResolver:
    """Looks up the addresses of names; thread-safe. Requests for one name at the same time share one look-up."""

    def __init__(self) -> None:
        self.after_fork()
        FORKS.register(self)

    def after_fork(self) -> None:
        """Forget the look-ups: their threads don't exist in the child."""
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[list[str]]] = {}

    def addresses(self, host: str, seconds: float) -> list[str]:
        """Return the addresses of a name, without duplicates.

        Raises:
            httpcore.ConnectTimeout: that took longer than ``seconds``.
            httpcore.ConnectError: the name is unknown, or the resolver failed.
        """
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        try:
            return self._look_up("localhost" if is_localhost(host) else host).result(seconds)
        except FutureTimeoutError as error:
            raise httpcore.ConnectTimeout(f"the name {host} was not resolved in {seconds:.1f} s") from error
        except (OSError, UnicodeError, RuntimeError) as error:
            raise httpcore.ConnectError(str(error)) from error

    def _look_up(self, host: str) -> Future[list[str]]:
        with self._lock:
            found = self._under_way.get(host)
            if found is None:
                found = Future()
                threading.Thread(target=self._run, args=(host, found), name="resolve", daemon=True).start()
                self._under_way[host] = found
            return found

    def _run(self, host: str, found: Future[list[str]]) -> None:
        try:
            infos = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except Exception as error:  # noqa: BLE001 - carried to the threads that wait
            result: list[str] | Exception = error
        else:
            result = list(dict.fromkeys(str(info[4][0]) for info in infos))
        with self._lock:
            self._under_way.pop(host, None)
        if isinstance(result, Exception):
            found.set_exception(result)
        else:
            found.set_result(result)


class BoundedNetwork(httpcore.NetworkBackend):
    """Connects as httpcore does; ``end`` bounds each step."""

    def __init__(self, end: RequestEnd) -> None:
        self._end = end
        self._network = httpcore.SyncBackend()
        self._resolver = NameResolver()
        self._answered = ""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to one of the addresses of a host; ``timeout`` bounds all of them together."""
        end = time.monotonic() + self._end.limit(timeout, httpcore.ConnectTimeout)
        addresses = self._resolver.addresses(host, end - time.monotonic())
        addresses.sort(key=lambda address: address != self._answered)
        failure: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for index, address in enumerate(addresses):
            share = (end - time.monotonic()) / (len(addresses) - index)
            try:
                stream = self._network.connect_tcp(address, port, max(share, 0.001), local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = failure or error
            else:
                self._answered = address
                return BoundedStream(stream, self._end)
        raise failure or httpcore.ConnectError(f"the name {host} has no address")


class BoundedStream(httpcore.NetworkStream):
    """A connection that is read and written until the end of the request at most."""

    def __init__(self, stream: httpcore.NetworkStream, end: RequestEnd) -> None:
        self._stream = stream
        self._end = end

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has arrived, waiting for the first byte."""
        return self._stream.read(max_bytes, self._end.limit(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all bytes; the timeout applies to each part."""
        self._stream.write(buffer, self._end.limit(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Encrypt the connection."""
        limit = self._end.limit(timeout, httpcore.ConnectTimeout)
        return BoundedStream(self._stream.start_tls(ssl_context, server_hostname, limit), self._end)

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore knows of the connection, such as its socket."""
        return self._stream.get_extra_info(info)
