"""The store: the interface of the durable log for the rest of the local DIS.

Rule 1: a look-up doesn't block, and shows committed state.
Rule 2: a change returns a future. It gets a result once the change is committed and on disk; if the change is refused or
fails, nothing has changed.
Rule 3: a read blocks until the disk has answered.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from beam_dis.local.store import changes, database, dump_changes, inspection, rows, usage
from beam_dis.local.store.auto_scaling import AutoScaling
from beam_dis.local.store.catalogue import Catalogue, CheckpointKey
from beam_dis.local.store.change_queue import ChangeRequest
from beam_dis.local.store.data_folder import DATABASE_NAME, DataFolder
from beam_dis.local.store.dump_values import DumpPosition, DumpTask
from beam_dis.local.store.failures import StoreError
from beam_dis.local.store.move import remove_copies
from beam_dis.local.store.reader import StoreReader
from beam_dis.local.store.usage import Usage, UsageKey, UsageMeter
from beam_dis.local.store.values import StoredApp, StoredCheckpoint, StoredRecords, Stream, StreamDefinition
from beam_dis.local.store.writer import Writer
from beam_dis.local.store.writer_connection import PAGE_BYTES, Transaction, WriterConnection
from beam_dis.wire.dump_tasks import OBSDestination
from beam_dis.wire.streams import PolicyRule, Tag

_ID_CHARS = string.ascii_letters + string.digits
_ID_LENGTH = 19
_RECORD_OVERHEAD = 64


def open_store(
    data_dir: Path,
    *,
    clock: Callable[[], float],
    housekeeping_interval: float | None = 1.0,
    auto_scaling: bool = False,
) -> Store:
    """Open the store in a folder, or create one there.

    Args:
        data_dir: The folder; it is created if it is missing.
        clock: Gives the time in epoch seconds.
        housekeeping_interval: Seconds of real time between two rounds of housekeeping; None for rounds on demand only.
        auto_scaling: Whether streams that allow it are scaled by their traffic.

    Raises:
        StoreError: The folder is in use or not writable; its file is damaged, or has another version.
    """
    folder = DataFolder(Path(data_dir))
    try:
        return Store(folder, clock, housekeeping_interval, auto_scaling=auto_scaling)
    except BaseException:
        folder.release()
        raise


class Store:
    """The durable log of a local DIS; thread-safe. Open one with :func:`open_store`, and close it.

    ``path`` is its database file.
    """

    def __init__(
        self, folder: DataFolder, clock: Callable[[], float], housekeeping_interval: float | None, *, auto_scaling: bool
    ) -> None:
        self.path = folder.path / DATABASE_NAME
        remove_copies(self.path)
        database.prepare(self.path)
        self._folder = folder
        self._catalogue = Catalogue()
        self._clock = clock
        self._meter = UsageMeter()
        self._reader = StoreReader(self.path, self._catalogue)
        connection = WriterConnection(self.path, self._catalogue, clock, self._meter, self._reader.moving)
        steps = [AutoScaling().step] if auto_scaling else []
        self._writer = Writer(connection, housekeeping_interval, steps)

    # Look-ups: committed state, from memory.

    def stream(self, project: str, name: str, stream_id: str = "") -> Stream | None:
        """The stream of that name in a project, else the stream of that id; None if there is neither."""
        return self._catalogue.stream(project, name, stream_id)

    def stream_by_id(self, stream_id: str) -> Stream | None:
        """The stream of that id in any project; None if there is none."""
        return self._catalogue.by_id(stream_id)

    def streams(self, project: str | None = None) -> list[Stream]:
        """The streams of a project, or of all projects, sorted by name."""
        return self._catalogue.streams(project)

    def app(self, project: str, name: str) -> StoredApp | None:
        """The app of that name in a project; None if there is none."""
        return self._catalogue.app(project, name)

    def apps(self, project: str | None = None) -> list[StoredApp]:
        """The apps of a project, or of all projects, sorted by name."""
        return self._catalogue.apps(project)

    def checkpoint(self, project: str, app: StoredApp, stream_id: str, partition: int) -> StoredCheckpoint | None:
        """The last checkpoint of an app in a partition; None if it has none."""
        return self._catalogue.checkpoint(CheckpointKey(project, app.name, stream_id, partition))

    def checkpoints(
        self, project: str, app: StoredApp, stream_id: str | None = None
    ) -> dict[tuple[str, int], StoredCheckpoint]:
        """The checkpoints of an app by stream id and partition, in one stream or in all."""
        return self._catalogue.checkpoints(project, app.name, stream_id)

    def dump_task(self, task_id: str) -> DumpTask | None:
        """The dump task of that id, also if it was deleted; None if nothing is left of it."""
        return self._catalogue.dump_task(task_id)

    def dump_tasks(self, stream: Stream | None = None) -> list[DumpTask]:
        """The dump tasks of a stream, sorted by name; without a stream those of all, and what is left of deleted ones."""
        found = self._catalogue.dump_tasks(None if stream is None else stream.stream_id)
        return [task for task in found if stream is None or task.exists]

    def stream_of(self, task: DumpTask) -> Stream | None:
        """The stream that a dump task copies; None if it was deleted."""
        return self._catalogue.by_id(task.stream_id)

    # Changes: futures, resolved after COMMIT.

    def append(
        self, stream: Stream, partitions: list[int], keys: list[str | None], datas: list[bytes]
    ) -> Future[list[int | None]]:
        """Append records, given as columns: record ``i`` is ``partitions[i]``, ``keys[i]``, ``datas[i]``.

        Returns:
            The sequence number of each record; None for one whose partition isn't ACTIVE. Refused: DIS.4301.
        """

        def apply(transaction: Transaction) -> list[int | None]:
            return transaction.records.append(stream.stream_id, partitions, keys, datas)

        changed_pages = len(set(partitions)) * PAGE_BYTES
        size = changed_pages + sum(map(len, datas)) + _RECORD_OVERHEAD * len(datas)
        return self._writer.submit(ChangeRequest(apply=apply, size=size, appends=True))

    def create_stream(self, project: str, definition: StreamDefinition) -> Future[Stream]:
        """Create a stream. Refused: DIS.4307, 4308."""

        def apply(transaction: Transaction) -> Stream:
            return changes.create_stream(
                transaction.draft,
                transaction.now_ms,
                project,
                definition,
                stream_id=_new_id(),
                row=transaction.new_row(),
            )

        return self._writer.submit(ChangeRequest(apply=apply))

    def delete_stream(self, stream: Stream) -> Future[None]:
        """Delete a stream, its records and its checkpoints; housekeeping frees its space later. Refused: DIS.4301."""
        return self._change(changes.delete_stream, stream.stream_id)

    def update_stream(self, stream: Stream, **properties: Any) -> Future[Stream]:
        """Change properties of a stream, named as Stream's fields. Refused: DIS.4301."""
        return self._change(changes.update_stream, stream.stream_id, properties)

    def add_policies(self, stream: Stream, rules: Sequence[PolicyRule]) -> Future[None]:
        """Add permissions to a stream. Refused: DIS.4301."""
        return self._change(changes.add_policies, stream.stream_id, rules)

    def delete_policies(self, stream: Stream, rules: Sequence[PolicyRule]) -> Future[None]:
        """Delete permissions of a stream, as far as it has them. Refused: DIS.4301."""
        return self._change(changes.delete_policies, stream.stream_id, rules)

    def put_tags(self, stream: Stream, tags: Sequence[Tag]) -> Future[None]:
        """Add tags to a stream; one whose key is there gets the new value. Refused: DIS.4601, 4603."""
        return self._change(changes.put_tags, stream.stream_id, tags)

    def delete_tag(self, stream: Stream, key: str) -> Future[None]:
        """Delete a tag of a stream. Refused: DIS.4603, 4604."""
        return self._change(changes.delete_tag, stream.stream_id, key)

    def delete_tags(self, stream: Stream, keys: Sequence[str]) -> Future[None]:
        """Delete tags of a stream, as far as it has them. Refused: DIS.4603."""
        return self._change(changes.delete_tags, stream.stream_id, keys)

    def scale(self, stream: Stream, target: int) -> Future[tuple[int, int]]:
        """Scale a stream; the result is its number of ACTIVE partitions before and after. Refused: DIS.4200, 4301, 4308."""
        return self._change(changes.scale, stream.stream_id, target)

    def grow(self, stream: Stream, target: int) -> Future[None]:
        """Scale a stream up to a number of ACTIVE partitions. Refused: DIS.4200 unless that is more than it has, 4301, 4308."""
        return self._change(changes.grow, stream.stream_id, target)

    def create_app(self, project: str, name: str) -> Future[StoredApp]:
        """Create an app. Refused: DIS.4329, 4330."""
        return self._change(partial(changes.create_app, app_id=_new_id()), project, name)

    def delete_app(self, project: str, app: StoredApp) -> Future[None]:
        """Delete an app and its checkpoints. Refused: DIS.4332."""
        return self._change(changes.delete_app, project, app.name)

    def commit_checkpoint(
        self,
        project: str,
        app: StoredApp,
        stream: Stream,
        partition: int,
        sequence_number: int,
        metadata: str | None = None,
    ) -> Future[None]:
        """Set the number that an app reads next in a partition. Refused: DIS.4301, 4302, 4332."""
        key = CheckpointKey(project, app.name, stream.stream_id, partition)
        return self._change(changes.commit_checkpoint, key, StoredCheckpoint(sequence_number, metadata))

    def delete_checkpoints(self, project: str, app: StoredApp, stream: Stream, partition: int | None) -> Future[None]:
        """Delete an app's checkpoints in a stream, or in one partition of it. Refused: DIS.4332."""
        return self._change(changes.delete_checkpoints, project, app.name, stream.stream_id, partition)

    def create_dump_task(self, stream: Stream, destination: OBSDestination) -> Future[DumpTask]:
        """Create a dump task. Refused: DIS.4205, 4301, 4355, 4357."""
        change = partial(dump_changes.create_dump_task, task_id=_new_id())
        return self._change(change, stream.stream_id, destination)

    def update_dump_task(self, stream: Stream, destination: OBSDestination) -> Future[None]:
        """Change everything about the dump task of that name but its strategy. Refused: DIS.4354."""
        return self._change(dump_changes.update_dump_task, stream.stream_id, destination)

    def delete_dump_task(self, stream: Stream, name: str) -> Future[None]:
        """Delete the dump task of that name or id. Refused: DIS.4354."""
        return self._change(dump_changes.delete_dump_task, stream.stream_id, name)

    def act_on_dump_tasks(self, stream: Stream, names: Sequence[str], action: str) -> Future[None]:
        """Start or stop the dump tasks of these names or ids, all or none. Refused: DIS.4354."""
        return self._change(dump_changes.act_on_dump_tasks, stream.stream_id, names, action)

    def set_dump_state(self, task: DumpTask, state: str) -> Future[None]:
        """Set the state of a dump task, unless it isn't in this one any more."""
        return self._change(dump_changes.set_dump_state, task.task_id, task.state, state)

    def set_dump_position(self, task: DumpTask, position: DumpPosition) -> Future[None]:
        """Set the position of a dump task in a partition. Refused: DIS.4354."""
        return self._change(dump_changes.set_dump_position, task.task_id, position)

    def forget_dump_task(self, task: DumpTask) -> Future[None]:
        """Remove what is left of a deleted dump task."""
        return self._change(dump_changes.forget_dump_task, task.task_id)

    # Reads: blocking.

    def read(
        self, stream: Stream, partition: int, start: int, max_bytes: int, max_records: int | None = None
    ) -> list[StoredRecords]:
        """Read a page: at most ``max_records`` from ``start`` on whose data is at most ``max_bytes`` in all, batch by batch.

        The page is empty if there is no record from ``start`` on yet, or if the first one alone is larger.

        Raises:
            Refusal: DIS.4226 if ``start`` has expired, also during the read; DIS.4301, 4302, 4319.
            StoreError: The records are damaged.
        """
        return self._reader.read(stream, partition, start, max_bytes, max_records)

    def locate(self, stream: Stream, partition: int, timestamp_ms: int) -> int:
        """The number of the first record at or after a time; the partition's next number if there is no such record.

        Raises:
            Refusal: DIS.4300 if the time is before the oldest record and earlier records have expired; DIS.4301, 4302, 4319.
        """
        return self._reader.locate(stream, partition, timestamp_ms)

    def stored_bytes(self, stream: Stream, partition: int, start: int, end: int) -> int:
        """About how many bytes the records ``[start, end)`` have; counted by whole batches, and without reading them."""
        return self._reader.stored_bytes(stream, partition, start, end)

    def oldest_ms(self, stream: Stream) -> int | None:
        """The arrival time of the oldest record of a stream; None if it has no records."""
        return self._reader.oldest_ms(stream)

    def arrival_ms(self, stream: Stream, partition: int, sequence_number: int) -> int | None:
        """The arrival time of a record; None if there is no such record."""
        return self._reader.arrival_ms(stream, partition, sequence_number)

    def check(self) -> list[str]:
        """Read all stored data; returns the problems, one line each."""
        problems: list[str] = []
        try:
            with self._reader.connection() as connection:
                problems += inspection.structure_problems(connection)
                for stream in self._catalogue.streams():
                    for partition in stream.partitions:
                        problems += inspection.partition_problems(connection, stream, partition)
        except StoreError as error:
            problems.append(str(error))
        return problems

    # Usage: counted in memory, stored before it is reported.

    def count_usage(self, stream: Stream, partition: int, counts: Usage) -> None:
        """Count what has happened to a partition just now, or with ``WHOLE_STREAM`` to a stream. What is put is counted anyway."""
        self._meter.count(UsageKey(int(self._clock() // 60), stream.row, partition), counts)

    def store_usage(self) -> Future[None]:
        """Store what was counted up to now."""
        return self._writer.submit(ChangeRequest(apply=usage.store_usage))

    def usage_by_minute(self, stream: Stream, partition: int | None, first: int, last: int) -> dict[int, Usage]:
        """What happened to a partition, or to a whole stream, in each of some minutes since 1970, as far as it is stored. Blocks."""
        with self._reader.connection() as connection:
            return usage.usage_by_minute(connection, stream.row, partition, first, last)

    def usage_by_partition(self, stream: Stream, first: int, last: int) -> dict[int, Usage]:
        """The sums of some minutes since 1970 by partition, as far as they are stored; of the stream, under ``WHOLE_STREAM``. Blocks."""
        with self._reader.connection() as connection:
            return usage.usage_by_partition(connection, stream.row, first, last)

    def usage_totals(self) -> dict[int, dict[int, Usage]]:
        """What happened to each stream since it was created, by its row and by partition, as far as it is stored. Blocks."""
        with self._reader.connection() as connection:
            return usage.all_totals(connection)

    # The clock, housekeeping, closing.

    def clock_advance(self) -> float:
        """The seconds by which the clock of these data is ahead of the system's. Blocks; raises StoreUnavailable."""
        with self._reader.connection() as connection:
            return rows.clock_advance(connection)

    def advance_clock(self, seconds: float) -> Future[float]:
        """Advance the clock of these data; the result is the new :meth:`clock_advance`."""
        return self._writer.submit(
            ChangeRequest(apply=lambda transaction: rows.advance_clock(transaction.connection, seconds))
        )

    def housekeep(self) -> None:
        """Do a whole round of housekeeping now: expire what is too old, and delete what is gone. Raises StoreUnavailable."""
        self._writer.housekeep().result()

    def close(self) -> None:
        """Finish the queued changes, copy the WAL into the file, and unlock the folder."""
        self._reader.close()
        self._writer.close()
        self._folder.release()

    def _change(self, change: Callable[..., Any], *arguments: Any) -> Future[Any]:
        return self._writer.submit(
            ChangeRequest(apply=lambda transaction: change(transaction.draft, transaction.now_ms, *arguments))
        )


def _new_id() -> str:
    return "".join(secrets.choice(_ID_CHARS) for _ in range(_ID_LENGTH))
