"""Copies the WAL into the file, so that it stays short, without holding up changes.

Rules:

1. Between transactions a WAL above 16 MB is copied. Reads of this process are over in milliseconds, so the copy waits a quarter
   of a second for them, and after it has waited in vain, ten times as long passes until it waits again, and then longer.
2. A process that reads the file in one long transaction (a browser of databases, a backup) keeps the WAL from being copied.
   Changes go on, and it is logged with the processes that have the file open.
3. Above 48 MB both files are moved then (``move.py``): the process has the old ones, and the WAL of the new ones can be copied.
   Without room for a second file, the WAL grows.
4. No change is accepted if the disk would have no room for the copy afterwards: otherwise neither could become shorter.
5. If the copy fails although nobody reads, no change is accepted with a WAL above 48 MB. So it stays below 64 MB.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from pathlib import Path
from shlex import quote

from beam_dis.local.store.causes import database_advice, other_processes
from beam_dis.local.store.database import BUSY_SECONDS
from beam_dis.local.store.failures import ProblemLog, StoreUnavailable

_log = logging.getLogger(__name__)

COPY_BYTES = 16 * 2**20
TRUNCATE_BYTES = 32 * 2**20
REFUSE_BYTES = 48 * 2**20

_WAIT_SECONDS = 0.25
_LONGEST_PAUSE = 60.0
_RETRY_SECONDS = 0.5
_RETRY_BYTES = 4 * 2**20

_LONG_READ_SECONDS = 2.0
"""A read that keeps the WAL from being copied for so long isn't one of this process."""


class Wal:
    """The WAL of the database at ``path``; used by the writer's thread, which passes its connection."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.with_name(f"{path.name}-wal")
        self._problem = ProblemLog(_log, f"{path}: the WAL is copied into the file again")
        self._bytes = 0
        self._failure = ""
        self._next_try = 0.0
        self._next_try_bytes = 0
        self._next_wait = 0.0
        self._wait_pause = 0.0
        self._copied = -1
        self._stuck_since: float | None = None
        self._stuck = False

    @property
    def needs_new_file(self) -> bool:
        """Whether the WAL is long, and a read keeps it from becoming shorter."""
        return self._stuck and self._size() > REFUSE_BYTES

    def opened(self) -> None:
        """A connection was opened: count what the WAL has."""
        self._bytes, self._next_try, self._next_wait, self._wait_pause = self._size(), 0.0, 0.0, 0.0
        self._copied, self._stuck_since, self._stuck = -1, None, False

    def grew(self, count: int) -> None:
        """A transaction has written at most so many bytes."""
        self._bytes += count

    def shorten(self, connection: sqlite3.Connection) -> None:
        """Copy the WAL if it has grown and it is time to try."""
        if self._bytes > COPY_BYTES and (time.monotonic() >= self._next_try or self._bytes >= self._next_try_bytes):
            self.copy(connection)

    def check(self, connection: sqlite3.Connection) -> None:
        """Check that a transaction may begin; copies the WAL first if it is long.

        Raises:
            StoreUnavailable: By rules 4 and 5.
        """
        size = self._size()
        if size <= REFUSE_BYTES:
            return
        if time.monotonic() >= self._next_try and self.copy(connection):
            return
        if self._failure:
            raise StoreUnavailable(f"{self._failure}, then try again")
        disk = os.statvfs(self._path.parent)
        if disk.f_bavail * disk.f_frsize < size + REFUSE_BYTES:
            raise StoreUnavailable(f"{self._long_read()}, and the disk has no more room for it: then try again")

    def copy(self, connection: sqlite3.Connection) -> bool:
        """Copy the WAL into the file: whether all of it is there now and it begins again. Nothing is lost if not."""
        now = time.monotonic()
        waits = now >= self._next_wait
        mode = "TRUNCATE" if self._size() > TRUNCATE_BYTES else "RESTART"
        try:
            connection.execute(f"PRAGMA busy_timeout={int(1000 * _WAIT_SECONDS) if waits else 0}")
            busy, pages, copied = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
            connection.execute(f"PRAGMA busy_timeout={int(1000 * BUSY_SECONDS)}")
        except sqlite3.Error as error:
            advice = database_advice(self._path, error)
            self._failure = f"{self._path}: the WAL was not copied into the file: {error}; {advice}"
            self._problem.failed(self._failure)
            return False
        self._failure = ""
        if not busy:
            self._problem.succeeded()
            self._bytes, self._next_try, self._next_wait, self._wait_pause = 0, 0.0, 0.0, 0.0
            self._stuck_since, self._stuck = None, False
            return True
        if waits:
            self._wait_pause = min(max(2 * self._wait_pause, 10 * _WAIT_SECONDS), _LONGEST_PAUSE)
            self._next_wait = time.monotonic() + self._wait_pause
        self._next_try, self._next_try_bytes = now + _RETRY_SECONDS, self._bytes + _RETRY_BYTES
        self._watch(now, pages, copied)
        return False

    def _watch(self, now: float, pages: int, copied: int) -> None:
        """Log a read that has kept the same pages from being copied for long."""
        if copied >= pages or copied != self._copied:
            self._copied, self._stuck_since, self._stuck = copied, now, False
        elif self._stuck_since is not None and now - self._stuck_since >= _LONG_READ_SECONDS:
            self._stuck = True
            self._problem.failed(self._long_read())

    def _long_read(self) -> str:
        return (
            f"{self._path}: {other_processes(self._path)} reads it in one long transaction, so the WAL can't be copied into"
            f" the file and grows: end that; `lsof {quote(str(self._path))}` lists who has it open"
        )

    def _size(self) -> int:
        try:
            return self._file.stat().st_size
        except FileNotFoundError:
            return 0
