"""Moves a database to new files, when another process keeps its WAL from being copied into the file.

Rules:

1. While its WAL can't be copied, the database's file doesn't change. So it is copied in the background while changes go on, and the
   WAL is copied at the end, between two changes. A file that has changed after all isn't used.
2. The copies have the same bytes as the files, so any two of them together are the database. Then the copies get the names, one after
   the other: whenever the server is killed, nothing is lost.
3. The other process keeps the files that it has open, as they were. SQLite doesn't touch what has their names now, because it sees that
   they were moved.
4. Another process copies the file: here, closing it would end the locks that SQLite has on it.
5. Nobody can begin to read the copy before both have their names. A reader would keep a WAL that isn't the server's any more, and when
   it is the last one to close the database, SQLite deletes the file that has the WAL's name: the server's.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from beam_dis.local.store.causes import other_processes
from beam_dis.local.store.data_folder import COPY_SUFFIX, flush_folder
from beam_dis.local.store.failures import ProblemLog

_log = logging.getLogger(__name__)

SPARE_BYTES = 64 * 2**20
"""The room that a move leaves on the disk."""

_LOCK_START, _LOCK_BYTES = 0x40000000, 512
"""Where SQLite locks a database: PENDING_BYTE and what follows, a part of the format of its files."""

_PAUSE_SECONDS = 60.0
"""The time between two attempts to move."""

_PROGRAM = """
import os, sys
source, target, step = sys.argv[1], sys.argv[2], 2**24
with open(source, "rb") as read, open(target, "r+b") as written:
    while data := read.read(step):
        written.write(data)
        written.flush()
        os.fdatasync(written.fileno())
"""
"""Flushes each part, because a flush of the whole would hold up those of the server."""


class Move:
    """The move of the database at ``path``, whose copy begins at once. ``renamed``: the path is that of the copy now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wal = path.with_name(f"{path.name}-wal")
        self._copy, self._wal_copy = (_copy_of(file) for file in (path, self._wal))
        self.renamed = False
        self._copied = _state(path)
        _create_private(self._copy)
        command = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(path), str(self._copy)]
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, on two paths of the store
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def is_copying(self) -> bool:
        """Whether the file is still being copied."""
        return self._process.poll() is None

    def finish(self) -> None:
        """Give the database's names to copies of its files. Nobody may write to it meanwhile.

        Raises:
            OSError: Nothing was moved.
        """
        if self._process.wait() != 0:
            raise OSError(None, "the copy has failed")
        if _state(self._path) != self._copied or self._copy.stat().st_size != self._copied[0]:
            raise OSError(None, "the file has changed")
        _create_private(self._wal_copy)
        with self._wal.open("rb") as read, self._wal_copy.open("r+b") as written:
            shutil.copyfileobj(read, written, 2**22)
            written.flush()
            os.fsync(written.fileno())
        with _locked(self._copy):
            self._copy.replace(self._path)
            self.renamed = True
            with suppress(OSError):  # if it fails, the WAL that has the name belongs to the copy as well
                self._wal_copy.replace(self._wal)
            self._path.with_name(f"{self._path.name}-shm").unlink(missing_ok=True)
        flush_folder(self._path.parent)

    def cancel(self) -> None:
        """Stop copying, and remove the copies."""
        self._process.kill()
        self._process.wait()
        remove_copies(self._path)


class Mover:
    """Moves a database while it is wanted; used by the writer's thread, which passes its connection.

    Args:
        path: The database.
        moving: A block in which this process doesn't open the database.
        timer: Gives seconds that never go back.
    """

    def __init__(
        self,
        path: Path,
        moving: Callable[[], AbstractContextManager[None]] = nullcontext,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._moving = moving
        self._timer = timer
        self._move: Move | None = None
        self._next = 0.0
        self._problem = ProblemLog(_log, f"{path} can be moved again")

    def step(self, connection: sqlite3.Connection, *, wanted: bool) -> bool:
        """Begin a move, or end one, if it is time. Returns whether the names are those of other files now: then open them."""
        if not wanted:
            self.close()
        elif self._move is None:
            self._begin()
        elif not self._move.is_copying():
            return self._finish(connection, self._move)
        return False

    def close(self) -> None:
        """Give up the move that is under way."""
        if self._move is not None:
            self._move.cancel()
            self._move = None

    def _begin(self) -> None:
        if self._timer() < self._next:
            return
        try:
            if _has_room(self._path):
                self._move = Move(self._path)
        except OSError as error:
            self._failed(error)

    def _finish(self, connection: sqlite3.Connection, move: Move) -> bool:
        """Finish a move, while nobody can write."""
        reader = other_processes(self._path)
        try:
            connection.execute("BEGIN IMMEDIATE")
            with self._moving():
                move.finish()
        except (OSError, sqlite3.Error) as error:
            self._failed(error)
        else:
            self._problem.succeeded()
            _log.warning(
                "%s: the data are in new files now, because %s reads the old ones in one long transaction: they take room on the disk until"
                " it ends",
                self._path,
                reader,
            )
        if connection.in_transaction:
            connection.rollback()
        self.close()
        return move.renamed

    def _failed(self, error: Exception) -> None:
        self._next = self._timer() + _PAUSE_SECONDS
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        self._problem.failed(f"{self._path} can't be moved to new files, so its WAL grows: {reason}; it is tried again")


def remove_copies(path: Path) -> None:
    """Remove what a move of the database at ``path`` has left that was interrupted."""
    for file in (path, path.with_name(f"{path.name}-wal")):
        with suppress(OSError):
            _copy_of(file).unlink(missing_ok=True)


def _copy_of(file: Path) -> Path:
    return file.with_name(file.name + COPY_SUFFIX)


def _state(path: Path) -> tuple[int, int, int]:
    """What differs once a file was written."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ino


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """A block in which no connection to a database can begin to read; this process must have none."""
    with path.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _LOCK_BYTES, _LOCK_START)
        yield


def _create_private(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    path.chmod(0o600)


def _has_room(path: Path) -> bool:
    """Whether the disk has room for copies of both files, and for what is written meanwhile."""
    disk = os.statvfs(path.parent)
    needed = path.stat().st_size + 2 * path.with_name(f"{path.name}-wal").stat().st_size + SPARE_BYTES
    return disk.f_bavail * disk.f_frsize > needed
