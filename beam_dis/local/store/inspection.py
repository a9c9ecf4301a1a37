"""Checking all that is stored, batch by batch.

Law: finds, never mends. Every batch held must be there, be what was written (its CRC), say the place it is found at, and
follow the one before it without a gap or an overlap, from ``earliest`` to ``next``, its time not before the last.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from beam_dis.local.store.blob import DamagedBlob, decode, place_of
from beam_dis.local.store.values import Partition, Stream
from beam_dis.wire.ranges import partition_id

_NEXT = """
    SELECT place.first, place.count, place.time_ms, batch.data FROM place LEFT JOIN batch ON batch.id = place.batch
    WHERE stream = ? AND partition = ? AND first >= ? AND first < ? ORDER BY first LIMIT 1"""


def structure_problems(connection: sqlite3.Connection) -> Iterator[str]:
    """What the database finds wrong with the tables that say what there is; those are small.

    The records' own table is left out: checking it would take one long transaction, and every batch is read anyway.
    """
    for table in ("stream", "partition", "place", "app", "checkpoint", "tombstone", "clock"):
        for (finding,) in connection.execute(f"PRAGMA quick_check({table})"):
            if finding != "ok":
                yield f"table {table}: {finding}"


def partition_problems(connection: sqlite3.Connection, stream: Stream, partition: Partition) -> Iterator[str]:
    """What is wrong with the batches of one partition; each is read in a transaction of its own."""
    where = f"stream {stream.name!r}, {partition_id(partition.number)}"
    expected, last_ms = partition.earliest, 0
    while expected < partition.next:
        place = (stream.row, partition.number, expected, partition.next)
        found = connection.execute(_NEXT, place).fetchone()
        if found is None:
            yield f"{where}: records {expected} to {partition.next - 1} are missing"
            return
        first, count, time_ms, blob = found
        if first != expected:
            yield f"{where}: records {expected} to {first - 1} are missing"
        if time_ms < last_ms:
            yield f"{where}: record {first} is from before the one in front of it"
        problem = _batch_problem(first, count, time_ms, blob)
        if problem:
            yield f"{where}: records {first} to {first + count - 1} are damaged: {problem}"
        expected, last_ms = first + count, time_ms


def _batch_problem(first: int, count: int, time_ms: int, blob: bytes | None) -> str:
    try:
        decode(blob or b"")
        said = place_of(blob or b"")
    except DamagedBlob as damage:
        return str(damage)
    return "" if said == (first, count, time_ms) else f"they say they are {said[1]} from {said[0]} on"
