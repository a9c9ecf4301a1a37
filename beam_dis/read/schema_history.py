"""The schemas that a stream has had while this process reads it.

Rules:
1. A stream is listed for its schema only when a record doesn't decode, and at most once per interval and process.
2. A schema that was seen is kept, up to sixteen of a stream: records that were written with it may be read later.
3. A stream that can't be described raises the service's error, so that the bundle is tried again: the record isn't to blame.
   If it isn't there any more, the schemas that are known remain.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from beam_dis.connection import Connection
from beam_dis.errors import StreamNotFoundError
from beam_dis.forks import ForkSafeLock
from beam_dis.services import open_service, shared_service
from beam_dis.stream_service import StreamListing, StreamService

MOST_SCHEMAS = 16


class SchemaHistory:
    """The schemas of the streams of this process; thread-safe. ``clock`` in seconds."""

    def __init__(
        self,
        service_of: Callable[[Connection], StreamService] = shared_service,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service_of = service_of
        self._clock = clock
        self._lock = ForkSafeLock()
        self._schemas: dict[tuple[Connection, str], tuple[str, ...]] = {}
        self._listed_at: dict[tuple[Connection, str], float] = {}

    def refresh(self, connection: Connection, stream: str, interval: float) -> tuple[str, ...]:
        """The schemas of a stream, newest first, after a listing if the last one is older than ``interval`` seconds."""
        key = (connection, stream)
        with self._lock:  # other readers of the stream wait for the listing, since their records need it too
            known = self._schemas.get(key, ())
            if key in self._listed_at and self._clock() - self._listed_at[key] < interval:
                return known
            try:
                present = self._service_of(connection).describe(stream).data_schema
            except StreamNotFoundError:
                present = None
            self._listed_at[key] = self._clock()
            if present:
                known = (present, *(schema for schema in known if schema != present))[:MOST_SCHEMAS]
                self._schemas[key] = known
            return known


SCHEMA_HISTORY = SchemaHistory()
"""The history of this process."""


@dataclass(frozen=True, slots=True)
class StreamSchemas:
    """The schemas of one stream, for a step: it is pickled without the history."""

    connection: Connection
    stream: str
    interval: float

    def __call__(self) -> tuple[str, ...]:
        """The schemas, newest first; lists the stream if that is due."""
        return SCHEMA_HISTORY.refresh(self.connection, self.stream, self.interval)


def describe_once(connection: Connection, stream: str) -> StreamListing:
    """Describe a stream while the pipeline is built, through a service that is closed at once."""
    service = open_service(connection)
    try:
        return service.describe(stream)
    finally:
        service.close()
