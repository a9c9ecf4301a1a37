"""The writer's connection: transactions that are committed whole or not at all.

Rule 1: memory follows after COMMIT: the catalogue changes only once the change is on disk.
Rule 2: after any error of the database the connection is closed. The next transaction opens another one and reads the
committed state again, so that memory can't differ from the disk.
Rule 3: nothing is acknowledged once the file was removed or replaced under the server: what is written then has no name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TypeVar

from beam_dis.local.store.catalogue import Catalogue, Draft
from beam_dis.local.store.causes import database_advice
from beam_dis.local.store.database import open_writer
from beam_dis.local.store.failures import StoreError, StoreUnavailable
from beam_dis.local.store.move import Mover
from beam_dis.local.store.pending_records import PendingRecords
from beam_dis.local.store.rows import load, next_row, save
from beam_dis.local.store.usage import UsageMeter, uncounted_puts
from beam_dis.local.store.wal import Wal
from beam_dis.wire.timestamps import milliseconds

T = TypeVar("T")

PAGE_BYTES = 32768

_PUT_BATCH = "INSERT INTO batch (id, data) VALUES (?, ?)"
_PUT_BATCH_INDEX = "INSERT INTO batch_index (stream, partition, first, count, time_ms, batch) VALUES (?, ?, ?, ?, ?, ?)"


class Transaction:
    """One open transaction: changes go into ``draft`` and ``records``, deletions of batches directly to ``connection``.

    ``meter`` has the counts that wait to be stored.

    ``deletion_bytes`` estimates the bytes of WAL that the deletions cost.
    """

    def __init__(
        self, connection: sqlite3.Connection, committed: Catalogue, clock: Callable[[], float], meter: UsageMeter
    ) -> None:
        self.connection = connection
        self.committed = committed
        self.draft = Draft(committed)
        self.records = PendingRecords(self.draft)
        self.deletion_bytes = 0
        self.meter = meter
        self._clock = clock
        self._new_rows = 0
        self._changes_before = connection.total_changes

    @property
    def now_ms(self) -> int:
        """The time in epoch milliseconds."""
        return milliseconds(self._clock())

    def new_row(self) -> int:
        """Take a row number for a new stream."""
        self._new_rows += 1
        return next_row(self.connection) + self._new_rows - 1

    def add_pages(self, count: int) -> None:
        """Add so many pages to the bytes of WAL that changes outside of draft and records cost."""
        self.deletion_bytes += count * PAGE_BYTES

    def write(self) -> int:
        """Write the draft and the records; returns an upper estimate of the bytes of WAL that this costs."""
        (last,) = self.connection.execute("SELECT coalesce(max(id), 0) FROM batch").fetchone()
        batches = list(enumerate(self.records.move_to_batches(self.now_ms), last + 1))
        self.connection.executemany(_PUT_BATCH, [(batch_id, batch.blob) for batch_id, batch in batches])
        self.connection.executemany(_PUT_BATCH_INDEX, [(*batch[:5], batch_id) for batch_id, batch in batches])
        save(self.connection, self.draft, self.committed)
        if self.connection.total_changes == self._changes_before:
            return self.deletion_bytes
        pages = 4 + sum(2 + len(batch.blob) // PAGE_BYTES for _, batch in batches)
        return self.deletion_bytes + pages * PAGE_BYTES


class WriterConnection:
    """Runs transactions one at a time, all from one thread. ``moving`` is a block in which the database moves to
    other files: meanwhile nothing else opens it.

    Raises:
        StoreError: The file can't be opened.
    """

    def __init__(
        self,
        path: Path,
        catalogue: Catalogue,
        clock: Callable[[], float],
        meter: UsageMeter,
        moving: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._path = path
        self._meter = meter
        self._wal = Wal(path)
        self._mover = Mover(path, moving)
        self._catalogue = catalogue
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._open()
        self._file = self._file_now()

    def run(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction and commit it.

        Returns:
            The result of ``work``, once it is committed.

        Raises:
            StoreUnavailable: Nothing was stored.
        """
        try:
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            transaction = Transaction(connection, self._catalogue, self._clock, self._meter)
            result = work(transaction)
            wal_bytes = transaction.write()
            connection.execute("COMMIT")
            self._check_file()
        except sqlite3.Error as error:
            self._disconnect()
            advice = database_advice(self._path, error)
            raise StoreUnavailable(f"{self._path}: nothing was stored: {error}; {advice}, then try again") from error
        except BaseException:
            self._disconnect()
            raise
        self._meter.committed(transaction.records.usage)
        self._catalogue.publish(transaction.draft)
        self._wal.grew(wal_bytes)
        return result

    def shorten_wal(self) -> None:
        """Copy the WAL into the file if it has grown, or move both if that can't be; called between transactions."""
        if self._connection is None:
            return
        self._wal.shorten(self._connection)
        if self._mover.step(self._connection, wanted=self._wal.needs_new_file):
            self._disconnect()
            self._file = self._file_now()
            with suppress(StoreError):  # the next transaction tries again, and says why it fails
                self._open()

    def close(self) -> None:
        """Copy the WAL into the file and close the connection."""
        self._mover.close()
        if self._connection is not None:
            self._wal.copy(self._connection)
        self._disconnect()

    def _open(self) -> sqlite3.Connection:
        self._connection = open_writer(self._path)
        self._catalogue.replace(load(self._connection))
        for key, usage in uncounted_puts(self._connection, self._catalogue.streams(), self._meter.waiting()):
            self._meter.count(key, usage)
        self._wal.opened()
        return self._connection

    def _opened(self) -> sqlite3.Connection:
        """The connection, opened again after an error; StoreUnavailable if it can't be opened, or for its WAL."""
        if self._connection is None:
            self._check_file()
        try:
            connection = self._connection or self._open()
        except StoreError as error:
            raise StoreUnavailable(str(error)) from error
        self._wal.check(connection)
        return connection

    def _check_file(self) -> None:
        if self._file_now() != self._file:
            raise StoreUnavailable(
                f"{self._path} was removed or replaced while the server was running, and nothing is stored any more: stop the"
                " server, restore the folder from a copy, and start it again"
            )

    def _file_now(self) -> tuple[int, int] | None:
        """The file that the path names; None if there is none."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _disconnect(self) -> None:
        self._meter.rolled_back()
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.rollback()
            with suppress(sqlite3.Error):
                connection.close()
