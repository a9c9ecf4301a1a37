"""The writer's connection: transactions that happen wholly or not at all, and the WAL kept short between them.

Law: memory follows after COMMIT. After any error of the database the connection is given up, and the next transaction
opens another and reads the committed state afresh, so that memory can't differ from the disk. WAL frames are copied into
the file between transactions above 16 MB, and no transaction begins above 48 MB: the WAL stays below 64 MB.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from beam_dis.local.store.catalogue import Catalogue, Draft
from beam_dis.local.store.database import open_writer
from beam_dis.local.store.failures import StoreError, StoreUnavailable, Trouble
from beam_dis.local.store.rows import load, next_row, save
from beam_dis.local.store.tails import Tails
from beam_dis.wire.timestamps import milliseconds

_log = logging.getLogger(__name__)

T = TypeVar("T")

PAGE_BYTES = 32768
CHECKPOINT_BYTES = 16 * 2**20
TRUNCATE_BYTES = 32 * 2**20
REFUSE_BYTES = 48 * 2**20

_PUT_BATCH = "INSERT INTO batch (id, data) VALUES (?, ?)"
_PUT_PLACE = "INSERT INTO place (stream, partition, first, count, time_ms, batch) VALUES (?, ?, ?, ?, ?, ?)"


class Transaction:
    """One transaction under way: changes go into ``draft`` and ``tails``, deletions straight to ``connection``.

    ``dirtied`` estimates the bytes of WAL that deletions cost.
    """

    def __init__(self, connection: sqlite3.Connection, committed: Catalogue, clock: Callable[[], float]) -> None:
        self.connection = connection
        self.committed = committed
        self.draft = Draft(committed)
        self.tails = Tails(self.draft)
        self.dirtied = 0
        self._clock = clock
        self._rows_made = 0
        self._changes_before = connection.total_changes

    @property
    def now_ms(self) -> int:
        """The clock, in milliseconds."""
        return milliseconds(self._clock())

    def new_row(self) -> int:
        """A key for a new stream."""
        self._rows_made += 1
        return next_row(self.connection) + self._rows_made - 1

    def write(self) -> int:
        """Write the draft and the tails; the bytes of WAL this costs, rather more than less."""
        (last,) = self.connection.execute("SELECT coalesce(max(id), 0) FROM batch").fetchone()
        batches = list(enumerate(self.tails.settle(self.now_ms), last + 1))
        self.connection.executemany(_PUT_BATCH, [(number, batch.blob) for number, batch in batches])
        self.connection.executemany(_PUT_PLACE, [(*batch[:5], number) for number, batch in batches])
        save(self.connection, self.draft, self.committed)
        if self.connection.total_changes == self._changes_before:
            return self.dirtied
        pages = 4 + sum(2 + len(batch.blob) // PAGE_BYTES for _, batch in batches)
        return self.dirtied + pages * PAGE_BYTES


class Session:
    """Runs transactions, one at a time, all from one thread."""

    def __init__(self, path: Path, catalogue: Catalogue, clock: Callable[[], float]) -> None:
        self._path = path
        self._wal = path.with_name(f"{path.name}-wal")
        self._catalogue = catalogue
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._wal_bytes = 0
        self._trouble = Trouble(_log, f"{path}: the WAL is copied into the file again")
        self._open()

    def run(self, work: Callable[[Transaction], T]) -> T:
        """What ``work`` returned, once it is committed; StoreUnavailable where nothing of it was."""
        try:
            connection = self._ready()
            connection.execute("BEGIN IMMEDIATE")
            transaction = Transaction(connection, self._catalogue, self._clock)
            result = work(transaction)
            cost = transaction.write()
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._give_up()
            raise StoreUnavailable(
                f"{self._path}: nothing was stored: {error}; free some space or let it be written, then try again"
            ) from error
        except BaseException:
            self._give_up()
            raise
        self._catalogue.publish(transaction.draft)
        self._wal_bytes += cost
        return result

    def tend(self) -> None:
        """Copy the WAL into the file if it has grown; called between transactions."""
        if self._wal_bytes > CHECKPOINT_BYTES:
            self._checkpoint("TRUNCATE" if self._wal_size() > TRUNCATE_BYTES else "RESTART")

    def close(self) -> None:
        """Copy the WAL into the file and let go of it."""
        self._checkpoint("TRUNCATE")
        self._give_up()

    def _open(self) -> sqlite3.Connection:
        self._connection = open_writer(self._path)
        self._catalogue.replace(load(self._connection))
        self._wal_bytes = self._wal_size()
        return self._connection

    def _ready(self) -> sqlite3.Connection:
        try:
            connection = self._connection or self._open()
        except StoreError as error:
            raise StoreUnavailable(str(error)) from error
        if self._wal_size() > REFUSE_BYTES and not self._checkpoint("TRUNCATE"):
            raise StoreUnavailable(
                f"{self._wal} can't be copied into {self._path.name}: free some space, then try again"
            )
        return connection

    def _checkpoint(self, mode: str) -> bool:
        """Whether all of the WAL is in the file; what is in the WAL is safe in either case."""
        try:
            if self._connection is None:
                return False
            busy, _, _ = self._connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
        except sqlite3.Error as error:
            self._trouble.met(f"{self._path}: the WAL was not copied into the file: {error}")
            return False
        self._trouble.over()
        if not busy:
            self._wal_bytes = 0
        return not busy

    def _wal_size(self) -> int:
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0

    def _give_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.rollback()
            with suppress(sqlite3.Error):
                connection.close()
