"""Opens and shares the services that connections name: the one file that knows the seam and what is behind it.

Law: a service is opened for a resolved connection, in the process that uses it. The shared ones live until the process ends, so
that pooled sockets outlive DoFns.
"""

from __future__ import annotations

import atexit
import threading

from beam_dis.client.dis_service import DISService
from beam_dis.connection import DISConnection
from beam_dis.stream_service import StreamService


class Services:
    """The services that a process shares, one per connection; thread-safe."""

    def __init__(self) -> None:
        self._services: dict[DISConnection, StreamService] = {}
        self._lock = threading.Lock()

    def of(self, connection: DISConnection) -> StreamService:
        """The service of a connection, opened when it is asked for first."""
        with self._lock:
            service = self._services.get(connection)
            if service is None:
                service = self._services[connection] = open_service(connection)
            return service

    def close(self) -> None:
        """Close all of them; the next one asked for is opened again."""
        with self._lock:
            services, self._services = self._services, {}
        for service in services.values():
            service.close()


SERVICES = Services()
"""Those of this process, closed when it ends."""

atexit.register(SERVICES.close)


def open_service(connection: DISConnection) -> StreamService:
    """A service of its own for a resolved connection; the caller closes it."""
    return DISService(connection)


def shared_service(connection: DISConnection) -> StreamService:
    """The service of a connection that this process shares; nobody closes it."""
    return SERVICES.of(connection)
