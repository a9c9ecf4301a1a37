"""The database file: how it is laid out, opened and told apart from others.

Law: every connection to it is made here. ``page_size`` and ``auto_vacuum`` are set before WAL and can't be changed later,
``synchronous`` is per connection: all three are read back, so that a silent default never makes an acknowledgement a lie.
A file of a newer version or of another program is refused untouched, an older version is migrated in one transaction.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from beam_dis.local.store.failures import StoreError

T = TypeVar("T")

FILE_NAME = "log.db"
APPLICATION_ID = 0x44495331
"""``DIS1``, at byte 68 of the file."""

VERSION = 2
_BUSY_SECONDS = 1.0
"""How long a checkpoint waits for reads to end; they take milliseconds."""

_WRITER_CACHE_KIB = 32 * 1024
_READER_CACHE_KIB = 4 * 1024

_LAYOUT = """
CREATE TABLE stream (row INTEGER PRIMARY KEY, project TEXT NOT NULL, stream_id TEXT NOT NULL, name TEXT NOT NULL,
    facts BLOB NOT NULL, UNIQUE (project, name), UNIQUE (project, stream_id));
CREATE TABLE partition (stream INTEGER NOT NULL, number INTEGER NOT NULL, status TEXT NOT NULL, since_ms INTEGER NOT NULL,
    incarnation INTEGER NOT NULL, earliest INTEGER NOT NULL, next INTEGER NOT NULL, last_ms INTEGER NOT NULL,
    PRIMARY KEY (stream, number)) WITHOUT ROWID;
CREATE TABLE batch (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE place (stream INTEGER NOT NULL, partition INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,
    time_ms INTEGER NOT NULL, batch INTEGER NOT NULL, PRIMARY KEY (stream, partition, first)) WITHOUT ROWID;
CREATE TABLE app (project TEXT NOT NULL, name TEXT NOT NULL, app_id TEXT NOT NULL, created_ms INTEGER NOT NULL,
    PRIMARY KEY (project, name)) WITHOUT ROWID;
CREATE TABLE checkpoint (project TEXT NOT NULL, app TEXT NOT NULL, stream_id TEXT NOT NULL, partition INTEGER NOT NULL,
    sequence_number INTEGER NOT NULL, metadata TEXT, PRIMARY KEY (project, app, stream_id, partition)) WITHOUT ROWID;
CREATE TABLE tombstone (stream INTEGER PRIMARY KEY);
"""

_CLOCK = "CREATE TABLE clock (advanced REAL NOT NULL); INSERT INTO clock VALUES (0);"

# What turns version n into n + 1. Version 0 is a file in which nothing has been laid out yet.
_MIGRATIONS: dict[int, str] = {0: _LAYOUT, 1: _CLOCK}

_WRITER_SETTINGS = (
    "PRAGMA synchronous=FULL",
    # Checkpoints are the writer's own work, between groups.
    "PRAGMA wal_autocheckpoint=0",
    # Some builds overwrite what is deleted with zeros, which makes deleting as dear as writing.
    "PRAGMA secure_delete=OFF",
    f"PRAGMA cache_size=-{_WRITER_CACHE_KIB}",
)
_READER_SETTINGS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA query_only=ON",
    f"PRAGMA cache_size=-{_READER_CACHE_KIB}",
)
_ASSERTED = {"page_size": 32768, "auto_vacuum": 2, "journal_mode": "wal", "synchronous": 2}


def prepare(path: Path) -> None:
    """Lay the file out or migrate it; StoreError where it is damaged, foreign, newer or can't be written."""
    _reasoned(path, lambda: _prepare(path))


def open_writer(path: Path) -> sqlite3.Connection:
    """The connection that changes the file; there is one."""
    return _reasoned(path, lambda: _connect(path, "rw", _WRITER_SETTINGS))


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that reads; it may be used by one thread at a time, whichever."""
    return _reasoned(path, lambda: _connect(path, "rw", _READER_SETTINGS))


def _reasoned(path: Path, work: Callable[[], T]) -> T:
    """What ``work`` returns; the database's errors as one StoreError that says what to do."""
    try:
        return work()
    except sqlite3.OperationalError as error:
        raise StoreError(f"{path} can't be opened: {error}; check the folder's permissions and free space") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} is damaged: {error}; restore it from a copy or start with an empty folder") from error


def _prepare(path: Path) -> None:
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        version = _known_version(path, connection)
        if version == 0:
            connection.execute("PRAGMA page_size=32768")
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        for step in range(version, VERSION):
            _migrate(connection, step)
    finally:
        connection.close()


def _known_version(path: Path, connection: sqlite3.Connection) -> int:
    version = _value(connection, "user_version")
    empty = _value(connection, "schema_version") == 0
    if not empty and _value(connection, "application_id") != APPLICATION_ID:
        raise StoreError(f"{path} belongs to another program: give a folder of its own")
    if version > VERSION:
        raise StoreError(f"{path} has version {version}, known are versions up to {VERSION}: upgrade beam-dis")
    if version < (0 if empty else 1):
        raise StoreError(f"{path} has version {version}, which there never was: restore it from a copy")
    return int(version)


def _migrate(connection: sqlite3.Connection, step: int) -> None:
    marks = f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={step + 1};"
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {_MIGRATIONS[step]} {marks} COMMIT;")
    except sqlite3.Error:
        connection.rollback()
        raise


def _connect(path: Path, mode: str, settings: tuple[str, ...]) -> sqlite3.Connection:
    address = f"file:{quote(os.fspath(path.absolute()))}?mode={mode}"
    connection = sqlite3.connect(
        address, uri=True, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        for setting in settings:
            connection.execute(setting)
        for name, wanted in _ASSERTED.items():
            actual = _value(connection, name)
            if actual != wanted:
                raise StoreError(f"{path}: {name} is {actual}, which must be {wanted}: start with an empty folder")
    except BaseException:
        connection.close()
        raise
    return connection


def _value(connection: sqlite3.Connection, pragma: str) -> int:
    value: int = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    return value
