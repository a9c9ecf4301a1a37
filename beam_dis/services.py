"""Opens and shares the services of connections: the only file that knows both the protocol and its implementation.

Rules:

1. A service is opened for a resolved connection, in the process that uses it.
2. Shared services stay open, so that the next DoFn reuses their connections. At most 64 are kept: then the one that was asked
   for least recently is dropped. It works as long as a step uses it, and its connections are closed after that.
3. A forked child may use the services of its parent: they have no connections there.
"""

from __future__ import annotations

import atexit
from collections import OrderedDict
from collections.abc import Callable

from beam_dis.client.dis_service import DISService
from beam_dis.connection import Connection, DISConnection
from beam_dis.forks import ForkSafeLock
from beam_dis.stream_service import StreamService
from beam_dis.v3io.connection import V3IOConnection
from beam_dis.v3io.service import V3IOService

MOST_SHARED = 64


def open_service(connection: Connection) -> StreamService:
    """Open a service for a resolved connection; the caller closes it."""
    if isinstance(connection, V3IOConnection):
        return V3IOService(connection)
    if isinstance(connection, DISConnection):
        return DISService(connection)
    if isinstance(connection, V3IOConnection):
        return V3IOService(connection)
    raise TypeError(f"no service for {type(connection).__name__}")


class Services:
    """Shared services, one per connection; thread-safe."""

    def __init__(self, open_: Callable[[Connection], StreamService] = open_service) -> None:
        self._open = open_
        self._services: OrderedDict[Connection, StreamService] = OrderedDict()
        self._lock = ForkSafeLock()

    def of(self, connection: Connection) -> StreamService:
        """Return the service of a connection. The first call opens it."""
        with self._lock:
            service = self._services.get(connection)
            if service is None:
                service = self._services[connection] = self._open(connection)
            self._services.move_to_end(connection)
            dropped = [self._services.popitem(last=False)[1] for _ in range(len(self._services) - MOST_SHARED)]
        dropped.clear()  # outside the lock, because that may close connections
        return service

    def close(self) -> None:
        """Close all services. A later call of ``of`` opens a new one."""
        with self._lock:
            services, self._services = self._services, OrderedDict()
        for service in services.values():
            service.close()


SERVICES = Services()
"""The shared services of this process, closed when it ends."""

atexit.register(SERVICES.close)


def shared_service(connection: Connection) -> StreamService:
    """Return this process's shared service of a connection; the caller doesn't close it."""
    return SERVICES.of(connection)
