"""The catalogue as rows: read at open, and written from a draft inside the transaction.

Law: what :func:`load` returns after a commit equals what memory became by that commit. A stream's facts are one JSON
column, so that a fact added later needs no migration; positions of partitions have columns, they change with every put.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from beam_dis.local.store.catalogue import Catalogue, CheckpointKey, Draft
from beam_dis.local.store.values import App, Partition, StoredCheckpoint, Stream
from beam_dis.wire.ranges import hash_ranges
from beam_dis.wire.streams import ACTIVE

_PUT_STREAM = (
    "INSERT INTO stream (row, project, stream_id, name, facts) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (row) DO UPDATE SET facts = excluded.facts"
)
_PUT_PARTITION = "INSERT OR REPLACE INTO partition VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_APP = "INSERT OR REPLACE INTO app VALUES (?, ?, ?, ?)"
_PUT_CHECKPOINT = "INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?, ?, ?, ?)"


def load(connection: sqlite3.Connection) -> Catalogue:
    """The committed state, read from disk."""
    draft = Draft(Catalogue())
    partitions = _load_partitions(connection)
    for row, facts in connection.execute("SELECT row, facts FROM stream"):
        stream = msgspec.json.decode(facts, type=Stream)
        draft.put_stream(with_hash_ranges(msgspec.structs.replace(stream, row=row, partitions=tuple(partitions[row]))))
    for project, name, app_id, created_ms in connection.execute("SELECT project, name, app_id, created_ms FROM app"):
        draft.apps[(project, name)] = App(project=project, name=name, app_id=app_id, created_ms=created_ms)
    for row in connection.execute(
        "SELECT project, app, stream_id, partition, sequence_number, metadata FROM checkpoint"
    ):
        draft.checkpoints[CheckpointKey(*row[:4])] = StoredCheckpoint(*row[4:])
    loaded = Catalogue()
    loaded.publish(draft)
    return loaded


def save(connection: sqlite3.Connection, draft: Draft, committed: Catalogue) -> None:
    """Write what a draft changes; the caller commits."""
    for stream_id, stream in draft.streams.items():
        before = committed.by_id(stream_id)
        if stream is not None:
            _save_stream(connection, stream, before)
        elif before is not None:
            _bury(connection, before)
    _save_apps(connection, draft)
    _save_checkpoints(connection, draft)


def advance_clock(connection: sqlite3.Connection, seconds: float) -> float:
    """By how much the clock of this data has been advanced in all; the caller commits."""
    connection.execute("UPDATE clock SET advanced = advanced + ?", (seconds,))
    return clock_advance(connection)


def clock_advance(connection: sqlite3.Connection) -> float:
    """The seconds by which the clock of this data is ahead of the system's."""
    (seconds,) = connection.execute("SELECT advanced FROM clock").fetchone()
    return float(seconds)


def next_row(connection: sqlite3.Connection) -> int:
    """A stream key that no stream has, nor any whose batches are still to be deleted."""
    (highest,) = connection.execute(
        "SELECT max(coalesce((SELECT max(row) FROM stream), 0), coalesce((SELECT max(stream) FROM tombstone), 0))"
    ).fetchone()
    return int(highest) + 1


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
    partitions: dict[int, list[Partition]] = defaultdict(list)
    for row, number, status, since_ms, incarnation, earliest, after, last_ms in connection.execute(
        "SELECT stream, number, status, since_ms, incarnation, earliest, next, last_ms FROM partition"
        " ORDER BY stream, number"
    ):
        partitions[row].append(
            Partition(
                number=number,
                status=status,
                since_ms=since_ms,
                incarnation=incarnation,
                earliest=earliest,
                next=after,
                last_ms=last_ms,
            )
        )
    return partitions


def _save_stream(connection: sqlite3.Connection, stream: Stream, before: Stream | None) -> None:
    if before is None or before.generation != stream.generation:
        facts = msgspec.json.encode(msgspec.structs.replace(stream, partitions=()))
        connection.execute(_PUT_STREAM, (stream.row, stream.project, stream.stream_id, stream.name, facts))
    held = () if before is None else before.partitions
    connection.executemany(_PUT_PARTITION, _changed_partitions(stream, held))


def _changed_partitions(stream: Stream, held: tuple[Partition, ...]) -> Iterable[tuple[object, ...]]:
    for partition in stream.partitions:
        if partition.number >= len(held) or held[partition.number] is not partition:
            yield (
                stream.row,
                partition.number,
                partition.status,
                partition.since_ms,
                partition.incarnation,
                partition.earliest,
                partition.next,
                partition.last_ms,
            )


def _bury(connection: sqlite3.Connection, stream: Stream) -> None:
    """The stream is gone with this commit; its batches follow in slices, found by the tombstone."""
    connection.execute("DELETE FROM stream WHERE row = ?", (stream.row,))
    connection.execute("DELETE FROM partition WHERE stream = ?", (stream.row,))
    connection.execute("INSERT INTO tombstone VALUES (?)", (stream.row,))


def _save_apps(connection: sqlite3.Connection, draft: Draft) -> None:
    for (project, name), app in draft.apps.items():
        if app is None:
            connection.execute("DELETE FROM app WHERE project = ? AND name = ?", (project, name))
        else:
            connection.execute(_PUT_APP, (project, name, app.app_id, app.created_ms))


def _save_checkpoints(connection: sqlite3.Connection, draft: Draft) -> None:
    for key, checkpoint in draft.checkpoints.items():
        if checkpoint is None:
            connection.execute(
                "DELETE FROM checkpoint WHERE project = ? AND app = ? AND stream_id = ? AND partition = ?", key
            )
        else:
            connection.execute(_PUT_CHECKPOINT, (*key, *checkpoint))
