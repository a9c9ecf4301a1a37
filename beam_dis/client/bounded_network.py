"""A network on which an attempt ends when it should, however slowly the other side talks.

Law: the HTTP library's timeouts bound each silence; a server that drips its headers never is silent for long. So every read
and write waits no longer than the attempt of its thread may last. Whatever else the library asks of a network or a stream
is passed on as it is.
"""

from __future__ import annotations

import threading
import time
from typing import Any


class Attempt(threading.local):
    """When the attempt that this thread is at ends, by the monotonic clock."""

    end: float = float("inf")


ATTEMPT = Attempt()


class BoundedNetwork:
    """The library's network, whose streams are bounded."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def connect_tcp(self, *args: Any, **kwargs: Any) -> Any:
        """A connection, made by the library with its own timeout."""
        return BoundedStream(self._network.connect_tcp(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


class BoundedStream:
    """A connection that is read and written until the attempt's end at most."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> Any:
        """What has come, at least a byte, within the time that is left."""
        return self._stream.read(max_bytes, timeout=_left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all, with what time is left for each part."""
        self._stream.write(buffer, timeout=_left(timeout))

    def start_tls(self, *args: Any, **kwargs: Any) -> Any:
        """The same connection, encrypted."""
        return BoundedStream(self._stream.start_tls(*args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _left(timeout: float | None) -> float:
    left = max(ATTEMPT.end - time.monotonic(), 0.001)
    return left if timeout is None else min(timeout, left)
