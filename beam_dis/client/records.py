"""Operations on records: put, get and cursors [§5.4]; methods of ``DISClient``.

Law: data is bytes, sequence numbers are ints. What became of a put is the caller's to see, record by record. Besides what
each names, all raise the general errors of ``DISClient``.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from beam_dis.client.answers import Answer, reading, with_answer
from beam_dis.client.pages import PutAnswer, ReadPage, page_of, put_of
from beam_dis.client.session import Session
from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.wire import records as wire


def put_records(
    client: Session,
    stream_name: str,
    *,
    records: Iterable[wire.PutRecordsRequestEntry],
    stream_id: str | None = None,
    retry_lost: bool = False,
) -> wire.PutRecordsResult:
    """Append records; what became of each, in their order [§5.4.1].

    A record has at most 1 MiB of data and at least a byte, a request 1 MiB together (ADVANCED streams: 5 MiB) and, as
    official clients send, 1000 records at most. ``stream_id`` counts where the name doesn't resolve. A result with
    ``failed_record_count`` above 0 has entries with ``error_code`` in place of ``partition_id`` and ``sequence_number``:
    sending those again is the caller's work. An answer that was lost is tried again only with ``retry_lost``, since the
    records may be there already; else TransportError says ``maybe_done``.
    Raises StreamNotFoundError, StreamNotRunningError, InvalidRequestError; EncodeError, unsent, for an empty record.
    """
    entries = list(records)
    for index, entry in enumerate(entries):
        if not entry.data:
            raise EncodeError(f"record {index} of {len(entries)} for stream {stream_name!r} is empty: give it data")
    answer = put(client, stream_name, entries, stream_id=stream_id, retry_lost=retry_lost)
    results = [
        wire.PutRecordsResultEntry(
            partition_id=entry.partition_id,
            sequence_number=None if entry.sequence_number is None else str(entry.sequence_number),
            error_code=entry.error_code or None,
            error_message=entry.error_message,
        )
        for entry in answer.records
    ]
    return wire.PutRecordsResult(sum(1 for entry in results if entry.error_code), results)


def put(
    client: Session,
    stream_name: str,
    entries: list[wire.PutRecordsRequestEntry],
    *,
    stream_id: str | None = None,
    retry_lost: bool = False,
    patient: bool = True,
) -> PutAnswer:
    """What became of records whose data isn't empty; ``patient`` waits where the whole request is throttled."""
    if not entries:
        raise ConfigurationError(f"no records to put into stream {stream_name!r}: give at least one")
    request = wire.PutRecordsRequest(stream_name, stream_id, entries)
    reading_all = partial(put_of, count=len(entries))
    return client.ask("put_records", reading_all, message=request, retry_lost=retry_lost, patient=patient)


def get_records(
    client: Session, partition_cursor: str, *, max_fetch_bytes: int | None = None, app_name: str | None = None
) -> wire.GetRecordsResult:
    """The next records at a cursor, perhaps none, and the cursor behind them [§5.4.2].

    ``max_fetch_bytes`` counts data before base64 (2 MiB where absent); a record larger than that is never returned.
    ``timestamp`` of a record is its arrival in ms. ``app_name`` is for the service's statistics.
    Raises CursorRefusedError (open a new one at the next sequence number), PartitionExpiredError, ThrottledError.
    """
    page, _ = read_page(client, partition_cursor, max_fetch_bytes=max_fetch_bytes, app_name=app_name)
    records = [wire.Record(r.partition_key, str(r.sequence_number), r.data, r.timestamp) for r in page.records]
    return wire.GetRecordsResult(records, page.next_partition_cursor)


def read_page(
    client: Session,
    partition_cursor: str,
    *,
    max_fetch_bytes: int | None = None,
    app_name: str | None = None,
    about: str = "",
    patient: bool = True,
) -> tuple[ReadPage, Answer]:
    """A page of records with ints for numbers, and the answer it came in; ``about`` says in errors where it is from."""
    query = wire.GetRecordsQuery(partition_cursor, max_fetch_bytes, None, app_name)
    return client.ask("get_records", with_answer(page_of), message=query, about=about, patient=patient)


def get_cursor(
    client: Session,
    stream_name: str | None,
    *,
    partition_id: str,
    cursor_type: str = "AT_SEQUENCE_NUMBER",
    starting_sequence_number: int | None = None,
    timestamp: int | None = None,
    stream_id: str | None = None,
) -> str:
    """A cursor, good for five minutes and any number of reads [§5.4.3].

    ``cursor_type`` is AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER with ``starting_sequence_number``, AT_TIMESTAMP with
    ``timestamp`` (ms), TRIM_HORIZON (the oldest record) or LATEST (behind the newest).
    Raises StreamNotFoundError, PartitionNotFoundError, PartitionExpiredError, OutOfRangeError; InvalidRequestError where
    the timestamp is older than the oldest record (DIS.4300).
    """
    query = wire.GetCursorQuery(
        stream_name=stream_name,
        stream_id=stream_id,
        partition_id=partition_id,
        cursor_type=cursor_type,
        starting_sequence_number=None if starting_sequence_number is None else str(starting_sequence_number),
        timestamp=timestamp,
    )
    return client.ask("get_cursor", reading(wire.GetCursorResult), message=query).partition_cursor
