"""The operations on records: put, get and cursors [§5.4].

Data is bytes and sequence numbers are ints. A record that can't be sent raises EncodeError before anything is sent; records that
the service refuses are for the caller to see, one result per record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from beam_dis.client.answers import GoodAnswer, with_answer
from beam_dis.client.api import API
from beam_dis.client.arguments import checks_arguments, required
from beam_dis.client.pages import Place, PutResult, ReadPage, cursor_of, page_of, place_in, put_of
from beam_dis.client.transport import MAX_ANSWER_BYTES
from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.plain_values import described
from beam_dis.record import PutRecord
from beam_dis.record_checks import checked_record
from beam_dis.wire import records as wire
from beam_dis.wire.limits import DEFAULT_FETCH_BYTES

ANSWER_BYTES_PER_BYTE = 16
"""How many bytes of an answer a byte of data may take: 4/3 in base64, and more if the records are small."""

MOST_FETCHED = 10 * 1024 * 1024
"""The most bytes of data that a page is expected to have, however many were asked for."""


class RecordOperations:
    """The methods of ``DISClient`` about records. All raise the general errors that ``DISClient`` lists."""

    _api: API

    @checks_arguments
    def put_records(
        self,
        stream_name: str,
        records: Iterable[PutRecord],
        *,
        stream_id: str | None = None,
        retry_lost: bool = False,
    ) -> PutResult:
        """Append records to a stream [§5.4.1].

        A record has 1 byte to 1 MiB of data. A request has up to 1 MiB of data (5 MiB for ADVANCED streams) and, as official
        clients send, up to 1000 records. Refused records aren't sent again: look at ``failed_record_count``.

        Args:
            stream_name: the stream.
            records: ``PutRecord`` values, at least one.
            stream_id: counts if the name isn't found, as for a stream shared by another project.
            retry_lost: send the request again if its answer is lost, although the records may be stored already. Without
                it, TransportError says ``maybe_done``.

        Returns:
            One result per record, in their order, with ``partition_id`` and ``sequence_number``, or ``error_code``.

        Raises:
            EncodeError: a record can't be sent. Nothing was sent.
            StreamNotFoundError: there is no such stream.
            StreamNotRunningError: the stream is being created or deleted, or is frozen.
            InvalidRequestError: the request is too large, or breaks another rule of the service.
        """
        if isinstance(records, str | bytes | Mapping | PutRecord) or not isinstance(records, Iterable):
            raise EncodeError(
                f"records for stream {stream_name!r} are {described(records)}: give a list of PutRecord(data, …)"
            )
        listed = list(records)
        entries: list[wire.PutRecordsRequestEntry] = []
        try:
            entries.extend(_entry(record) for record in listed)
        except EncodeError as error:
            index = len(entries)  # those before it were added
            raise EncodeError(f"record {index} of {len(listed)} for stream {stream_name!r}: {error}") from error
        return put(self._api, stream_name, entries, stream_id=stream_id, retry_lost=retry_lost)

    @checks_arguments
    def get_records(
        self, partition_cursor: str, *, max_fetch_bytes: int | None = None, app_name: str | None = None
    ) -> ReadPage:
        """Return the next records at a cursor, perhaps none [§5.4.2].

        Args:
            partition_cursor: from ``get_cursor``, or the ``next_partition_cursor`` of the page before.
            max_fetch_bytes: the most data to return, counted before base64 (default 2 MiB). A larger record is never
                returned. A record takes 240 bytes of memory besides its data: ask for less if records are small.
            app_name: the app that reads, for the service's statistics.

        Returns:
            The records, whose ``timestamp`` is their arrival in ms, and the cursor after them.

        Raises:
            CursorRefusedError: the cursor is too old or damaged; open a new one at the next sequence number.
            PartitionExpiredError: the partition was scaled away and its retention has passed.
            ThrottledError: too much traffic until the deadline.
            AnswerTooLargeError: the answer has more than 16 MiB and 16 bytes for each byte of ``max_fetch_bytes``.
        """
        page, _ = read_page(self._api, partition_cursor, max_fetch_bytes=max_fetch_bytes, app_name=app_name)
        return page

    @checks_arguments
    def get_cursor(
        self,
        stream_name: str | None,
        *,
        partition_id: int | str,
        cursor_type: str = "AT_SEQUENCE_NUMBER",
        starting_sequence_number: int | None = None,
        timestamp: int | None = None,
        stream_id: str | None = None,
    ) -> str:
        """Return a cursor, which is valid for five minutes and any number of reads [§5.4.3].

        Args:
            stream_name: the stream; None if ``stream_id`` names it.
            partition_id: a number or an id.
            cursor_type: AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER, with ``starting_sequence_number``; AT_TIMESTAMP, with
                ``timestamp``; TRIM_HORIZON, the oldest record; or LATEST, after the newest record.
            starting_sequence_number: 0 or more.
            timestamp: milliseconds since 1970.
            stream_id: counts if the name isn't found, as for a stream shared by another project.

        Raises:
            StreamNotFoundError: there is no such stream.
            PartitionNotFoundError: there is no such partition.
            PartitionExpiredError: the partition was scaled away and its retention has passed.
            OutOfRangeError: the partition doesn't have that number; ``earliest`` and ``next`` say which it has.
            InvalidRequestError: the timestamp is before the oldest record (DIS.4300).
        """
        if stream_id is None:
            required("get_cursor", stream_name=stream_name)
        if cursor_type.endswith("_SEQUENCE_NUMBER"):
            required("get_cursor", starting_sequence_number=starting_sequence_number)
        if cursor_type == "AT_TIMESTAMP":
            required("get_cursor", timestamp=timestamp)
        query = wire.GetCursorQuery(
            stream_name=stream_name,
            stream_id=stream_id,
            partition_id=str(partition_id),
            cursor_type=cursor_type,
            starting_sequence_number=None if starting_sequence_number is None else str(starting_sequence_number),
            timestamp=timestamp,
        )
        return self._api.call("get_cursor", partial(cursor_of, partition_id=query.partition_id), message=query)


def put(
    api: API,
    stream_name: str,
    entries: list[wire.PutRecordsRequestEntry],
    *,
    stream_id: str | None = None,
    retry_lost: bool = False,
    retry_throttling: bool = True,
) -> PutResult:
    """Put records that have data, unchecked."""
    if not entries:
        raise ConfigurationError(f"no records to put into stream {stream_name!r}: give at least one")
    return api.call(
        "put_records",
        partial(put_of, count=len(entries)),
        message=wire.PutRecordsRequest(stream_name, stream_id, entries),
        retry_lost=retry_lost,
        retry_throttling=retry_throttling,
    )


def read_page(
    api: API,
    partition_cursor: str,
    *,
    max_fetch_bytes: int | None = None,
    app_name: str | None = None,
    place: Place | None = None,
    subject: str = "",
    retry_throttling: bool = True,
    max_answer: int | None = None,
) -> tuple[ReadPage, GoodAnswer]:
    """Return a page of records and its answer.

    ``place`` is where the page begins, by default what the cursor says; ``subject`` says in errors where the page is from.
    ``max_answer`` bounds the bytes of the answer; the default has room for any record, whatever its key.
    """
    query = wire.GetRecordsQuery(partition_cursor, max_fetch_bytes, None, app_name)
    return api.call(
        "get_records",
        with_answer(partial(page_of, asked=place or place_in(partition_cursor))),
        message=query,
        subject=subject,
        retry_throttling=retry_throttling,
        max_answer=max_answer
        or MAX_ANSWER_BYTES + ANSWER_BYTES_PER_BYTE * min(max_fetch_bytes or DEFAULT_FETCH_BYTES, MOST_FETCHED),
    )


def _entry(record: Any) -> wire.PutRecordsRequestEntry:
    """Check a record, and convert it to what is sent. Raises EncodeError, which names the field."""
    plain = checked_record(record)
    hash_key, partition = plain.explicit_hash_key, plain.partition_id
    return wire.PutRecordsRequestEntry(
        plain.data,
        plain.partition_key,
        None if hash_key is None else str(hash_key),
        None if partition is None else str(partition),
        plain.timestamp,
    )
