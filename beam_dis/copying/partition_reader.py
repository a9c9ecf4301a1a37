"""Reads the records of one partition by their numbers, through the cursors of a DISClient."""

from __future__ import annotations

from collections.abc import Callable

from beam_dis.backoff import full_jitter
from beam_dis.client import DISClient, PageRecord
from beam_dis.errors import AnswerTooLargeError, CursorRefusedError, StreamRecreatedError, TransportError
from beam_dis.texts import one_line
from beam_dis.wire.limits import MAX_RECORD_BYTES

EMPTY_SECONDS = 60.0
"""How long pages may be empty although the partition has records."""

_FEWEST_BYTES = 16 * 1024


class PartitionReader:
    """The records of a partition, page by page; for one thread.

    Args:
        client: the DIS.
        stream: the name or id of the stream.
        stream_id: its id; a stream that was recreated under the name has another one.
        partition_id: the partition's id.
        sleep: pauses.
    """

    def __init__(
        self, client: DISClient, stream: str, stream_id: str, partition_id: str, *, sleep: Callable[[float], None]
    ) -> None:
        self._client = client
        self._stream = stream
        self._stream_id = stream_id
        self._partition_id = partition_id
        self._sleep = sleep
        self._cursor = ""
        self._at = -1
        self._bytes = MAX_RECORD_BYTES

    def read(self, number: int) -> list[PageRecord]:
        """The records from a number on, which the partition has: at least one, and up to 1 MiB.

        Raises:
            OutOfRangeError: the partition doesn't have the number (any more).
            PartitionExpiredError: the partition was scaled away and its retention has passed.
            StreamRecreatedError: the stream was deleted and recreated.
            TransportError: pages were empty for a minute.
        """
        waited = 0.0
        for pause in full_jitter(0.1, 5.0):
            if self._at != number:
                self._open(number)
            records = self._page(number)
            if records:
                return records
            if waited >= EMPTY_SECONDS:
                break
            waited += max(pause, 0.01)
            self._sleep(pause)
        raise TransportError(
            f"stream {self._stream!r}, partition {self._partition_id}: it has records from number {number} on by its listing, and"
            f" its pages are empty for {EMPTY_SECONDS:.0f} s: run the copy again later"
        )

    def read_range(self, start: int, end: int) -> list[PageRecord]:
        """The records of the numbers ``[start, end)``, which the partition has; raises as ``read`` does."""
        found: list[PageRecord] = []
        while start < end:
            page = self.read(start)
            found += [record for record in page if record.sequence_number < end]
            start = page[-1].sequence_number + 1
        return found

    def _page(self, number: int) -> list[PageRecord]:
        """The next page, maybe an empty one; asks for less if the answer is too large."""
        try:
            page = self._client.get_records(self._cursor, max_fetch_bytes=self._bytes)
        except CursorRefusedError:
            self._check_stream()
            self._open(number)
            page = self._client.get_records(self._cursor, max_fetch_bytes=self._bytes)
        except AnswerTooLargeError:
            if self._bytes <= _FEWEST_BYTES:
                raise
            self._bytes //= 2
            return self._page(number)
        self._cursor = page.next_partition_cursor
        if page.records:
            self._at = page.records[-1].sequence_number + 1
        else:
            self._bytes = MAX_RECORD_BYTES  # the next record may be larger than what was asked for
        return page.records

    def _open(self, number: int) -> None:
        self._cursor = self._client.get_cursor(
            self._stream, partition_id=self._partition_id, starting_sequence_number=number
        )
        self._at = number

    def _check_stream(self) -> None:
        found = self._client.describe_stream(self._stream, limit_partitions=1).stream_id
        if found != self._stream_id:
            raise StreamRecreatedError(
                f"stream {self._stream!r} was deleted and recreated while it was copied: its id was {self._stream_id!r} and is"
                f" now {one_line(found, 100)!r}. Copy it into another stream"
            )
