"""The database file: its layout, its version, and the connections to it.

Rule 1: every connection is opened here. ``page_size`` and ``auto_vacuum`` can't be changed once the file is in WAL mode, and
``synchronous`` is set for each connection. All of them are read back: a silent default could lose acknowledged changes.
Rule 2: the file has one version. A file of another version, or of another program, is refused and left as it is.
Rule 3: SQLite's errors become a StoreError that names the file and says what to do.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from beam_dis.local.store.causes import database_advice, system_advice
from beam_dis.local.store.data_folder import DATABASE_NAME
from beam_dis.local.store.failures import StoreError

APPLICATION_ID = 0x44495331
"""``DIS1``, at byte 68 of the file."""

VERSION = 5
"""The version of the layout below; raise it with every change of the layout."""

BUSY_SECONDS = 1.0
"""How long a connection waits for a process that uses the file alone: that isn't ours, since the folder is locked."""

_WRITER_CACHE_KIB = 32 * 1024
_READER_CACHE_KIB = 4 * 1024

_LAYOUT = """
CREATE TABLE stream (row INTEGER PRIMARY KEY AUTOINCREMENT, project TEXT NOT NULL, stream_id TEXT NOT NULL, name TEXT NOT NULL,
    properties BLOB NOT NULL, UNIQUE (project, name), UNIQUE (project, stream_id));
CREATE TABLE deleted_stream (row INTEGER PRIMARY KEY);
CREATE TABLE partition (stream INTEGER NOT NULL, number INTEGER NOT NULL, status TEXT NOT NULL, since_ms INTEGER NOT NULL,
    earliest INTEGER NOT NULL, next INTEGER NOT NULL, put_bytes INTEGER NOT NULL, last_ms INTEGER NOT NULL,
    PRIMARY KEY (stream, number)) WITHOUT ROWID;
CREATE TABLE batch (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE batch_index (stream INTEGER NOT NULL, partition INTEGER NOT NULL, first INTEGER NOT NULL,
    count INTEGER NOT NULL, time_ms INTEGER NOT NULL, batch INTEGER NOT NULL,
    PRIMARY KEY (stream, partition, first)) WITHOUT ROWID;
CREATE TABLE app (project TEXT NOT NULL, name TEXT NOT NULL, app_id TEXT NOT NULL, created_ms INTEGER NOT NULL,
    PRIMARY KEY (project, name)) WITHOUT ROWID;
CREATE TABLE checkpoint (project TEXT NOT NULL, app TEXT NOT NULL, stream_id TEXT NOT NULL, partition INTEGER NOT NULL,
    sequence_number INTEGER NOT NULL, metadata TEXT, PRIMARY KEY (project, app, stream_id, partition)) WITHOUT ROWID;
CREATE TABLE usage (minute INTEGER NOT NULL, stream INTEGER NOT NULL, partition INTEGER NOT NULL,
    put_records INTEGER NOT NULL, put_bytes INTEGER NOT NULL, get_records INTEGER NOT NULL, get_bytes INTEGER NOT NULL,
    puts INTEGER NOT NULL, put_us INTEGER NOT NULL, throttled_puts INTEGER NOT NULL,
    gets INTEGER NOT NULL, get_us INTEGER NOT NULL, throttled_gets INTEGER NOT NULL,
    PRIMARY KEY (minute, stream, partition)) WITHOUT ROWID;
CREATE TABLE dump_task (task_id TEXT PRIMARY KEY, properties BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE clock (advanced REAL NOT NULL);
INSERT INTO clock VALUES (0);
"""
_MARKS = f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION};"

WRITER_SETTINGS = (
    "PRAGMA synchronous=FULL",
    # The writer copies the WAL into the file itself, between groups.
    "PRAGMA wal_autocheckpoint=0",
    # Some builds overwrite deleted data with zeros, which makes a deletion as expensive as writing.
    "PRAGMA secure_delete=OFF",
    f"PRAGMA cache_size=-{_WRITER_CACHE_KIB}",
)
_READER_SETTINGS = (
    "PRAGMA synchronous=FULL",
    "PRAGMA query_only=ON",
    f"PRAGMA cache_size=-{_READER_CACHE_KIB}",
)
_REQUIRED = {"page_size": 32768, "auto_vacuum": 2, "journal_mode": "wal", "synchronous": 2}


def has_store(folder: Path) -> bool:
    """Whether a folder has a store, maybe a damaged one. Changes nothing, not even the database of another program.

    The id of the application may be in the WAL only, if the process that created the file was killed.
    """
    path = folder / DATABASE_NAME
    try:
        with path.open("rb") as file:
            header = file.read(72)
        wal = path.with_name(f"{path.name}-wal")
        wal_bytes = wal.stat().st_size if wal.exists() else 0
    except OSError:
        return False
    application = int.from_bytes(header[68:72], "big")
    if not header.startswith(b"SQLite format 3\0"):
        return header != b""
    return application == APPLICATION_ID or (application == 0 and wal_bytes > 0)


def prepare(path: Path) -> None:
    """Create the file if it is missing or empty, and check the version of any other.

    Raises:
        StoreError: The file is damaged, has another version, belongs to another program, or can't be written.
    """
    if path.exists() and path.stat().st_size:
        check_existing(path)
    _create_private(path)
    with _store_errors(path), closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        if _value(connection, "schema_version") == 0 and _value(connection, "user_version") == 0:
            connection.execute("PRAGMA page_size=32768")
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.executescript(f"BEGIN IMMEDIATE; {_LAYOUT} {_MARKS} COMMIT;")
        _check_version(path, connection)


def check_existing(path: Path) -> None:
    """Check the version of a file that is there. Raises as ``prepare`` does."""
    # a connection that can only read changes nothing of a file that is refused, its log included
    with _store_errors(path), closing(sqlite3.connect(_read_only(path), uri=True)) as connection:
        _check_version(path, connection)


def open_copy(path: Path, source: Path) -> sqlite3.Connection:
    """Open an empty file as a database with our layout, and the one at ``source`` beside it, read only, as ``source``.

    The copy has no journal: it is worth nothing until :func:`close_copy`.
    """
    with _store_errors(source):
        connection = sqlite3.connect(path.absolute().as_uri(), uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            for name in ("page_size=32768", "auto_vacuum=INCREMENTAL", "journal_mode=OFF", "synchronous=OFF"):
                connection.execute(f"PRAGMA {name}")
            connection.executescript(f"BEGIN; {_LAYOUT} {_MARKS} COMMIT;")
            connection.execute("ATTACH ? AS source", (_read_only(source),))
        except BaseException:
            connection.close()
            raise
    return connection


def close_copy(connection: sqlite3.Connection) -> None:
    """Close a copy; its file is a whole database then."""
    connection.execute("DETACH source")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def _read_only(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=ro"


def _create_private(path: Path) -> None:
    """Create the file if it is missing, for its owner alone; SQLite would create it by the umask."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        path.chmod(0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise StoreError(f"{path} can't be created: {error.strerror}; {system_advice(error)}") from error


def _check_version(path: Path, connection: sqlite3.Connection) -> None:
    """Refuse a file of another program or version; a file that was being created counts as empty."""
    version = _value(connection, "user_version")
    if version == 0 and _value(connection, "schema_version") == 0:
        return
    if _value(connection, "application_id") != APPLICATION_ID:
        raise StoreError(f"{path} belongs to another program: give the local DIS a folder of its own")
    if version != VERSION:
        raise StoreError(
            f"{path} has version {version}, and this release of beam-dis reads version {VERSION} only:"
            " open it with the release that wrote it, or start with an empty folder"
        )


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the only connection that changes the file."""
    return _connect(path, WRITER_SETTINGS)


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a connection that reads; any thread may use it, one at a time."""
    return _connect(path, _READER_SETTINGS)


@contextmanager
def _store_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(f"{path} can't be opened: {error}; {database_advice(path, error)}") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} is damaged: {error}; restore it from a copy or start with an empty folder") from error


def _connect(path: Path, settings: tuple[str, ...]) -> sqlite3.Connection:
    address = f"file:{quote(os.fspath(path.absolute()))}?mode=rw"
    with _store_errors(path):
        connection = sqlite3.connect(
            address, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            for setting in settings:
                connection.execute(setting)
            for name, required in _REQUIRED.items():
                actual = _value(connection, name)
                if actual != required:
                    raise StoreError(f"{path}: {name} is {actual}, must be {required}: start with an empty folder")
        except BaseException:
            connection.close()
            raise
    return connection


def _value(connection: sqlite3.Connection, pragma: str) -> int:
    value: int = connection.execute(f"PRAGMA {pragma}").fetchone()[0]
    return value
