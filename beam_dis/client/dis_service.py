"""``StreamService`` over HTTP: what pipelines use to read and write DIS.

Rules:

1. Callers see no HTTP and no cursors; ``client/cursors.py`` reads pages.
2. Throttling is raised at once and not retried, because the source and the sink pace themselves.
3. A put whose answer was lost is raised and not retried, because only the sink knows whether a record may be written twice.
"""

from __future__ import annotations

from collections.abc import Sequence

from beam_dis.client.answers import as_of, expired_timestamp
from beam_dis.client.api import API
from beam_dis.client.cursors import Cursors
from beam_dis.client.dis_client import DISClient
from beam_dis.client.pages import PutRecordResult
from beam_dis.client.records import put
from beam_dis.client.streams import describe_pages
from beam_dis.client.targets import StreamTarget, Targets
from beam_dis.connection import DISConnection
from beam_dis.errors import (
    AlreadyExistsError,
    AppNotFoundError,
    CheckpointNotFoundError,
    DISError,
    InvalidRequestError,
    PartitionExpiredError,
    PartitionNotFoundError,
    StreamNotFoundError,
    TransportError,
    class_of,
    service_error,
)
from beam_dis.record import PutRecord
from beam_dis.stream_service import (
    NotWritten,
    Page,
    PartitionDescription,
    ReadPosition,
    StreamListing,
    WriteLimits,
    Written,
)
from beam_dis.texts import one_line
from beam_dis.wire import streams as wire
from beam_dis.wire.cursors import decode_cursor
from beam_dis.wire.error_codes import ERROR_CODES, Refusal, Remedy, record_remedy
from beam_dis.wire.limits import MAX_RECORD_BYTES, MAX_REQUEST_BYTES, MAX_REQUEST_RECORDS, THROUGHPUT
from beam_dis.wire.ranges import partition_id as id_of
from beam_dis.wire.ranges import partition_number
from beam_dis.wire.records import PutRecordsRequestEntry

_NAMES_SHOWN = 20
_HOUR_MS = 3_600_000


class DISService:
    """A StreamService over one connection; thread-safe."""

    def __init__(self, connection: DISConnection, *, api: API | None = None) -> None:
        self._api = api or API(connection.resolved())
        self._client = DISClient(api=self._api)
        self._targets = Targets(self._client)
        self._cursors = Cursors(self._api, self._targets)

    def describe(self, stream: str) -> StreamListing:
        """Describe the stream of this name or id, with all its partitions.

        Raises:
            StreamNotFoundError: there is no such stream; the message lists streams that there are.
        """
        try:
            target = self._targets.of(stream)
            found, answer = describe_pages(self._api, target.name, stream_id=target.stream_id)
        except StreamNotFoundError as error:
            raise self._with_names(error) from error
        return _description(found, as_of(answer, self._api.clock()))

    def locate(self, stream: str, partition_id: str, timestamp: int) -> int:
        """The number of the first record at or after ``timestamp`` (ms); if there is none yet, the number to be written next.

        The service resolves a timestamp when it issues a cursor; official clients read the number from the cursor [SDK].
        """
        target = self._targets.of(stream)
        try:
            text = self._client.get_cursor(
                target.name,
                stream_id=target.stream_id,
                partition_id=partition_id,
                cursor_type="AT_TIMESTAMP",
                timestamp=timestamp,
            )
        except InvalidRequestError as error:
            if not expired_timestamp(error):
                raise
            return self._partition(target, partition_id).earliest
        return _number_in(text)

    def read(self, position: ReadPosition, max_bytes: int) -> Page:
        """The records at a position, perhaps none; see ``StreamService.read``."""
        return self._cursors.read(position, max_bytes)

    def write(self, stream: str, records: Sequence[PutRecord]) -> list[Written | NotWritten]:
        """Write records, and return one result per record, in their order.

        Records without data aren't sent: the service would refuse them with the same code.

        Raises:
            DISError: the request as a whole was refused, or its answer was lost.
        """
        full = [record for record in records if record.data]
        entries = [
            PutRecordsRequestEntry(
                r.data,
                r.partition_key,
                None if r.explicit_hash_key is None else str(r.explicit_hash_key),
                None if r.partition_id is None else str(r.partition_id),  # the service takes bare numbers too [§5.4.1]
                r.timestamp,
            )
            for r in full
        ]
        if not entries:
            return [_EMPTY for _ in records]
        target = self._targets.of(stream)
        answer = put(self._api, target.name, entries, stream_id=target.stream_id, retry_throttling=False)
        results = [
            Written(entry.partition_id, entry.sequence_number)
            if entry.sequence_number is not None and entry.partition_id is not None
            else _not_written(entry)
            for entry in answer.records
        ]
        if len(results) == len(records):
            return results
        remaining = iter(results)
        return [next(remaining) if record.data else _EMPTY for record in records]

    def ensure_app(self, app: str) -> None:
        """Create the app if there is none of that name."""
        try:
            self._client.describe_app(app)
        except AppNotFoundError:
            try:
                self._client.create_app(app, retry_lost=True)
            except AlreadyExistsError:
                return  # by another worker, or by an attempt of ours whose answer was lost

    def committed(self, app: str, stream: str, partition_id: str) -> int | None:
        """The number that the app reads next by its checkpoint; None if it hasn't committed any."""
        target = self._targets.of(stream)
        try:
            found = self._client.get_checkpoint(
                app, stream_name=target.name, partition_id=partition_id, stream_id=target.stream_id
            )
        except CheckpointNotFoundError:
            return None
        return found.sequence_number

    def commit(self, app: str, stream: str, partition_id: str, next_sequence_number: int) -> None:
        """Commit the number that the app will read next."""
        target = self._targets.of(stream)
        self._client.commit_checkpoint(
            app,
            stream_name=target.name,
            partition_id=partition_id,
            sequence_number=next_sequence_number,
            stream_id=target.stream_id,
        )

    def close(self) -> None:
        """Close the connections. A later call raises ConfigurationError."""
        self._client.close()

    def _with_names(self, error: StreamNotFoundError) -> DISError:
        """The same error with the names of the project's streams, if they can be listed."""
        try:
            page = self._client.list_streams(limit=_NAMES_SHOWN)
        except DISError:
            return error
        names = ", ".join(one_line(name, 100) for name in page.stream_names[:_NAMES_SHOWN]) or "none"
        more = ", …" if page.has_more_streams else ""
        return service_error(
            f"{error}; streams in project {self._api.project_id}: {names}{more}",
            code=error.code,
            status=error.status,
            service_message=error.service_message,
        )

    def _partition(self, target: StreamTarget, partition_id: str) -> PartitionDescription:
        number = partition_number(partition_id)
        answer = self._client.describe_stream(
            target.name,
            stream_id=target.stream_id,
            start_partition_id=id_of(number - 1) if number else None,
            limit_partitions=1,
        )
        for partition in answer.partitions:
            if partition.partition_id == partition_id:
                return _partition(partition)
        raise service_error(f"stream {target.name!r} has no partition {partition_id}", code="DIS.4302", status=400)


_EMPTY = NotWritten("DIS.4200", "the record is empty: DIS accepts no record without data", retriable=False)


def _description(answer: wire.StreamDescription, asked_at: int) -> StreamListing:
    partitions = sorted(answer.partitions, key=lambda partition: partition_number(partition.partition_id))
    delimiter = answer.csv_properties.delimiter if answer.csv_properties else None
    stream_type = answer.stream_type if answer.stream_type in THROUGHPUT else "COMMON"
    throughput = THROUGHPUT[stream_type]
    return StreamListing(
        name=answer.stream_name,
        stream_id=answer.stream_id,
        data_type=answer.data_type,
        data_schema=answer.data_schema or None,
        delimiter=delimiter or ",",
        partitions=tuple(_partition(partition) for partition in partitions),
        limits=WriteLimits(
            MAX_REQUEST_RECORDS,
            MAX_REQUEST_BYTES[stream_type],
            MAX_RECORD_BYTES,
            throughput.write_records,
            throughput.write_bytes,
            partitions=max(1, sum(partition.status == wire.ACTIVE for partition in partitions)),
        ),
        as_of=asked_at,
        compression=None if answer.compression_format in {None, "", "none"} else answer.compression_format,
        retention_ms=answer.retention_period * _HOUR_MS or None,
    )


def _partition(answer: wire.PartitionResult) -> PartitionDescription:
    return PartitionDescription(
        partition_id=answer.partition_id,
        earliest=answer.earliest or 0,
        next=answer.next or 0,
        writable=answer.status == wire.ACTIVE,
        readable=answer.status != wire.EXPIRED,
    )


def _not_written(entry: PutRecordResult) -> NotWritten:
    code = entry.error_code or ""
    remedy = record_remedy(code)
    text = entry.error_message or (ERROR_CODES[code].text if code in ERROR_CODES else "no reason given")
    return NotWritten(
        code,
        text,
        retriable=remedy in (Remedy.RETRY, Remedy.SLOW_DOWN),
        throttled=remedy is Remedy.SLOW_DOWN,
        no_partition=class_of(code, 0) in (PartitionNotFoundError, PartitionExpiredError),
    )


def _number_in(text: str) -> int:
    try:
        return int(decode_cursor(text).get_iterator_param.starting_sequence_number)
    except Refusal as error:
        raise TransportError(
            "the service's cursor doesn't contain a sequence number: its format has changed; please report it"
        ) from error
