"""Opens and shares the services of connections: the only file that knows both the protocol and its implementation.

Rules:

1. A service is opened for a resolved connection, in the process that uses it.
2. Shared services stay open until the process ends, so that connections are reused by the next DoFn.
"""

from __future__ import annotations

import atexit
import threading

from beam_dis.client.dis_service import DISService
from beam_dis.connection import DISConnection
from beam_dis.stream_service import StreamService


class Services:
    """Shared services, one per connection; thread-safe."""

    def __init__(self) -> None:
        self._services: dict[DISConnection, StreamService] = {}
        self._lock = threading.Lock()

    def of(self, connection: DISConnection) -> StreamService:
        """Return the service of a connection. The first call opens it."""
        with self._lock:
            service = self._services.get(connection)
            if service is None:
                service = self._services[connection] = open_service(connection)
            return service

    def close(self) -> None:
        """Close all services. A later call of ``of`` opens a new one."""
        with self._lock:
            services, self._services = self._services, {}
        for service in services.values():
            service.close()


SERVICES = Services()
"""The shared services of this process, closed when it ends."""

atexit.register(SERVICES.close)


def open_service(connection: DISConnection) -> StreamService:
    """Open a service for a resolved connection; the caller closes it."""
    return DISService(connection)


def shared_service(connection: DISConnection) -> StreamService:
    """Return this process's shared service of a connection; the caller doesn't close it."""
    return SERVICES.of(connection)
