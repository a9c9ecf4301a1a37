"""Makes a snapshot of a data folder, while a server uses it.

Rules:

1. The snapshot is the state at one moment after the export began: everything that was acknowledged before is in it, and of a
   change either all or nothing.
2. That moment is one short transaction, which reads every table but those of the batches. The batches that it lists never change,
   so they are read later, page by page: no transaction keeps the write-ahead log from being copied into the file. Each page is
   flushed to disk, so that the server's own flushes don't wait for more than that.
3. What expires or is deleted while batches are read has expired or is deleted in the snapshot too. A batch that is missing for
   another reason, or isn't as it was written, ends the export: a snapshot is never worse than it seems.
4. The file has its name when it is whole and on disk. If the export is killed, a temporary file stays, which the next export to
   the same name replaces.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import msgspec

from beam_dis.local.store import changes
from beam_dis.local.store.blob import DamagedBlob, header_of
from beam_dis.local.store.catalogue import Catalogue, Draft
from beam_dis.local.store.causes import database_advice, system_advice
from beam_dis.local.store.data_folder import DATABASE_NAME, flush_folder
from beam_dis.local.store.database import check_existing, close_copy, open_copy
from beam_dis.local.store.failures import StoreError
from beam_dis.local.store.rows import load, save
from beam_dis.local.store.snapshot_file import Progress, Snapshot, add_footer
from beam_dis.local.store.values import Partition, Stream
from beam_dis.version import __version__
from beam_dis.wire.ranges import partition_id

_PAGE_BYTES = 4 * 2**20
_BATCH_TABLES = {"batch", "batch_index", "deleted_stream"}
"""What isn't copied in the one transaction. What is left of deleted streams isn't copied at all."""

_PAGE = """
    SELECT batch_index.first, batch_index.count, batch_index.time_ms, batch.data
    FROM source.batch_index LEFT JOIN source.batch ON batch.id = batch_index.batch
    WHERE stream = ? AND partition = ? AND first >= ? AND first < ? ORDER BY first"""
_START = "SELECT earliest FROM source.partition WHERE stream = ? AND number = ?"

Batch = tuple[int, int, int, "bytes | None"]
"""First number, count, arrival time, blob."""


def export_snapshot(folder: Path, file: Path, *, now_ms: int, on_progress: Progress | None = None) -> Snapshot:
    """Write a snapshot of a data folder into a new file, which its owner alone can read.

    Args:
        folder: The folder; a server may be using it.
        file: The file to make.
        now_ms: The time, for the snapshot's footer.
        on_progress: Called after each page, with the records that are copied and those that there are.

    Raises:
        StoreError: There is no store in the folder, it has another version or is damaged; or the file is there already or
            can't be written.
    """
    source = folder / DATABASE_NAME
    if not source.is_file():
        raise StoreError(f"there is no store in {folder}: give the folder that was given to serve")
    check_existing(source)
    with _new_file(file) as (temporary, handle):
        copied = _copied(temporary, source, lambda: os.fsync(handle.fileno()), on_progress)
        snapshot = Snapshot(
            written_by=__version__,
            created_ms=now_ms,
            database_bytes=temporary.stat().st_size,
            streams=len(copied.streams()),
            records=sum(partition.next - partition.earliest for _, partition in _partitions(copied)),
        )
        add_footer(handle, snapshot)
    return snapshot


def _copied(temporary: Path, source: Path, flush: Callable[[], None], on_progress: Progress | None) -> Catalogue:
    """Make a copy of a database; returns what it contains."""
    try:
        connection = open_copy(temporary, source)
        try:
            copied = _Copy(source, connection, flush, on_progress).run()
            close_copy(connection)
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        advice = database_advice(source, error)
        raise StoreError(f"{source} can't be copied to {temporary}: {error}; {advice}") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{source} is damaged: {error}; run beam-dis check") from error
    return copied


class _StreamDeleted(Exception):  # noqa: N818 - an event
    """The stream was deleted while it was copied."""


@dataclass(slots=True)
class _Copy:
    """One copy of a database into an empty one."""

    source: Path
    connection: sqlite3.Connection
    flush: Callable[[], None]
    on_progress: Progress | None
    batches: int = 0
    records: int = 0

    def run(self) -> Catalogue:
        """Copy everything; returns what is in the copy."""
        self._copy_tables()
        listed = load(self.connection)
        total = sum(partition.next - partition.earliest for _, partition in _partitions(listed))
        draft = Draft(listed)
        for stream in listed.streams():
            self._copy_stream(draft, stream, total)
        self.connection.execute("BEGIN")
        save(self.connection, draft, listed)
        self.connection.execute("COMMIT")
        return load(self.connection)

    def _copy_tables(self) -> None:
        """Copy every table but those of batches, as they are at one moment."""
        names = [
            name for (name,) in self.connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")
        ]
        self.connection.execute("BEGIN")
        for name in names:
            self.connection.execute(f"DELETE FROM main.{name}")  # noqa: S608 - a table of our layout
            if name not in _BATCH_TABLES:
                self.connection.execute(f"INSERT INTO main.{name} SELECT * FROM source.{name}")  # noqa: S608 - the same
        self.connection.execute("COMMIT")

    def _copy_stream(self, draft: Draft, stream: Stream, total: int) -> None:
        """Copy the batches of a stream; note in the draft what has expired meanwhile, or that the stream was deleted."""
        try:
            for partition in stream.partitions:
                earliest = self._copy_partition(stream, partition, total)
                if earliest > partition.earliest:
                    draft.put_partition(stream.stream_id, msgspec.structs.replace(partition, earliest=earliest))
        except _StreamDeleted:
            changes.delete_stream(draft, 0, stream.stream_id)

    def _copy_partition(self, stream: Stream, partition: Partition, total: int) -> int:
        """Copy the batches of a partition; returns the number of the first record that the copy has."""
        earliest = expected = partition.earliest
        while expected < partition.next:
            page = self._page(stream, partition.number, expected, partition.next)
            if not page or page[0][0] != expected:
                earliest = self._after_expiry(stream, partition, expected, page)
                self.records += earliest - expected
                expected = earliest
                continue
            end = _checked_end(self._where(stream, partition), page)
            self._add(stream, partition.number, page)
            self.records += end - expected
            expected = end
            if self.on_progress is not None:
                self.on_progress(self.records, total)
        return earliest

    def _page(self, stream: Stream, number: int, start: int, end: int) -> list[Batch]:
        page: list[Batch] = []
        size = 0
        cursor = self.connection.execute(_PAGE, (stream.row, number, start, end))
        for batch in cursor:
            page.append(batch)
            size += len(batch[3] or b"")
            if size >= _PAGE_BYTES:
                break
        cursor.close()
        return page

    def _add(self, stream: Stream, number: int, page: list[Batch]) -> None:
        """Add a page to the copy, with new ids: in the order of the copy, which is the order of its file."""
        numbered = list(enumerate(page, self.batches + 1))
        self.batches += len(page)
        self.connection.execute("BEGIN")
        self.connection.executemany(
            "INSERT INTO main.batch (id, data) VALUES (?, ?)", [(batch_id, batch[3]) for batch_id, batch in numbered]
        )
        self.connection.executemany(
            "INSERT INTO main.batch_index (stream, partition, first, count, time_ms, batch) VALUES (?, ?, ?, ?, ?, ?)",
            [(stream.row, number, *batch[:3], batch_id) for batch_id, batch in numbered],
        )
        self.connection.execute("COMMIT")
        self.flush()

    def _after_expiry(self, stream: Stream, partition: Partition, expected: int, page: list[Batch]) -> int:
        """Where a partition goes on whose next batch is gone; StoreError if it has neither expired nor been deleted.

        The server says that records have expired before it deletes them, so this is asked after they were missing.
        """
        found = self.connection.execute(_START, (stream.row, partition.number)).fetchone()
        if found is None:
            raise _StreamDeleted
        start = min(int(found[0]), partition.next)
        if start <= expected:
            last = (page[0][0] if page else partition.next) - 1
            raise _damaged(self._where(stream, partition), expected, last, "they are missing")
        return start

    def _where(self, stream: Stream, partition: Partition) -> str:
        return f"{self.source}: {partition_id(partition.number)} of stream {stream.name!r}"


def _checked_end(where: str, page: list[Batch]) -> int:
    """The number after the last record of a page. StoreError unless its batches are as they were written, without a gap."""
    expected = page[0][0]
    for first, count, time_ms, blob in page:
        if first != expected:
            raise _damaged(where, expected, first - 1, "they are missing")
        try:
            header = header_of(blob or b"")
        except DamagedBlob as damage:
            raise _damaged(where, first, first + count - 1, str(damage)) from damage
        if header != (first, count, time_ms):
            raise _damaged(where, first, first + count - 1, "the blob is another one")
        expected = first + count
    return expected


def _damaged(where: str, first: int, last: int, why: str) -> StoreError:
    return StoreError(
        f"{where}: records {first} to {last} are damaged: {why}; stop the server, run beam-dis check, and restore the folder"
        " from an earlier snapshot"
    )


def _partitions(catalogue: Catalogue) -> Iterator[tuple[Stream, Partition]]:
    return ((stream, partition) for stream in catalogue.streams() for partition in stream.partitions)


@contextmanager
def _new_file(file: Path) -> Iterator[tuple[Path, IO[bytes]]]:
    """A temporary file beside ``file`` that becomes it at the end of the block, and is removed if the block fails.

    It is locked, so that two exports don't write the same file.
    """
    try:
        if os.path.lexists(file):  # also a link to nothing, which the new file would replace
            raise StoreError(f"{file} is there already: give another name, or remove it")
        temporary = file.with_name(f".{file.name}.export~")
        with os.fdopen(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as handle:
            _lock(temporary, handle.fileno(), file)
            _remove_beside(temporary)
            try:
                handle.truncate(0)
                temporary.chmod(0o600)
                yield temporary, handle
                handle.flush()
                os.fsync(handle.fileno())
                temporary.rename(file)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            finally:
                _remove_beside(temporary)
        flush_folder(file.parent)
    except OSError as error:
        raise StoreError(f"{file} can't be written: {error.strerror}; {system_advice(error)}") from error


def _remove_beside(temporary: Path) -> None:
    """Remove the files that SQLite may have left beside a temporary file, if an export was killed."""
    for suffix in ("-wal", "-shm", "-journal"):
        temporary.with_name(temporary.name + suffix).unlink(missing_ok=True)


def _lock(temporary: Path, handle: int, file: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        same = temporary.exists() and os.path.samestat(os.fstat(handle), temporary.stat())
    except BlockingIOError:
        same = False
    if not same:
        raise StoreError(f"another export is writing {file}: wait until it has ended, or give another name")
