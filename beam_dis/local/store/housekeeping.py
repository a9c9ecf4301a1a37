"""Housekeeping: records and partitions expire, deleted batches are removed, and disk space is given back.

Rule 1: one transaction marks records as gone, and later transactions delete them. Nobody reads a batch while it is deleted.
Rule 2: a step deletes a few batches and takes a few milliseconds, so that puts never wait for a deletion.
Rule 3: steps can be repeated: the next round finds again what a crash interrupted.
Rule 4: a round looks at the partitions of streams that may have something to expire, and at no others. So a server without work
stays idle, however many streams and records it has.

A step is a function of a transaction that says whether there is more for it to do.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import msgspec

from beam_dis.local.store.changes import expire_partitions
from beam_dis.local.store.expiry_times import ExpiryTimes, OldestTimes
from beam_dis.local.store.usage import delete_old_usage, store_usage_if_due
from beam_dis.local.store.values import Stream
from beam_dis.local.store.writer_connection import PAGE_BYTES, Transaction

Step = Callable[[Transaction], bool]

SLICE_SECONDS = 0.005
"""How long one transaction runs steps; with its commit a slice stays below 20 ms."""

SPARE_PAGES = 64 * 2**20 // PAGE_BYTES
"""The free pages that a file keeps at least, for the next puts."""

_BATCHES_PER_STEP = 8
_INDEX_ROWS_PER_STEP = 500
_PAGES_PER_STEP = 16


class HousekeepingRound:
    """One round of housekeeping over the streams that have something to expire; ``first`` are steps that it begins with.

    Its stages run one after the other. Each begins in a transaction of its own, because it deletes what the stage before has marked
    as gone.
    """

    def __init__(self, expiry: ExpiryTimes, first: Sequence[Step] = ()) -> None:
        self._expiry = expiry
        self._streams: list[Stream] = []
        self._oldest = OldestTimes()
        self._steps: deque[Step] = deque([*first, store_usage_if_due, self._expire_partitions])
        self._stages = deque([self._expiring, self._deleting, self._ending])

    def run_slice(self, transaction: Transaction) -> bool:
        """Run steps for :data:`SLICE_SECONDS`; returns whether there is more to do."""
        deadline = time.monotonic() + SLICE_SECONDS
        if not self._steps:
            self._steps.extend(self._stages.popleft()(transaction))
        while self._steps:
            if not self._steps[0](transaction):
                self._steps.popleft()
            if time.monotonic() >= deadline:
                break
        return bool(self._steps or self._stages)

    def _expire_partitions(self, transaction: Transaction) -> bool:
        self._streams = self._expiry.due(transaction.committed.streams(), transaction.now_ms)
        expire_partitions(transaction.draft, transaction.now_ms, self._streams)
        return False

    def _expiring(self, transaction: Transaction) -> Iterator[Step]:
        """Look at the streams as they are now. What is put from now on is newer than the oldest time that is noted here."""
        found = [transaction.committed.by_id(stream.stream_id) for stream in self._streams]
        self._streams = [stream for stream in found if stream is not None]
        for stream in self._streams:
            self._oldest.begin(stream, transaction.now_ms)
        return self._each_partition(partial(_expire_records, self._oldest))

    def _deleting(self, _: Transaction) -> Iterator[Step]:
        yield from self._each_partition(_delete_expired)
        yield _delete_streams
        yield delete_old_usage

    def _ending(self, _: Transaction) -> Iterator[Step]:
        """What the round was to expire is deleted now: its streams aren't looked at until they have something to expire."""
        for stream in self._streams:
            self._expiry.settle(stream, self._oldest[stream.stream_id])
        yield _give_back_space

    def _each_partition(self, step: Callable[[str, int, Transaction], bool]) -> Iterator[Step]:
        return (partial(step, stream.stream_id, p.number) for stream in self._streams for p in stream.partitions)


def _expire_records(oldest: OldestTimes, stream_id: str, number: int, transaction: Transaction) -> bool:
    """Move a partition's earliest number past the batches that are older than the stream's retention."""
    stream = transaction.draft.stream(stream_id)
    partition = stream.partition(number) if stream else None
    if stream is None or partition is None or partition.earliest == partition.next:
        return False
    batches = transaction.connection.execute(
        "SELECT first + count, time_ms FROM batch_index WHERE stream = ? AND partition = ? AND first >= ?"
        " ORDER BY first LIMIT ?",
        (stream.row, number, partition.earliest, _INDEX_ROWS_PER_STEP),
    )
    newest_expired_ms = transaction.now_ms - stream.retention_ms
    earliest, expired = partition.earliest, 0
    for end, time_ms in batches:
        if time_ms > newest_expired_ms:
            oldest.note(stream_id, time_ms)
            break
        earliest, expired = end, expired + 1
    batches.close()
    if expired:
        transaction.draft.put_partition(stream_id, msgspec.structs.replace(partition, earliest=earliest))
    return expired == _INDEX_ROWS_PER_STEP


def _delete_expired(stream_id: str, number: int, transaction: Transaction) -> bool:
    """Delete batches before a partition's earliest number in the committed state."""
    stream = transaction.committed.by_id(stream_id)
    partition = stream.partition(number) if stream else None
    if stream is None or partition is None:
        return False
    rows = transaction.connection.execute(
        "SELECT stream, partition, first, batch FROM batch_index WHERE stream = ? AND partition = ? AND first < ?"
        " ORDER BY first LIMIT ?",
        (stream.row, number, partition.earliest, _BATCHES_PER_STEP),
    ).fetchall()
    return _delete_batches(transaction, rows)


def _delete_streams(transaction: Transaction) -> bool:
    """Delete batches of a deleted stream, and when none is left its row in ``deleted_stream``."""
    deleted = transaction.connection.execute("SELECT row FROM deleted_stream LIMIT 1").fetchone()
    if deleted is None:
        return False
    rows = transaction.connection.execute(
        "SELECT stream, partition, first, batch FROM batch_index WHERE stream = ? LIMIT ?",
        (*deleted, _BATCHES_PER_STEP),
    ).fetchall()
    if not _delete_batches(transaction, rows):
        transaction.connection.execute("DELETE FROM deleted_stream WHERE row = ?", deleted)
    return True


def _delete_batches(transaction: Transaction, rows: list[tuple[int, int, int, int]]) -> bool:
    """Delete batches and their rows in the index; returns whether there may be more."""
    if not rows:
        return False
    connection = transaction.connection
    connection.executemany("DELETE FROM batch WHERE id = ?", [row[3:] for row in rows])
    connection.executemany(
        "DELETE FROM batch_index WHERE stream = ? AND partition = ? AND first = ?", [row[:3] for row in rows]
    )
    transaction.deletion_bytes += (len(rows) + 4) * PAGE_BYTES
    return len(rows) == _BATCHES_PER_STEP


def _give_back_space(transaction: Transaction) -> bool:
    """Give free pages back to the file system, except a quarter of the file, which the next puts will use."""
    (free,) = transaction.connection.execute("PRAGMA freelist_count").fetchone()
    (pages,) = transaction.connection.execute("PRAGMA page_count").fetchone()
    surplus = free - max(SPARE_PAGES, pages // 4)
    if surplus <= 0:
        return False
    transaction.connection.execute(f"PRAGMA incremental_vacuum({min(surplus, _PAGES_PER_STEP)})").fetchall()
    transaction.deletion_bytes += 3 * _PAGES_PER_STEP * PAGE_BYTES
    return True
