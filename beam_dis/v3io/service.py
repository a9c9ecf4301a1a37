"""``StreamService`` over V3IO: what pipelines use to read and write its streams.

Rules:

1. Callers see no HTTP and no locations; ``pages`` reads, ``listings`` finds the ends of shards.
2. Shard 3 is the partition ``shardId-0000000003``. A stream has no id of its own: its id is the container and the path.
3. Throttling is raised at once and not retried, and a put whose answer was lost is raised and not retried, as with DIS.
4. There are no apps and no checkpoints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from beam_dis.client.answers import as_of
from beam_dis.errors import ConfigurationError
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, Page, ReadPosition, StreamListing, WriteLimits, Written
from beam_dis.texts import one_line
from beam_dis.v3io.answers import code_of, is_refused, known_name
from beam_dis.v3io.client import V3IOClient
from beam_dis.v3io.connection import V3IOConnection
from beam_dis.v3io.listings import ShardListings
from beam_dis.v3io.messages import (
    ERRORS,
    MAX_RECORD_BYTES,
    MAX_REQUEST_RECORDS,
    SHARD_OUT_OF_RANGE,
    RecordResult,
)
from beam_dis.v3io.new_records import new_record
from beam_dis.v3io.pages import ShardPages
from beam_dis.v3io.shards import MILLISECOND, Shard, ShardSearch
from beam_dis.wire.ranges import partition_id, partition_number

REQUEST_BYTES = 6_000_000
"""The data of a put, so that its JSON has less than the 10 MB that the service takes: base64 makes 8 MB of it, and 1,000 records
with the longest keys and client information add less than 2 MB."""

_UNLIMITED = 10**12
"""What a shard takes in a second, since no limit is documented."""

_HOUR_MS = 3_600_000


class V3IOService:
    """A StreamService over one connection; thread-safe."""

    def __init__(self, connection: V3IOConnection, *, client: V3IOClient | None = None) -> None:
        self._client = client or V3IOClient(connection)
        self._search = ShardSearch(self._client)
        self._listings = ShardListings(self._search)
        self._pages = ShardPages(self._client, self._search)

    def describe(self, stream: str) -> StreamListing:
        """Describe the stream at a path, with all its shards. Raises StreamNotFoundError."""
        found, answer = self._client.describe(stream)
        return StreamListing(
            name=stream,
            stream_id=f"{self._client.container}/{stream}",
            data_type="BLOB",
            data_schema=None,
            delimiter=",",
            partitions=self._listings.partitions(stream, found.shard_count),
            limits=WriteLimits(
                MAX_REQUEST_RECORDS,
                REQUEST_BYTES,
                MAX_RECORD_BYTES,
                _UNLIMITED,
                _UNLIMITED,
                partitions=found.shard_count,
            ),
            as_of=as_of(answer, self._client.clock()),
            retention_ms=found.retention_period_hours * _HOUR_MS or None,
        )

    def locate(self, stream: str, partition_id: str, timestamp: int) -> int:
        """The number of the first record at or after ``timestamp`` (ms); if there is none yet, the number after the last one."""
        shard = Shard(stream, partition_number(partition_id))
        number = self._search.at_time(shard, timestamp * MILLISECOND).number
        if number is not None:
            return number
        end = self._listings.partition(shard).next
        number = self._search.at_time(
            shard, timestamp * MILLISECOND
        ).number  # it may have arrived before the end was found
        return end if number is None else number

    def read(self, position: ReadPosition, max_bytes: int) -> Page:
        """The records at a position, perhaps none; see ``StreamService.read``."""
        return self._pages.read(position, max_bytes)

    def write(self, stream: str, records: Sequence[PutRecord]) -> list[Written | NotWritten]:
        """Write records, and return one result per record, in their order.

        Raises:
            DISError: the request as a whole was refused, or its answer was lost.
        """
        if not records:
            return []
        answer = self._client.put(stream, [new_record(record) for record in records], retry_throttling=False)
        return [_result(result) for result in answer.records]

    def ensure_app(self, app: str) -> None:
        """Raise ConfigurationError."""
        self._refuse_app(app)

    def committed(self, app: str, stream: str, partition_id: str) -> int | None:
        """Raise ConfigurationError."""
        self._refuse_app(app)

    def commit(self, app: str, stream: str, partition_id: str, next_sequence_number: int) -> None:
        """Raise ConfigurationError."""
        self._refuse_app(app)

    def close(self) -> None:
        """Close the connections. A later call raises ConfigurationError."""
        self._client.close()

    def _refuse_app(self, app: str) -> NoReturn:
        raise ConfigurationError(f"app={app!r}: {V3IOConnection.lacks['app']}")


def _result(result: RecordResult) -> Written | NotWritten:
    if not is_refused(result) and result.shard_id is not None and result.sequence_number is not None:
        return Written(partition_id(result.shard_id), result.sequence_number)
    name = result.error_message or ""
    known = ERRORS.get(known_name(name))
    return NotWritten(
        code_of(name),
        one_line(f"{name} ({result.error_code})") if name else f"error {result.error_code}",
        retriable=known is None,
        no_partition=name == SHARD_OUT_OF_RANGE,
    )
