"""The stream that is copied into: created like the source, scaled like it, and asked how far the copy is.

Rules:

1. A stream that isn't there is created with the source's type of data, schema, delimiter, compression, retention and tags, and
   with as many partitions as the records of the source need.
2. It is scaled up before a partition needs it. A partition that was scaled away in the source is scaled away here when its
   records are copied.
3. A position of the copy is a checkpoint: its sequence number is that of a source record, its metadata says which number this
   record has here, and from which stream it is.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import msgspec

from beam_dis.client import DISClient, PageRecord
from beam_dis.client.pages import PutResult
from beam_dis.copying.partition_reader import PartitionReader
from beam_dis.errors import (
    AlreadyExistsError,
    AppNotFoundError,
    ConfigurationError,
    PartitionNotFoundError,
    StreamNotFoundError,
    StreamNotRunningError,
    ThrottledError,
)
from beam_dis.record import PutRecord
from beam_dis.wire.ranges import partition_id as id_of
from beam_dis.wire.ranges import partition_number
from beam_dis.wire.streams import ACTIVE, CREATING, PartitionResult, StreamDescription

_log = logging.getLogger(__name__)

READY_SECONDS = 120.0
"""How long a stream may take to be created or scaled."""

SETTLE_SECONDS = 10.0
"""How long a copy that goes on waits at most for requests of an earlier run, which may have been killed while they were under way."""

_POLL_SECONDS = 1.0
_UNCOMPRESSED = {None, "", "none"}


class CopyPosition(NamedTuple):
    """The record with the number ``source`` in the source has, or will get, the number ``target`` in the target."""

    source: int
    target: int


class _Metadata(msgspec.Struct):
    """What a checkpoint says besides its number."""

    source: str
    at: int


class CopyTarget:
    """The target of one copy.

    Args:
        client: the DIS.
        stream: the name of the stream.
        app: the app whose checkpoints are the positions.
        source_id: the id of the source stream.
        sleep: pauses.
    """

    def __init__(
        self, client: DISClient, stream: str, *, app: str, source_id: str, sleep: Callable[[float], None]
    ) -> None:
        self.stream = stream
        self.stream_id = ""
        self.stream_type = "COMMON"
        self.created = False
        self._active: set[int] = set()
        self._postponed = False
        self._client = client
        self._app = app
        self._source_id = source_id
        self._sleep = sleep

    def open(self, source: StreamDescription) -> None:
        """Describe the stream, or create it; and the app.

        Raises:
            QuotaExceededError: the project's partitions are used up.
            StreamNotRunningError: it isn't ready after two minutes.
        """
        try:
            found = self._client.describe_whole_stream(self.stream)
        except StreamNotFoundError:
            wanted = {partition_number(p.partition_id) for p in source.partitions if p.status == ACTIVE or unread(p)}
            self._create(source, 1 + max(wanted, default=0))
            found = self._ready(wanted)
        else:
            found = self._settled(found)
        self._ensure_app()
        self.stream_id, self.stream_type = found.stream_id, found.stream_type
        self._active = _active(found)

    def _settled(self, found: StreamDescription) -> StreamDescription:
        """A stream once its numbers have stayed the same for a second; requests of an earlier run may still be carried out."""
        waited = 0.0
        while any(p.next for p in found.partitions) and waited < SETTLE_SECONDS:
            self._sleep(_POLL_SECONDS)
            waited += _POLL_SECONDS
            before, found = found, self._client.describe_whole_stream(self.stream)
            if [p.next for p in found.partitions] == [p.next for p in before.partitions]:
                break
        return found

    def grow(self, wanted: set[int]) -> None:
        """Scale the stream up unless the partitions with these numbers take records.

        Raises:
            QuotaExceededError: the project's partitions are used up.
            ThrottledError: the stream can't be scaled again yet.
            StreamNotRunningError: it isn't ready after two minutes.
        """
        if wanted <= self._active:
            return
        self._client.update_partition_count(self.stream, target_partition_count=1 + max(wanted))
        self._active = _active(self._ready(wanted))

    def close_like(self, source: StreamDescription) -> None:
        """Scale away the partitions that were scaled away in the source; all of their records must be copied.

        Both streams must take records in their first partitions, which is what scaling down leaves. If the stream can't be scaled
        again yet, the next copy does it.
        """
        here, there = self._active, _active(source)
        first = set(range(len(there))) == there and set(range(len(here))) == here
        if not first or not there < here or len(here) > len(source.partitions) or self._postponed:
            return
        try:
            self._client.update_partition_count(self.stream, target_partition_count=len(there))
        except ThrottledError as error:
            self._postponed = True
            _log.warning(
                "stream %r takes records in %d partitions and its source in %d: it can't be scaled down yet: %s",
                self.stream,
                len(here),
                len(there),
                error,
            )
            return
        self._active = there

    def numbers(self, partition_id: str) -> tuple[int, int]:
        """The numbers of the oldest record of a partition and of the next one."""
        start = partition_number(partition_id)
        listing = self._client.describe_stream(
            self.stream, start_partition_id=id_of(start - 1) if start else None, limit_partitions=1
        )
        found = next((p for p in listing.partitions if p.partition_id == partition_id), None)
        return (0, 0) if found is None else (found.earliest or 0, found.next or 0)

    def reader(self, partition_id: str) -> PartitionReader:
        """Reads a partition."""
        return PartitionReader(self._client, self.stream, self.stream_id, partition_id, sleep=self._sleep)

    def put(self, partition_id: str, records: list[PageRecord]) -> PutResult:
        """Put records into a partition, whatever their keys. Raises as ``DISClient.put_records`` does."""
        return self._client.put_records(
            self.stream,
            [
                PutRecord(record.data, partition_key=record.partition_key or None, partition_id=partition_id)
                for record in records
            ],
        )

    def position(self, partition_id: str) -> CopyPosition | None:
        """The last position in a partition; None before the first record.

        Raises:
            ConfigurationError: another stream was copied into this one.
        """
        try:
            found = self._client.get_checkpoint(self._app, stream_name=self.stream, partition_id=partition_id)
        except PartitionNotFoundError:
            return None
        if found.sequence_number is None:
            return None
        try:
            said = msgspec.json.decode(found.metadata or "", type=_Metadata)
        except msgspec.MsgspecError:
            said = _Metadata("unknown", 0)
        if said.source != self._source_id:
            raise ConfigurationError(
                f"stream {self.stream!r} is a copy of the stream with the id {said.source!r}, not of {self._source_id!r}: copy into"
                " another stream"
            )
        return CopyPosition(found.sequence_number, said.at)

    def commit(self, partition_id: str, position: CopyPosition) -> None:
        """Store a position."""
        self._client.commit_checkpoint(
            self._app,
            stream_name=self.stream,
            partition_id=partition_id,
            sequence_number=position.source,
            metadata=msgspec.json.encode(_Metadata(self._source_id, position.target)).decode(),
        )

    def _create(self, source: StreamDescription, partition_count: int) -> None:
        csv = source.csv_properties
        self.created = True
        with suppress(AlreadyExistsError):  # by an attempt of ours whose answer was lost
            self._client.create_stream(
                self.stream,
                partition_count=partition_count,
                stream_type=source.stream_type or None,
                data_type=source.data_type or None,
                data_duration=source.retention_period or None,
                data_schema=source.data_schema or None,
                csv_delimiter=csv.delimiter if csv else None,
                compression_format=None if source.compression_format in _UNCOMPRESSED else source.compression_format,
                tags={tag.key: tag.value or "" for tag in source.tags} or None,
                retry_lost=True,
            )

    def _ready(self, wanted: set[int]) -> StreamDescription:
        """The description once the partitions with these numbers take records."""
        for _ in range(int(READY_SECONDS / _POLL_SECONDS)):
            found = self._client.describe_whole_stream(self.stream)
            if found.status != CREATING and wanted <= _active(found):
                return found
            self._sleep(_POLL_SECONDS)
        missing = ", ".join(map(id_of, sorted(wanted - _active(found))))
        raise StreamNotRunningError(
            f"stream {self.stream!r} has status {found.status}, and the copy needs partitions that take no records ({missing}) after"
            f" {READY_SECONDS:.0f} s: run the copy again later"
        )

    def _ensure_app(self) -> None:
        try:
            self._client.describe_app(self._app)
        except AppNotFoundError:
            with suppress(AlreadyExistsError):  # as above
                self._client.create_app(self._app, retry_lost=True)


def unread(partition: PartitionResult) -> range:
    """The numbers of the records that a partition has; none once it has expired."""
    return range(partition.earliest or 0, partition.next or 0)


def _active(stream: StreamDescription) -> set[int]:
    """The numbers of the partitions that take records."""
    return {partition_number(p.partition_id) for p in stream.partitions if p.status == ACTIVE}
