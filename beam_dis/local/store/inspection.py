"""Checking all stored data, batch by batch.

Rule 1: a check finds problems and repairs none.
Rule 2: every batch of a partition, from ``earliest`` to ``next``, must be there and be as it was written (its CRC).
Rule 3: its header must say what the index says, and it must follow the batch before it without a gap or an overlap, at the
same time or later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from beam_dis.local.store.blob import DamagedBlob, decode, header_of
from beam_dis.local.store.values import Partition, Stream
from beam_dis.wire.ranges import partition_id

_TABLES = ("stream", "deleted_stream", "partition", "batch_index", "app", "checkpoint", "usage", "dump_task", "clock")
_NEXT_BATCH = """
    SELECT batch_index.first, batch_index.count, batch_index.time_ms, batch.data
    FROM batch_index LEFT JOIN batch ON batch.id = batch_index.batch
    WHERE stream = ? AND partition = ? AND first >= ? AND first < ? ORDER BY first LIMIT 1"""


def structure_problems(connection: sqlite3.Connection) -> Iterator[str]:
    """The problems that SQLite finds in the small tables, one line each.

    The table of blobs isn't among them: checking it takes one long transaction, and every blob is read anyway.
    """
    for table in _TABLES:
        for (finding,) in connection.execute(f"PRAGMA quick_check({table})"):
            if finding != "ok":
                yield f"table {table}: {finding}"


def partition_problems(connection: sqlite3.Connection, stream: Stream, partition: Partition) -> Iterator[str]:
    """The problems of the batches of one partition, one line each; each batch is read in a transaction of its own."""
    where = f"stream {stream.name!r}, {partition_id(partition.number)}"
    expected, last_ms = partition.earliest, 0
    while expected < partition.next:
        batch = connection.execute(_NEXT_BATCH, (stream.row, partition.number, expected, partition.next)).fetchone()
        if batch is None:
            yield f"{where}: records {expected} to {partition.next - 1} are missing"
            return
        first, count, time_ms, blob = batch
        if first != expected:
            yield f"{where}: records {expected} to {first - 1} are missing"
        if time_ms < last_ms:
            yield f"{where}: the arrival time of record {first} is before that of record {first - 1}"
        problem = _blob_problem(first, count, time_ms, blob)
        if problem:
            yield f"{where}: records {first} to {first + count - 1} are damaged: {problem}"
        expected, last_ms = first + count, time_ms


def _blob_problem(first: int, count: int, time_ms: int, blob: bytes | None) -> str:
    """The difference between a blob and its row in the index; empty if there is none."""
    try:
        decode(blob or b"")
        header = header_of(blob or b"")
    except DamagedBlob as damage:
        return str(damage)
    if header == (first, count, time_ms):
        return ""
    return f"the blob's header says {header[1]} records from {header[0]} on at {header[2]} ms"
