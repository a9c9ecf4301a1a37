"""A network on which a request ends on time, however slowly the other side sends.

httpcore's timeouts limit each silence, and a server that sends its headers byte by byte is never silent for long. So each
read and write waits no longer than until the end of its request, which the thread sets before it sends.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterable
from typing import Any

import httpcore


class RequestEnd(threading.local):
    """When the request of this thread ends, by the monotonic clock."""

    at: float = float("inf")

    def limit(self, timeout: float | None) -> float:
        """Shorten a timeout to the time that is left, to 1 ms at least."""
        left = max(self.at - time.monotonic(), 0.001)
        return left if timeout is None else min(timeout, left)


class BoundedNetwork(httpcore.NetworkBackend):
    """Connects as httpcore does; ``end`` bounds what the connections read and write."""

    def __init__(self, end: RequestEnd) -> None:
        self._end = end
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect, with the timeout for connecting."""
        stream = self._network.connect_tcp(host, port, timeout, local_address, socket_options)
        return BoundedStream(stream, self._end)


class BoundedStream(httpcore.NetworkStream):
    """A connection that is read and written until the end of the request at most."""

    def __init__(self, stream: httpcore.NetworkStream, end: RequestEnd) -> None:
        self._stream = stream
        self._end = end

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has arrived, waiting for the first byte."""
        return self._stream.read(max_bytes, self._end.limit(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all bytes; the timeout applies to each part."""
        self._stream.write(buffer, self._end.limit(timeout))

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Encrypt the connection."""
        return BoundedStream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._end)

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore knows of the connection, such as its socket."""
        return self._stream.get_extra_info(info)
