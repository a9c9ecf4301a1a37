"""The store: what the rest of the local DIS sees of the durable log.

Law: looking something up never blocks and shows committed state; every change is a future that is resolved once it is
committed and on disk, or refused, or failed with nothing changed; reading blocks.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from beam_dis.local.store import changes, database, inspection, rows
from beam_dis.local.store.catalogue import Catalogue, CheckpointKey
from beam_dis.local.store.failures import StoreError
from beam_dis.local.store.folder import Folder
from beam_dis.local.store.inbox import Request
from beam_dis.local.store.reader import Reader
from beam_dis.local.store.session import PAGE_BYTES, Session, Transaction
from beam_dis.local.store.values import (
    App,
    Entry,
    Placed,
    Run,
    StoredCheckpoint,
    StoredRecord,
    Stream,
    StreamDefinition,
)
from beam_dis.local.store.writer import Writer
from beam_dis.wire.streams import PolicyRule

_ID_CHARS = string.ascii_letters + string.digits
_ID_LENGTH = 20
_RECORD_OVERHEAD = 64


def open_store(data_dir: Path, *, clock: Callable[[], float], housekeeping_interval: float | None = 1.0) -> Store:
    """Open the store in a folder, or make one there.

    ``clock`` gives epoch seconds; housekeeping runs every ``housekeeping_interval`` seconds of real time, only when asked
    for where that is None. Raises StoreError: in use, damaged, of a newer version, not writable.
    """
    folder = Folder(Path(data_dir))
    try:
        return Store(folder, clock, housekeeping_interval)
    except BaseException:
        folder.release()
        raise


class Store:
    """The durable log of a local DIS; thread-safe. Make one with :func:`open_store`, and close it.

    ``path`` is its database file.
    """

    def __init__(self, folder: Folder, clock: Callable[[], float], housekeeping_interval: float | None) -> None:
        self.path = folder.path / database.FILE_NAME
        database.prepare(self.path)
        self._folder = folder
        self._catalogue = Catalogue()
        self._writer = Writer(Session(self.path, self._catalogue, clock), self._catalogue, housekeeping_interval)
        self._reader = Reader(self.path, self._catalogue)

    # What is there: committed state, from memory.

    def stream(self, project: str, name: str, stream_id: str = "") -> Stream | None:
        """The stream of that name, else of that id, in a project."""
        return self._catalogue.stream(project, name, stream_id)

    def streams(self, project: str | None = None) -> list[Stream]:
        """The streams of a project, by name; of all projects where none is named."""
        return self._catalogue.streams(project)

    def app(self, project: str, name: str) -> App | None:
        """The app of that name in a project."""
        return self._catalogue.app(project, name)

    def apps(self, project: str) -> list[App]:
        """The apps of a project, by name."""
        return self._catalogue.apps(project)

    def checkpoint(self, project: str, app: App, stream_id: str, partition: int) -> StoredCheckpoint | None:
        """What an app committed in a partition."""
        return self._catalogue.checkpoint(CheckpointKey(project, app.name, stream_id, partition))

    def checkpoints(
        self, project: str, app: App, stream_id: str | None = None
    ) -> dict[tuple[str, int], StoredCheckpoint]:
        """What an app committed, by stream id and partition, in one stream or in all."""
        return self._catalogue.checkpoints(project, app.name, stream_id)

    # Changes: futures, resolved after COMMIT.

    def append(self, stream: Stream, entries: Sequence[Entry]) -> Future[list[Placed | None]]:
        """Where each record is now, in order; None for one whose partition isn't ACTIVE any more. Refused: DIS.4301."""
        columns = tuple(map(list, zip(*entries, strict=True))) or ([], [], [])
        return self._append(stream, *columns, outcome=_placed)

    def append_columns(
        self, stream: Stream, partitions: list[int], keys: list[str | None], datas: list[bytes]
    ) -> Future[list[int | None]]:
        """As :meth:`append` with the records in columns, and their numbers alone: cheapest for many records."""
        return self._append(stream, partitions, keys, datas, outcome=_numbers)

    def create_stream(self, project: str, definition: StreamDefinition) -> Future[Stream]:
        """The new stream. Refused: DIS.4307, 4308."""

        def apply(transaction: Transaction) -> Stream:
            return changes.create_stream(
                transaction.draft,
                transaction.now_ms,
                project,
                definition,
                stream_id=_new_id(),
                row=transaction.new_row(),
            )

        return self._writer.submit(Request(apply=apply))

    def delete_stream(self, stream: Stream) -> Future[None]:
        """The stream, its records and its checkpoints are gone; the space they took follows. Refused: DIS.4301."""
        return self._change(changes.delete_stream, stream.stream_id)

    def update_stream(self, stream: Stream, **facts: Any) -> Future[Stream]:
        """The stream with other facts, by the names of Stream's fields. Refused: DIS.4301."""
        return self._change(changes.update_stream, stream.stream_id, facts)

    def add_policy(self, stream: Stream, rule: PolicyRule) -> Future[None]:
        """One more permission on a stream. Refused: DIS.4301."""
        return self._change(changes.add_policy, stream.stream_id, rule)

    def scale(self, stream: Stream, target: int) -> Future[tuple[int, int]]:
        """The number of ACTIVE partitions before, and now. Refused: DIS.4200, 4301, 4308."""
        return self._change(changes.scale, stream.stream_id, target)

    def create_app(self, project: str, name: str) -> Future[App]:
        """The new app. Refused: DIS.4329, 4330."""
        return self._change(partial(changes.create_app, app_id=_new_id()), project, name)

    def delete_app(self, project: str, app: App) -> Future[None]:
        """The app and its checkpoints are gone. Refused: DIS.4332."""
        return self._change(changes.delete_app, project, app.name)

    def commit_checkpoint(
        self, project: str, app: App, stream: Stream, partition: int, sequence_number: int, metadata: str | None = None
    ) -> Future[None]:
        """Keep the number that an app reads next. Refused: DIS.4301, 4302, 4332."""
        key = CheckpointKey(project, app.name, stream.stream_id, partition)
        return self._change(changes.commit_checkpoint, key, StoredCheckpoint(sequence_number, metadata))

    def delete_checkpoints(self, project: str, app: App, stream: Stream, partition: int | None) -> Future[None]:
        """Forget an app's checkpoints in a stream, or in one partition of it. Refused: DIS.4332."""
        return self._change(changes.delete_checkpoints, project, app.name, stream.stream_id, partition)

    # Reading: blocking.

    def read(self, stream: Stream, partition: int, start: int, max_bytes: int) -> list[StoredRecord]:
        """A page of records from ``start`` on, whose data is no more than ``max_bytes`` in all.

        Empty where nothing is there yet, and where the first record alone is larger. Refused: DIS.4226 where ``start`` has
        expired, also while it is read; 4301, 4302, 4319. Raises StoreError where the records are damaged.
        """
        return [
            StoredRecord(number, key, data, run.timestamp_ms)
            for run in self._reader.runs(stream, partition, start, max_bytes)
            for number, key, data in zip(range(run.first, run.first + len(run.datas)), run.keys, run.datas, strict=True)
        ]

    def read_runs(self, stream: Stream, partition: int, start: int, max_bytes: int) -> list[Run]:
        """The page of :meth:`read` in columns, a run for each batch: cheapest for many records."""
        return self._reader.runs(stream, partition, start, max_bytes)

    def locate(self, stream: Stream, partition: int, timestamp_ms: int) -> int:
        """The number of the first record at or after a time, of the next to come where there is none.

        Refused: DIS.4300 where records before the oldest have expired and the time is before it; 4301, 4302, 4319.
        """
        return self._reader.locate(stream, partition, timestamp_ms)

    def check(self) -> list[str]:
        """Everything that is wrong with what is stored, one line each; empty where all is well. Reads all of it."""
        problems: list[str] = []
        try:
            with self._reader.connections() as connection:
                problems += inspection.structure_problems(connection)
                for stream in self._catalogue.streams():
                    for partition in stream.partitions:
                        problems += inspection.partition_problems(connection, stream, partition)
        except StoreError as error:
            problems.append(str(error))
        return problems

    # The store itself.

    def clock_advance(self) -> float:
        """The seconds by which the clock of this data is ahead of the system's. Blocking; raises StoreUnavailable."""
        with self._reader.connections() as connection:
            return rows.clock_advance(connection)

    def advance_clock(self, seconds: float) -> Future[float]:
        """Keep it that the clock of this data was advanced; by how much in all."""
        return self._writer.submit(
            Request(apply=lambda transaction: rows.advance_clock(transaction.connection, seconds))
        )

    def housekeep(self) -> None:
        """Expire what is too old and clear away what is gone, now, to the end. Raises StoreUnavailable."""
        self._writer.housekeep().result()

    def close(self) -> None:
        """Finish what is queued, copy the WAL into the file, let go of the folder."""
        self._reader.close()
        self._writer.close()
        self._folder.release()

    def _change(self, change: Callable[..., Any], *details: Any) -> Future[Any]:
        return self._writer.submit(
            Request(apply=lambda transaction: change(transaction.draft, transaction.now_ms, *details))
        )

    def _append(
        self, stream: Stream, partitions: list[int], keys: list[str | None], datas: list[bytes], *, outcome: _Outcome
    ) -> Future[Any]:
        def apply(transaction: Transaction) -> Any:
            return outcome(partitions, transaction.tails.place(stream.stream_id, partitions, keys, datas))

        touched = len(set(partitions)) * PAGE_BYTES
        size = touched + sum(map(len, datas)) + _RECORD_OVERHEAD * len(datas)
        return self._writer.submit(Request(apply=apply, size=size, appends=True))


_Outcome = Callable[[Sequence[int], list["int | None"]], Any]


def _placed(partitions: Sequence[int], numbers: list[int | None]) -> list[Placed | None]:
    return [
        None if number is None else Placed(partition, number)
        for partition, number in zip(partitions, numbers, strict=True)
    ]


def _numbers(_: Sequence[int], numbers: list[int | None]) -> list[int | None]:
    return numbers


def _new_id() -> str:
    return "".join(secrets.choice(_ID_CHARS) for _ in range(_ID_LENGTH))
