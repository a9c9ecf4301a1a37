"""Reading committed data: pages of records, and the first record at a time.

Rule 1: reads use connections of their own, never the writer's. A read transaction ends before the records are decoded, so
that it doesn't keep the WAL from being copied into the file.
Rule 2: records that the catalogue doesn't list aren't returned.
Rule 3: after a read the catalogue is asked again whether the start is still there: the writer updates it before it deletes.
Rule 4: every method may be called from any thread, and blocks.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NoReturn

from beam_dis.local.store.blob import DamagedBlob, decode
from beam_dis.local.store.catalogue import Catalogue
from beam_dis.local.store.causes import database_advice
from beam_dis.local.store.database import open_reader
from beam_dis.local.store.failures import ProblemLog, StoreError, StoreUnavailable
from beam_dis.local.store.values import Partition, StoredRecords, Stream
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.ranges import partition_id
from beam_dis.wire.streams import EXPIRED

_log = logging.getLogger(__name__)

_PAGE = """
    SELECT batch_index.first, batch_index.count, batch.data
    FROM batch_index LEFT JOIN batch ON batch.id = batch_index.batch
    WHERE stream = :stream AND partition = :partition AND first < :end AND first >= coalesce(
        (SELECT max(first) FROM batch_index WHERE stream = :stream AND partition = :partition AND first <= :start), :start)
    ORDER BY first"""
_BATCH_OF_NUMBER = """
    SELECT first, count, time_ms FROM batch_index WHERE stream = ? AND partition = ? AND first <= ?
    ORDER BY first DESC LIMIT 1"""
_OLDEST = """
    SELECT min((SELECT time_ms FROM batch_index
        WHERE batch_index.stream = partition.stream AND batch_index.partition = partition.number
        AND batch_index.first <= partition.earliest ORDER BY batch_index.first DESC LIMIT 1))
    FROM partition WHERE partition.stream = ? AND partition.earliest < partition.next"""
_BYTES = """
    SELECT coalesce(sum(length(batch.data)), 0) FROM batch_index JOIN batch ON batch.id = batch_index.batch
    WHERE stream = ? AND partition = ? AND first >= ? AND first < ?"""

IndexedBlob = tuple[int, int, "bytes | None"]
"""The first number and the count of a batch in the index, and its blob; None if that is missing."""


class ReaderConnections:
    """Connections that read, as many as there are threads that read at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._opening = threading.Lock()
        self._closed = False
        self._moves = 0
        self._problem = ProblemLog(_log, f"{path} is read again")

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for one thread, outside any transaction; the database's errors become the store's."""
        connection, moves = self._take()
        try:
            yield connection
        except sqlite3.OperationalError as error:
            connection.close()
            problem = f"{self._path} can't be read: {error}; {database_advice(self._path, error)}"
            self._problem.failed(problem)
            raise StoreUnavailable(f"{problem}, then try again") from error
        except sqlite3.DatabaseError as error:
            connection.close()
            raise StoreError(f"{self._path} is damaged: {error}; restore the folder from a copy") from error
        except BaseException:
            connection.close()
            raise
        self._problem.succeeded()
        with self._lock:
            if not self._closed and moves == self._moves:
                self._idle.append(connection)
                return
        connection.close()

    @contextmanager
    def moving(self) -> Iterator[None]:
        """During the block the database moves to other files. Reads that have begun end with the old ones, which have what they look for."""
        with self._opening:
            try:
                yield
            finally:
                with self._lock:
                    self._moves += 1
                    idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        """Close the idle connections now, and the others when their reads end."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> tuple[sqlite3.Connection, int]:
        """A connection, and how often the database had moved before it was opened."""
        with self._lock:
            if self._closed:
                raise StoreUnavailable("the store is closed: open it again")
            moves = self._moves
            if self._idle:
                return self._idle.pop(), moves
        try:
            with self._opening:
                return open_reader(self._path), moves
        except StoreError as error:
            self._problem.failed(error)
            raise StoreUnavailable(str(error)) from error


class StoreReader:
    """Reads records and finds positions in any partition."""

    def __init__(self, path: Path, catalogue: Catalogue) -> None:
        self._path = path
        self._catalogue = catalogue
        self._connections = ReaderConnections(path)

    def read(
        self, stream: Stream, number: int, start: int, max_bytes: int, max_records: int | None = None
    ) -> list[StoredRecords]:
        """Read at most ``max_records`` from ``start`` on whose data is at most ``max_bytes`` in all.

        Raises:
            Refusal: DIS.4226 if ``start`` has expired; 4301, 4302 or 4319 if the stream or the partition is gone.
            StoreError: The stored data are damaged.
        """
        end = self._readable(stream, number, start).next
        if max_records is not None:
            end = min(end, start + max_records)
        if start >= end or max_bytes <= 0:
            return []
        batches = self._batches(stream.row, number, start, end, max_bytes)
        self._readable(stream, number, start)
        return self._decoded(stream, number, batches, start, end, max_bytes)

    def locate(self, stream: Stream, number: int, timestamp_ms: int) -> int:
        """The number of the first record at or after a time; the partition's next number if there is no such record.

        Raises:
            Refusal: DIS.4300 if the time is before the oldest record and earlier records have expired. Its text names the
                oldest record's time, which is accepted as long as that record is kept [client step].
        """
        partition = self._readable(stream, number)
        with self._connections.connection() as connection:
            first, oldest_ms = _first_at(connection, stream.row, partition, timestamp_ms)
        current = self._readable(stream, number)
        if first < current.earliest:
            return self.locate(stream, number, timestamp_ms)
        if current.earliest > 0 and timestamp_ms < oldest_ms:
            raise Refusal(4300, f"timestamp is expired, timestamp should be larger than {oldest_ms}")
        return first

    def oldest_ms(self, stream: Stream) -> int | None:
        """The arrival time of the oldest record of a stream; None if it has no records. One look-up in the index by partition."""
        with self._connections.connection() as connection:
            found = connection.execute(_OLDEST, (stream.row,)).fetchone()
            return None if found[0] is None else int(found[0])

    def arrival_ms(self, stream: Stream, number: int, sequence_number: int) -> int | None:
        """The arrival time of a record; None if there is no such record."""
        with self._connections.connection() as connection:
            found = connection.execute(_BATCH_OF_NUMBER, (stream.row, number, sequence_number)).fetchone()
            if found is None or sequence_number >= found[0] + found[1]:
                return None
            return int(found[2])

    def stored_bytes(self, stream: Stream, number: int, start: int, end: int) -> int:
        """The bytes of the batches that begin within ``[start, end)``, with keys and headers; their data isn't read."""
        with self._connections.connection() as connection:
            (size,) = connection.execute(_BYTES, (stream.row, number, start, end)).fetchone()
            return int(size)

    def close(self) -> None:
        """Close the connections."""
        self._connections.close()

    def moving(self) -> AbstractContextManager[None]:
        """A block in which the database moves to other files."""
        return self._connections.moving()

    def connection(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection for other reads."""
        return self._connections.connection()

    def _readable(self, stream: Stream, number: int, start: int | None = None) -> Partition:
        """The partition as it is now; refused if it can't be read, or can't be read from ``start``."""
        current = self._catalogue.by_id(stream.stream_id)
        if current is None:
            raise Refusal(4301, stream.name, stream.project)
        partition = current.partition(number)
        if partition is None:
            raise Refusal(4302, partition_id(number))
        if partition.status == EXPIRED:
            raise Refusal(4319, stream.name, stream.project, partition_id(number))
        if start is not None and start < partition.earliest:
            raise Refusal(4226)
        return partition

    def _batches(self, row: int, number: int, start: int, end: int, max_bytes: int) -> list[IndexedBlob]:
        """The batches that a page may need. The first counts as no bytes: it may begin long before ``start``."""
        batches: list[IndexedBlob] = []
        total = 0
        with self._connections.connection() as connection:
            page = {"stream": row, "partition": number, "start": start, "end": end}
            cursor = connection.execute(_PAGE, page)
            for batch in cursor:
                total += len(batch[2] or b"") if batches else 0
                batches.append(batch)
                if total >= max_bytes:
                    break
            cursor.close()
        return batches

    def _decoded(
        self, stream: Stream, number: int, batches: list[IndexedBlob], start: int, end: int, max_bytes: int
    ) -> list[StoredRecords]:
        """The records of a page, up to ``end``; StoreError if a batch is damaged, or if a record is missing before one of them."""
        if not batches:
            self._damaged(stream, number, start, start, "they are missing")
        page: list[StoredRecords] = []
        expected, left = start, max_bytes
        for first, count, blob in batches:
            try:
                records, complete = decode(blob or b"", expected, left, end - expected)
            except DamagedBlob as damage:
                self._damaged(stream, number, first, first + count - 1, str(damage))
            if records.first != expected:
                self._damaged(stream, number, expected, records.first - 1, "they are missing")
            if records.datas:
                page.append(records)
            if not complete:
                break
            expected, left = first + count, left - sum(map(len, records.datas))
        return page

    def _damaged(self, stream: Stream, number: int, first: int, last: int, why: str) -> NoReturn:
        raise StoreError(
            f"{self._path}: records {first} to {last} of {partition_id(number)} of stream {stream.name!r} are damaged:"
            f" {why}; restore the folder from a copy"
        )


def _first_at(connection: sqlite3.Connection, row: int, partition: Partition, timestamp_ms: int) -> tuple[int, int]:
    """The first number at or after a time, and the arrival time of the oldest record (0 if there is none).

    A bisection over the batches: times never fall within a partition, and all records of a batch have one time.
    """
    low, high = partition.earliest, partition.next
    oldest = connection.execute(_BATCH_OF_NUMBER, (row, partition.number, low)).fetchone()
    while low < high:
        batch = connection.execute(_BATCH_OF_NUMBER, (row, partition.number, (low + high) // 2)).fetchone()
        if batch is None:
            break
        first, count, time_ms = batch
        low, high = (low, first) if time_ms >= timestamp_ms else (first + count, high)
    return max(low, partition.earliest), oldest[2] if oldest and partition.earliest < partition.next else 0
