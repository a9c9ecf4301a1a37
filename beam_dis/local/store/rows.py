"""The catalogue as rows of the database: read when the file is opened, written from a draft inside a transaction.

Rule 1: after a commit, :func:`load` returns what the catalogue in memory became by that commit.
Rule 2: a stream's properties are one JSON column, because they change rarely. The positions of its partitions have columns,
because they change with every put.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from beam_dis.local.store.catalogue import Catalogue, CheckpointKey, Draft
from beam_dis.local.store.dump_values import DumpTask
from beam_dis.local.store.usage import delete_totals
from beam_dis.local.store.values import Partition, StoredApp, StoredCheckpoint, Stream
from beam_dis.wire.ranges import hash_ranges
from beam_dis.wire.streams import ACTIVE

_PUT_STREAM = (
    "INSERT INTO stream (row, project, stream_id, name, properties) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (row) DO UPDATE SET properties = excluded.properties"
)
_PUT_PARTITION = (
    "INSERT OR REPLACE INTO partition (stream, number, status, since_ms, earliest, next, put_bytes, last_ms)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_PUT_APP = "INSERT OR REPLACE INTO app VALUES (?, ?, ?, ?)"
_PUT_CHECKPOINT = "INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?, ?, ?)"
_PUT_DUMP_TASK = "INSERT OR REPLACE INTO dump_task VALUES (?, ?)"


def load(connection: sqlite3.Connection) -> Catalogue:
    """Read the committed state from disk."""
    draft = Draft(Catalogue())
    partitions = _load_partitions(connection)
    for row, properties in connection.execute("SELECT row, properties FROM stream"):
        stream = msgspec.json.decode(properties, type=Stream)
        draft.put_stream(with_hash_ranges(msgspec.structs.replace(stream, row=row, partitions=tuple(partitions[row]))))
    for project, name, app_id, created_ms in connection.execute("SELECT project, name, app_id, created_ms FROM app"):
        draft.apps[(project, name)] = StoredApp(project=project, name=name, app_id=app_id, created_ms=created_ms)
    for row in connection.execute(
        "SELECT project, app, stream_id, partition, sequence_number, metadata FROM checkpoint"
    ):
        draft.checkpoints[CheckpointKey(*row[:4])] = StoredCheckpoint(*row[4:])
    for task_id, properties in connection.execute("SELECT task_id, properties FROM dump_task"):
        draft.dump_tasks[task_id] = msgspec.json.decode(properties, type=DumpTask)
    loaded = Catalogue()
    loaded.publish(draft)
    return loaded


def save(connection: sqlite3.Connection, draft: Draft, committed: Catalogue) -> None:
    """Write the changes of a draft; the caller commits."""
    for stream_id, stream in draft.streams.items():
        before = committed.by_id(stream_id)
        if stream is not None:
            _save_stream(connection, stream, before)
        elif before is not None:
            # Its batches are deleted later, in slices: housekeeping finds them by the row in deleted_stream.
            connection.execute("DELETE FROM stream WHERE row = ?", (before.row,))
            connection.execute("DELETE FROM partition WHERE stream = ?", (before.row,))
            connection.execute("INSERT INTO deleted_stream VALUES (?)", (before.row,))
            delete_totals(connection, before.row)
    for (project, name), app in draft.apps.items():
        if app is None:
            connection.execute("DELETE FROM app WHERE project = ? AND name = ?", (project, name))
        else:
            connection.execute(_PUT_APP, (project, name, app.app_id, app.created_ms))
    for key, checkpoint in draft.checkpoints.items():
        if checkpoint is None:
            connection.execute(
                "DELETE FROM checkpoint WHERE project = ? AND app = ? AND stream_id = ? AND partition = ?", key
            )
        else:
            connection.execute(_PUT_CHECKPOINT, (*key, *checkpoint))
    for task_id, task in draft.dump_tasks.items():
        if task is None:
            connection.execute("DELETE FROM dump_task WHERE task_id = ?", (task_id,))
        else:
            connection.execute(_PUT_DUMP_TASK, (task_id, msgspec.json.encode(task)))


def advance_clock(connection: sqlite3.Connection, seconds: float) -> float:
    """Advance the clock of these data and return :func:`clock_advance`; the caller commits."""
    connection.execute("UPDATE clock SET advanced = advanced + ?", (seconds,))
    return clock_advance(connection)


def clock_advance(connection: sqlite3.Connection) -> float:
    """The seconds by which the clock of these data is ahead of the system's."""
    (seconds,) = connection.execute("SELECT advanced FROM clock").fetchone()
    return float(seconds)


def next_row(connection: sqlite3.Connection) -> int:
    """A row number that no stream has or had."""
    highest = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'stream'").fetchone()
    return 1 if highest is None else int(highest[0]) + 1


def with_hash_ranges(stream: Stream) -> Stream:
    """The stream with the hash space in equal parts among its ACTIVE partitions, by number."""
    ranges = iter(hash_ranges(stream.active_count)) if stream.active_count else iter(())
    return msgspec.structs.replace(
        stream,
        partitions=tuple(
            msgspec.structs.replace(partition, hash_range=next(ranges) if partition.status == ACTIVE else None)
            for partition in stream.partitions
        ),
    )


def _load_partitions(connection: sqlite3.Connection) -> dict[int, list[Partition]]:
    """The partitions by the row of their stream, in the order of their numbers."""
    partitions: dict[int, list[Partition]] = defaultdict(list)
    for row, number, status, since_ms, earliest, next_number, put_bytes, last_ms in connection.execute(
        "SELECT stream, number, status, since_ms, earliest, next, put_bytes, last_ms"
        " FROM partition ORDER BY stream, number"
    ):
        partitions[row].append(
            Partition(
                number=number,
                status=status,
                since_ms=since_ms,
                earliest=earliest,
                next=next_number,
                put_bytes=put_bytes,
                last_ms=last_ms,
            )
        )
    return partitions


def _save_stream(connection: sqlite3.Connection, stream: Stream, before: Stream | None) -> None:
    if before is None or before.generation != stream.generation:
        properties = msgspec.json.encode(msgspec.structs.replace(stream, partitions=()))
        connection.execute(_PUT_STREAM, (stream.row, stream.project, stream.stream_id, stream.name, properties))
    partitions_before = () if before is None else before.partitions
    connection.executemany(_PUT_PARTITION, _changed_partitions(stream, partitions_before))


def _changed_partitions(stream: Stream, before: tuple[Partition, ...]) -> Iterable[tuple[object, ...]]:
    for partition in stream.partitions:
        if partition.number >= len(before) or before[partition.number] is not partition:
            yield (
                stream.row,
                partition.number,
                partition.status,
                partition.since_ms,
                partition.earliest,
                partition.next,
                partition.put_bytes,
                partition.last_ms,
            )
