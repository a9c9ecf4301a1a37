"""Reading what is committed: pages of records, and the number at a time.

Law: reads go through connections of their own, never the writer's, and each lets go of its read transaction before what
it found is decoded. What the catalogue doesn't hold is not returned; whether the start still is held is asked again after
reading, because the writer says so before it deletes. Blocking; called from any thread.
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
from beam_dis.local.store.database import open_reader
from beam_dis.local.store.failures import StoreError, StoreUnavailable, Trouble
from beam_dis.local.store.values import Partition, Run, Stream
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.ranges import partition_id
from beam_dis.wire.streams import EXPIRED

_log = logging.getLogger(__name__)

_PAGE = """
    SELECT place.first, place.count, batch.data FROM place LEFT JOIN batch ON batch.id = place.batch
    WHERE stream = :stream AND partition = :partition AND first < :end AND first >= coalesce(
        (SELECT max(first) FROM place WHERE stream = :stream AND partition = :partition AND first <= :start), :start)
    ORDER BY first"""

Found = tuple[int, int, "bytes | None"]


class Readers:
    """Connections that read, as many as there are threads that read at once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._closed = False
        self._trouble = Trouble(_log, f"{path} is read again")

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """A connection for one thread, inside no transaction; the database's errors come out as the store's."""
        connection = self._take()
        try:
            yield connection
        except sqlite3.OperationalError as error:
            connection.close()
            self._trouble.met(f"{self._path} can't be read: {error}")
            raise StoreUnavailable(f"{self._path} can't be read: {error}; try again") from error
        except sqlite3.DatabaseError as error:
            connection.close()
            raise StoreError(f"{self._path} is damaged: {error}; restore the folder from a copy") from error
        except BaseException:
            connection.close()
            raise
        self._trouble.over()
        self._give_back(connection)

    def close(self) -> None:
        """Close those that are idle now, and the others when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreUnavailable("the store is closed: open it again")
            if self._idle:
                return self._idle.pop()
        return open_reader(self._path)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()


class Reader:
    """Pages and positions of any partition."""

    def __init__(self, path: Path, catalogue: Catalogue) -> None:
        self._path = path
        self._catalogue = catalogue
        self._readers = Readers(path)

    def runs(self, stream: Stream, number: int, start: int, max_bytes: int) -> list[Run]:
        """The records from ``start`` on, whose data is no more than ``max_bytes`` in all.

        Refused with DIS.4226 where ``start`` has expired, 4301, 4302 or 4319 where the stream or the partition is gone;
        StoreError where what is stored there is damaged.
        """
        end = self._held(stream, number, start).next
        if start >= end or max_bytes <= 0:
            return []
        found = self._found(stream.row, number, start, end, max_bytes)
        self._held(stream, number, start)
        return self._decoded(stream, number, found, start, max_bytes)

    def locate(self, stream: Stream, number: int, timestamp_ms: int) -> int:
        """The first record at or after a time, what is written next where there is none.

        Refused with DIS.4300 where the time is before the oldest record held and older ones have expired: the text names
        the oldest record's time, which is never refused while that record is held [client step].
        """
        partition = self._held(stream, number)
        with self._readers.connection() as connection:
            first, oldest_ms = _first_at(connection, stream.row, partition, timestamp_ms)
        current = self._held(stream, number)
        if first < current.earliest:
            return self.locate(stream, number, timestamp_ms)
        if current.earliest > 0 and timestamp_ms < oldest_ms:
            raise Refusal(4300, f"timestamp is expired, timestamp should be larger than {oldest_ms}")
        return first

    def close(self) -> None:
        """Close the connections."""
        self._readers.close()

    def connections(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection to read by other means."""
        return self._readers.connection()

    def _held(self, stream: Stream, number: int, start: int | None = None) -> Partition:
        """The partition as it is now, readable and holding ``start``."""
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

    def _found(self, row: int, number: int, start: int, end: int, max_bytes: int) -> list[Found]:
        """The batches that a page may need. The first counts nothing: it may begin long before ``start``."""
        found: list[Found] = []
        total = 0
        with self._readers.connection() as connection:
            place = {"stream": row, "partition": number, "start": start, "end": end}
            cursor = connection.execute(_PAGE, place)
            for batch in cursor:
                total += len(batch[2] or b"") if found else 0
                found.append(batch)
                if total >= max_bytes:
                    break
            cursor.close()
        return found

    def _decoded(self, stream: Stream, number: int, found: list[Found], start: int, max_bytes: int) -> list[Run]:
        runs: list[Run] = []
        expected, left = start, max_bytes
        for first, count, blob in found:
            run, whole = self._run(stream, number, (first, count, blob), expected, left)
            if run.datas:
                runs.append(run)
            if not whole:
                break
            expected, left = first + count, left - sum(map(len, run.datas))
        if not found:
            self._damaged(stream, number, start, start, "they are missing")
        return runs

    def _run(self, stream: Stream, number: int, found: Found, expected: int, left: int) -> tuple[Run, bool]:
        first, count, blob = found
        try:
            run, whole = decode(blob or b"", expected, left)
        except DamagedBlob as damage:
            self._damaged(stream, number, first, first + count - 1, str(damage))
        if run.first != expected:
            self._damaged(stream, number, expected, run.first - 1, "they are missing")
        return run, whole

    def _damaged(self, stream: Stream, number: int, first: int, last: int, why: str) -> NoReturn:
        raise StoreError(
            f"{self._path}: records {first} to {last} of {partition_id(number)} of stream {stream.name!r} are damaged:"
            f" {why}; restore the folder from a copy"
        )


def _first_at(connection: sqlite3.Connection, row: int, partition: Partition, timestamp_ms: int) -> tuple[int, int]:
    """The first number at or after a time, and the time of the oldest record held (0 where none is).

    Times don't fall within a partition, so halving finds the batch; a batch has one time.
    """
    low, high = partition.earliest, partition.next
    place = "SELECT first, count, time_ms FROM place WHERE stream = ? AND partition = ? AND first <= ? ORDER BY first DESC LIMIT 1"
    oldest = connection.execute(place, (row, partition.number, low)).fetchone()
    while low < high:
        batch = connection.execute(place, (row, partition.number, (low + high) // 2)).fetchone()
        if batch is None:
            break
        first, count, time_ms = batch
        low, high = (low, first) if time_ms >= timestamp_ms else (first + count, high)
    return max(low, partition.earliest), oldest[2] if oldest and partition.earliest < partition.next else 0
