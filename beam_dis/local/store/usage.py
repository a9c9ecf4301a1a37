"""What happens to streams and partitions, counted by minute.

Rule 1: what happens is counted in memory, and stored every few seconds and before it is reported. A put writes nothing for it.
Rule 2: what was put is never lost: a partition's row has the bytes that were ever put into it, and its next number says how many
records these were. When the file is opened, what a crash has kept from being stored is counted in the minute of the last record.
What was read is lost in a crash if it wasn't stored yet.
Rule 3: the row of minute 0 has the totals since the stream was created. The others are deleted after eight days.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from operator import add
from typing import TYPE_CHECKING, NamedTuple

from beam_dis.local.store.values import Stream

if TYPE_CHECKING:
    from beam_dis.local.store.writer_connection import Transaction

KEPT_MINUTES = 8 * 24 * 60
"""How long the counts of a minute are kept."""

STORE_SECONDS = 5.0
"""How long counts may wait in memory."""

MINUTE_MS = 60_000

WHOLE_STREAM = -1
"""In place of a partition's number: counts that belong to a stream as a whole."""

_TOTAL = 0
_ROWS_PER_STEP = 500
_COUNTS_PER_STEP = 50
_ROWS_PER_PAGE = 300


class Usage(NamedTuple):
    """Counts of one minute, or totals; durations in microseconds.

    Records and bytes are counted for partitions, requests for streams. ``throttled`` requests were refused for their rate, in part
    or in all, and may also be among the successful ones.
    """

    put_records: int = 0
    put_bytes: int = 0
    get_records: int = 0
    get_bytes: int = 0
    puts: int = 0
    put_us: int = 0
    throttled_puts: int = 0
    gets: int = 0
    get_us: int = 0
    throttled_gets: int = 0

    def plus(self, other: Usage) -> Usage:
        """The sum of both."""
        return Usage._make(map(add, self, other))


class UsageKey(NamedTuple):
    """Whose counts of which minute: the row of a stream, a partition of it, and minutes since 1970."""

    minute: int
    row: int
    partition: int


_NAMES = ", ".join(Usage._fields)
_ADD = (
    f"INSERT INTO usage (minute, stream, partition, {_NAMES})"  # noqa: S608 - the names are those above
    f" SELECT ?1, ?2, ?3{''.join(f', ?{n}' for n in range(4, 4 + len(Usage._fields)))}"
    " WHERE EXISTS (SELECT 1 FROM stream WHERE row = ?2)"
    f" ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in Usage._fields)}"
)
_OF_ALL = f"SELECT stream, partition, {_NAMES} FROM usage WHERE minute = 0"  # noqa: S608 - as above
_OF_MINUTES = f"""
    WITH RECURSIVE asked (minute) AS (SELECT ?2 UNION ALL SELECT minute + 1 FROM asked WHERE minute < ?3)
    SELECT asked.minute, {", ".join(f"sum({name})" for name in Usage._fields)}
    FROM asked CROSS JOIN usage ON usage.minute = asked.minute AND usage.stream = ?1
    WHERE ?4 IS NULL OR usage.partition = ?4 GROUP BY asked.minute"""  # noqa: S608 - as above
_BY_PARTITION = f"""
    WITH RECURSIVE asked (minute) AS (SELECT ?2 UNION ALL SELECT minute + 1 FROM asked WHERE minute < ?3)
    SELECT usage.partition, {", ".join(f"sum({name})" for name in Usage._fields)}
    FROM asked CROSS JOIN usage ON usage.minute = asked.minute AND usage.stream = ?1
    GROUP BY usage.partition"""  # noqa: S608 - as above


class UsageMeter:
    """Counts that aren't stored yet; thread-safe. The writer alone takes them, and says what became of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[UsageKey, Usage] = {}
        self._due: dict[UsageKey, Usage] = {}
        self._taken: list[dict[UsageKey, Usage]] = []
        self._since_ms: int | None = None

    def count(self, key: UsageKey, usage: Usage) -> None:
        """Add counts."""
        with self._lock:
            before = self._waiting.get(key)
            self._waiting[key] = usage if before is None else before.plus(usage)

    def take(self, most: int | None = None) -> dict[UsageKey, Usage]:
        """Take counts, to store them in the open transaction: all, or at most so many of those that are due."""
        with self._lock:
            if most is None:
                taken, self._due, self._waiting = _sum(self._due, self._waiting), {}, {}
            else:
                taken = dict(islice(self._due.items(), most))
                self._due = {key: usage for key, usage in self._due.items() if key not in taken}
        self._taken.append(taken)
        return taken

    def committed(self, puts: Iterable[tuple[UsageKey, Usage]]) -> None:
        """The transaction is committed: what was taken is stored, and what was put is counted."""
        self._taken.clear()
        for key, usage in puts:
            self.count(key, usage)

    def rolled_back(self) -> None:
        """The transaction isn't committed: what was taken waits again."""
        taken, self._taken = self._taken, []
        for key, usage in (item for counts in taken for item in counts.items()):
            self.count(key, usage)

    def due(self, now_ms: int) -> bool:
        """Whether there are counts that have waited for long enough since this was first asked; a clock that is set back counts as time."""
        if self._due:
            return True
        if not self._waiting:
            self._since_ms = None
        elif self._since_ms is None:
            self._since_ms = now_ms
        elif not 0 <= now_ms - self._since_ms < STORE_SECONDS * 1000:
            self._since_ms = None
            with self._lock:
                self._due, self._waiting = self._waiting, {}
            return True
        return False

    def waiting(self) -> dict[UsageKey, Usage]:
        """The counts that aren't stored yet."""
        with self._lock:
            return _sum(self._due, self._waiting)


def _sum(first: dict[UsageKey, Usage], second: dict[UsageKey, Usage]) -> dict[UsageKey, Usage]:
    both = {key: usage.plus(second[key]) for key, usage in first.items() if key in second}
    return {**first, **second, **both}


def store_usage(transaction: Transaction, most: int | None = None) -> None:
    """Store the counts that wait, or at most so many of those that are due; those of streams that are gone are dropped."""
    taken = transaction.meter.take(most)
    for key, usage in taken.items():
        transaction.connection.execute(_ADD, (*key, *usage))
        transaction.connection.execute(_ADD, (*key._replace(minute=_TOTAL), *usage))
    transaction.add_pages(_pages(len(taken)))


def store_usage_if_due(transaction: Transaction) -> bool:
    """A step of housekeeping: store some counts, if they have waited for long enough; returns whether there are more."""
    if not transaction.meter.due(transaction.now_ms):
        return False
    store_usage(transaction, _COUNTS_PER_STEP)
    return transaction.meter.due(transaction.now_ms)


def delete_old_usage(transaction: Transaction) -> bool:
    """A step of housekeeping: delete some counts of minutes that are too old; returns whether there are more."""
    oldest = transaction.now_ms // MINUTE_MS - KEPT_MINUTES
    keys = transaction.connection.execute(
        "SELECT minute, stream, partition FROM usage WHERE minute > ? AND minute < ? LIMIT ?",
        (_TOTAL, oldest, _ROWS_PER_STEP),
    ).fetchall()
    transaction.connection.executemany("DELETE FROM usage WHERE minute = ? AND stream = ? AND partition = ?", keys)
    transaction.add_pages(_pages(len(keys)))
    return len(keys) == _ROWS_PER_STEP


def _pages(rows: int) -> int:
    """How many pages a change of so many rows writes at most: their minutes may be far apart."""
    return min(2 * rows, 2 + rows // _ROWS_PER_PAGE * 2)


def delete_totals(connection: sqlite3.Connection, row: int) -> None:
    """Delete the totals of a stream that is deleted; its minutes age. No later stream gets its row."""
    connection.execute("DELETE FROM usage WHERE minute = ? AND stream = ?", (_TOTAL, row))


def usage_by_minute(
    connection: sqlite3.Connection, row: int, partition: int | None, first: int, last: int
) -> dict[int, Usage]:
    """The stored counts of a partition, or the sums of a whole stream, of the minutes in which there are any."""
    found = connection.execute(_OF_MINUTES, (row, first, last, partition))
    return {minute: Usage(*counts) for minute, *counts in found}


def usage_by_partition(connection: sqlite3.Connection, row: int, first: int, last: int) -> dict[int, Usage]:
    """The sums of the stored counts of some minutes, by partition; those of the stream as a whole under ``WHOLE_STREAM``."""
    return {partition: Usage(*counts) for partition, *counts in connection.execute(_BY_PARTITION, (row, first, last))}


def all_totals(connection: sqlite3.Connection) -> dict[int, dict[int, Usage]]:
    """The stored totals of all streams, by row and by partition; those of a stream as a whole under ``WHOLE_STREAM``."""
    found: dict[int, dict[int, Usage]] = {}
    for row, partition, *counts in connection.execute(_OF_ALL):
        found.setdefault(row, {})[partition] = Usage(*counts)
    return found


def uncounted_puts(
    connection: sqlite3.Connection, streams: Iterable[Stream], waiting: dict[UsageKey, Usage]
) -> Iterator[tuple[UsageKey, Usage]]:
    """What was put but neither stored nor waits to be: a crash came before it was stored."""
    totals = all_totals(connection)
    for key, usage in waiting.items():
        of_stream = totals.setdefault(key.row, {})
        of_stream[key.partition] = of_stream.get(key.partition, Usage()).plus(usage)
    for stream in streams:
        for partition in stream.partitions:
            counted = totals.get(stream.row, {}).get(partition.number, Usage())
            records, size = partition.next - counted.put_records, partition.put_bytes - counted.put_bytes
            if records or size:
                key = UsageKey(partition.last_ms // MINUTE_MS, stream.row, partition.number)
                yield key, Usage(put_records=records, put_bytes=size)
