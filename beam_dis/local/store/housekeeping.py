"""What time does to the store: records expire, what was deleted is cleared away, space is given back.

Law: first a transaction says that something is gone, later ones clear it away, a few batches a step: no step takes longer
than a few milliseconds, so that puts never wait for a deletion. A step is ``(transaction) -> more to do``; steps are
repeatable, what a crash cuts short the next round finds again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from beam_dis.local.store.catalogue import Catalogue
from beam_dis.local.store.changes import retire_partitions
from beam_dis.local.store.session import PAGE_BYTES, Transaction

Step = Callable[[Transaction], bool]

SLICE_SECONDS = 0.005
"""How long steps are taken in one transaction; with its commit a slice stays below 20 ms."""

SPARE_PAGES = 64 * 2**20 // PAGE_BYTES
_BATCHES_A_STEP = 8
_PLACES_A_STEP = 500
_PAGES_A_STEP = 16


class Round:
    """One round of housekeeping over all there is."""

    def __init__(self, committed: Catalogue) -> None:
        self._steps: deque[Step] = deque([_retire])
        self._stages = _stages(committed)

    def slice(self, transaction: Transaction) -> bool:
        """Take steps for a slice's time; whether there is more to do."""
        deadline = time.monotonic() + SLICE_SECONDS
        while self._steps:
            if not self._steps[0](transaction):
                self._steps.popleft()
            if time.monotonic() >= deadline:
                return True
        return self._advance()

    def _advance(self) -> bool:
        """On to the next stage, in another transaction: what it clears must be known to be gone by then."""
        stage = next(self._stages, None)
        self._steps.extend(stage or ())
        return stage is not None


def _stages(committed: Catalogue) -> Iterator[list[Step]]:
    yield _each_partition(committed, _expire)
    yield [*_each_partition(committed, _discard), _clear_tombstones]
    yield [_shrink]


def _each_partition(committed: Catalogue, step: Callable[[str, int, Transaction], bool]) -> list[Step]:
    return [
        partial(step, stream.stream_id, partition.number)
        for stream in committed.streams()
        for partition in stream.partitions
    ]


def _retire(transaction: Transaction) -> bool:
    retire_partitions(transaction.draft, transaction.now_ms)
    return False


def _expire(stream_id: str, number: int, transaction: Transaction) -> bool:
    """Move a partition's earliest behind the batches that are older than the stream's retention."""
    stream = transaction.draft.stream(stream_id)
    partition = stream.partition(number) if stream else None
    if stream is None or partition is None or partition.earliest == partition.next:
        return False
    places = transaction.connection.execute(
        "SELECT first + count, time_ms FROM place WHERE stream = ? AND partition = ? AND first >= ? ORDER BY first LIMIT ?",
        (stream.row, number, partition.earliest, _PLACES_A_STEP),
    ).fetchall()
    oldest_held = transaction.now_ms - stream.retention_ms
    expired = [after for after, time_ms in places if time_ms <= oldest_held]
    if expired:
        transaction.draft.put_partition(stream_id, msgspec.structs.replace(partition, earliest=expired[-1]))
    return len(expired) == _PLACES_A_STEP


def _discard(stream_id: str, number: int, transaction: Transaction) -> bool:
    """Delete batches below a partition's earliest, as the committed state has it."""
    stream = transaction.committed.by_id(stream_id)
    partition = stream.partition(number) if stream else None
    if stream is None or partition is None:
        return False
    places = transaction.connection.execute(
        "SELECT stream, partition, first, batch FROM place WHERE stream = ? AND partition = ? AND first < ?"
        " ORDER BY first LIMIT ?",
        (stream.row, number, partition.earliest, _BATCHES_A_STEP),
    ).fetchall()
    return _delete(transaction, places)


def _clear_tombstones(transaction: Transaction) -> bool:
    """Delete batches of streams that were deleted, and at last the tombstone."""
    tombstone = transaction.connection.execute("SELECT stream FROM tombstone LIMIT 1").fetchone()
    if tombstone is None:
        return False
    places = transaction.connection.execute(
        "SELECT stream, partition, first, batch FROM place WHERE stream = ? LIMIT ?", (*tombstone, _BATCHES_A_STEP)
    ).fetchall()
    if not _delete(transaction, places):
        transaction.connection.execute("DELETE FROM tombstone WHERE stream = ?", tombstone)
    return True


def _delete(transaction: Transaction, places: list[tuple[int, int, int, int]]) -> bool:
    """Delete batches and their places; whether there may be more."""
    if not places:
        return False
    connection = transaction.connection
    connection.executemany("DELETE FROM batch WHERE id = ?", [place[3:] for place in places])
    connection.executemany(
        "DELETE FROM place WHERE stream = ? AND partition = ? AND first = ?", [p[:3] for p in places]
    )
    transaction.dirtied += (len(places) + 4) * PAGE_BYTES
    return len(places) == _BATCHES_A_STEP


def _shrink(transaction: Transaction) -> bool:
    """Give free pages back to the file system, but for a quarter of the file, which coming puts will fill."""
    (free,) = transaction.connection.execute("PRAGMA freelist_count").fetchone()
    (pages,) = transaction.connection.execute("PRAGMA page_count").fetchone()
    surplus = free - max(SPARE_PAGES, pages // 4)
    if surplus <= 0:
        return False
    transaction.connection.execute(f"PRAGMA incremental_vacuum({min(surplus, _PAGES_A_STEP)})").fetchall()
    transaction.dirtied += 3 * _PAGES_A_STEP * PAGE_BYTES
    return True
