"""Operations on records: put, get and cursors [§5.4]; methods of ``DISClient``.

Law: data is bytes, sequence numbers are ints. What became of a put is the caller's to see, record by record. Besides what
each names, all raise the general errors of ``DISClient``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from beam_dis.client.answers import Answer, reading, with_answer
from beam_dis.client.pages import PutResult, ReadPage, page_of, put_of
from beam_dis.client.session import Session
from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.names import canonical_partition_id
from beam_dis.record import PutRecord
from beam_dis.wire import records as wire
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.ranges import explicit_hash


def put_records(
    client: Session,
    stream_name: str,
    records: Iterable[PutRecord],
    *,
    stream_id: str | None = None,
    retry_lost: bool = False,
) -> PutResult:
    """Append records to a stream [§5.4.1].

    A record has 1 byte to 1 MiB of data. A request has up to 1 MiB of data (5 MiB for ADVANCED streams) and, as official
    clients send, up to 1000 records. The client doesn't send refused records again: look at ``failed_record_count``.

    Args:
        client: the client.
        stream_name: the stream.
        records: ``PutRecord`` values, at least one.
        stream_id: the stream's id, which counts if the name isn't found, as for a stream shared by another project.
        retry_lost: send the request again if its answer is lost, although the records may have been stored then. Without
            it, TransportError says ``maybe_done``.

    Returns:
        One result per record, in their order: ``partition_id`` and ``sequence_number``, or ``error_code``.

    Raises:
        EncodeError: a record can't be sent; nothing was sent.
        StreamNotFoundError, StreamNotRunningError, InvalidRequestError: the service refused the whole request.
    """
    given = _listed(records, stream_name)
    entries = [
        _entry(record, f"record {i} of {len(given)} for stream {stream_name!r}") for i, record in enumerate(given)
    ]
    return put(client, stream_name, entries, stream_id=stream_id, retry_lost=retry_lost)


def _listed(records: Any, stream_name: str) -> list[Any]:
    if isinstance(records, str | bytes | Mapping | PutRecord) or not isinstance(records, Iterable):
        raise EncodeError(
            f"records for stream {stream_name!r} are a {type(records).__name__}: give a list of PutRecord(data, …)"
        )
    return list(records)


def _entry(record: Any, where: str) -> wire.PutRecordsRequestEntry:
    """A record as it is sent. Raises EncodeError, which names the field."""
    if not isinstance(record, PutRecord):
        raise EncodeError(f"{where} is a {type(record).__name__}: give PutRecord(data, partition_key=…)")
    if not isinstance(record.data, bytes | bytearray | memoryview):
        advice = 'encode text, such as data="…".encode()' if isinstance(record.data, str) else "give bytes"
        raise EncodeError(f"{where}: data is a {type(record.data).__name__}, not bytes: {advice}")
    if not record.data:
        raise EncodeError(f"{where} is empty: give it data")
    key = record.partition_key
    if key is not None and not isinstance(key, str):
        advice = "decode it, such as partition_key=key.decode()" if isinstance(key, bytes) else "give text"
        raise EncodeError(f"{where}: partition_key is a {type(key).__name__}, not a str: {advice}")
    partition, explicit = record.partition_id, record.explicit_hash_key
    try:
        return wire.PutRecordsRequestEntry(
            bytes(record.data),
            key,
            None
            if explicit is None
            else str(explicit_hash(explicit if isinstance(explicit, str) else f"{explicit:d}")),
            None if partition is None else canonical_partition_id(partition),
        )
    except ConfigurationError as error:
        raise EncodeError(f"{where}: {error}") from error
    except (Refusal, TypeError, ValueError) as error:
        raise EncodeError(f"{where}: explicit_hash_key={explicit!r} is not a number of 0 to 2**63 - 1") from error


def put(
    client: Session,
    stream_name: str,
    entries: list[wire.PutRecordsRequestEntry],
    *,
    stream_id: str | None = None,
    retry_lost: bool = False,
    patient: bool = True,
) -> PutResult:
    """What became of records whose data isn't empty; ``patient`` waits where the whole request is throttled."""
    if not entries:
        raise ConfigurationError(f"no records to put into stream {stream_name!r}: give at least one")
    request = wire.PutRecordsRequest(stream_name, stream_id, entries)
    reading_all = partial(put_of, count=len(entries))
    return client.ask("put_records", reading_all, message=request, retry_lost=retry_lost, patient=patient)


def get_records(
    client: Session, partition_cursor: str, *, max_fetch_bytes: int | None = None, app_name: str | None = None
) -> ReadPage:
    """Read the next records at a cursor, perhaps none [§5.4.2].

    Args:
        client: the client.
        partition_cursor: from ``get_cursor``, or the ``next_partition_cursor`` of the page before.
        max_fetch_bytes: the most data to return, before base64 (default 2 MiB). A larger record is never returned.
        app_name: the app that reads, for the service's statistics.

    Returns:
        The records, whose ``timestamp`` is their arrival in ms, and the cursor after them.

    Raises:
        CursorRefusedError: the cursor is too old; open a new one at the next sequence number.
        PartitionExpiredError: the partition was scaled away and its retention has passed.
        ThrottledError: too much traffic until the deadline.
    """
    page, _ = read_page(client, partition_cursor, max_fetch_bytes=max_fetch_bytes, app_name=app_name)
    return page


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
