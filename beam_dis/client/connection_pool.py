"""Lends connections to requests, and keeps the connections that can be used again.

httpcore's own pool is not used: if a request stops waiting for a connection at the moment when it gets one, that connection
stays in the pool and can never be used again.

Rules:

1. A connection is used by one request at a time. It is kept only if the request got its whole answer and nothing followed
   it: the next request would take what follows for its own answer.
2. A request that gets no connection before its time is over fails, and takes nothing from the others.
3. The connection that was used last is lent first, so that those that aren't needed grow old and are closed.
4. A process lends only connections that it opened itself: a forked child starts without any.
5. A closed pool lends none. The connections that are lent at that moment are closed when they come back.
6. ``renew`` closes them in the same way, but new ones are lent after it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore

from beam_dis.errors import ConfigurationError
from beam_dis.forks import FORKS


class ConnectionPool:
    """The connections to one endpoint; thread-safe.

    Args:
        connect: makes a connection, which opens its socket at its first request.
        limit: how many connections are lent at a time.
    """

    def __init__(self, connect: Callable[[], httpcore.ConnectionInterface], *, limit: int) -> None:
        self._connect = connect
        self._limit = limit
        self._closed = False
        self._renewals = 0
        self.after_fork()
        FORKS.register(self)

    def after_fork(self) -> None:
        """Start without connections. The parent's sockets stay open in the parent."""
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._free = threading.Semaphore(self._limit)
        self._idle: deque[httpcore.ConnectionInterface] = deque()

    @contextmanager
    def connection(self, seconds: float) -> Iterator[httpcore.ConnectionInterface]:
        """Lend a connection during a ``with`` block.

        Raises:
            ConfigurationError: the pool is closed.
            httpcore.PoolTimeout: none was free within ``seconds``.
        """
        if self._process != os.getpid():  # forked by code that doesn't tell Python
            self.after_fork()
        free = self._free
        if not free.acquire(timeout=max(seconds, 0.0)):
            raise httpcore.PoolTimeout(f"all {self._limit} connections are in use")
        try:
            connection, renewals = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection, renewals)
        finally:
            free.release()

    def close(self) -> None:
        """Close the connections, now or when they come back."""
        self._closed = True
        self.renew()

    def renew(self) -> None:
        """Close the connections, now or when they come back, and lend only new ones from now on."""
        with self._lock:
            self._renewals += 1
            idle, self._idle = self._idle, deque()
        for connection in idle:
            connection.close()

    def _take(self) -> tuple[httpcore.ConnectionInterface, int]:
        """A connection, and the number of renewals before it was lent."""
        while True:
            with self._lock:
                if self._closed:
                    raise ConfigurationError("the client is closed: make another one")
                connection, renewals = self._idle.pop() if self._idle else None, self._renewals
            if connection is None:
                return self._connect(), renewals
            if not connection.has_expired():
                return connection, renewals
            connection.close()

    def _give_back(self, connection: httpcore.ConnectionInterface, renewals: int) -> None:
        expired = []
        with self._lock:
            reusable = connection.is_available() and not _has_rest(connection)
            if reusable and renewals == self._renewals and self._process == os.getpid():
                self._idle.append(connection)
            else:
                expired.append(connection)
            while self._idle and self._idle[0].has_expired():
                expired.append(self._idle.popleft())
        for old in expired:
            old.close()


def _has_rest(connection: httpcore.ConnectionInterface) -> bool:
    """Whether more bytes than the answer have been read; httpcore keeps them for the next answer, and has no method to ask."""
    inner: Any = connection
    while inner is not None:
        state = getattr(inner, "_h11_state", None)
        if state is not None:
            return bool(state.trailing_data[0])
        inner = getattr(inner, "_connection", None)
    return False
