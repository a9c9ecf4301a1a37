"""Scales streams by their traffic, as the service documents it [user manual dis_01_0401].

Rule 1: a stream that throttled puts in the last whole minute, and took more than 80 % of what its partitions may take, gets
1 / 0.6 as many partitions, at most ten times an hour.
Rule 2: a stream that took and gave less than 30 % in that minute loses half of its partitions, at most once an hour, and not within
two minutes after it was scaled up.
Rule 3: at least a minute passes between two scalings. The stream's minimum and maximum and the project's quota hold.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from beam_dis.local.store.changes import free_partitions, scale
from beam_dis.local.store.usage import MINUTE_MS, Usage, store_usage, usage_by_minute
from beam_dis.local.store.values import HOUR_MS, Stream
from beam_dis.wire.limits import THROUGHPUT

if TYPE_CHECKING:
    from beam_dis.local.store.writer_connection import Transaction

BUSY, IDLE = 0.8, 0.3
GROWTH, SHRINKAGE = 0.6, 2
UPS_PER_HOUR = 10

_AFTER_SCALING_UP_MS = 2 * MINUTE_MS


class AutoScaling:
    """A step of housekeeping that looks at each minute once."""

    def __init__(self) -> None:
        self._minute = 0

    def step(self, transaction: Transaction) -> bool:
        """Scale the streams whose traffic in the last whole minute asks for it."""
        minute = transaction.now_ms // MINUTE_MS - 1
        if minute == self._minute:
            return False
        self._minute = minute
        streams = [stream for stream in transaction.draft.project_streams() if stream.auto_scale_enabled]
        if streams:
            store_usage(transaction)
        for stream in streams:
            if stream.created_ms <= minute * MINUTE_MS:
                found = usage_by_minute(transaction.connection, stream.row, None, minute, minute)
                _scale(transaction, stream, wanted_count(stream, found.get(minute, Usage()), transaction.now_ms))
        return False


def _scale(transaction: Transaction, stream: Stream, wanted: int) -> None:
    free = free_partitions(transaction.draft, stream.project, stream.stream_type)
    target = min(wanted, stream.active_count + max(0, free))
    scale(transaction.draft, transaction.now_ms, stream.stream_id, target, auto=True)


def wanted_count(stream: Stream, usage: Usage, now_ms: int) -> int:
    """How many partitions a stream should have after a minute in which ``usage`` was counted."""
    count = stream.active_count
    if any(update.create_timestamp + MINUTE_MS > now_ms for update in stream.updates):
        return count
    rates = THROUGHPUT[stream.stream_type]
    written = usage.put_bytes / (60 * rates.write_bytes * count)
    read = usage.get_bytes / (60 * rates.read_bytes * count)
    if usage.throttled_puts and written > BUSY and _may_grow(stream, now_ms):
        return max(count, min(ceil(count / GROWTH), stream.auto_scale_max_partition_count))
    if written < IDLE and read < IDLE and _may_shrink(stream, now_ms):
        return min(count, max(count // SHRINKAGE, stream.auto_scale_min_partition_count))
    return count


def _may_grow(stream: Stream, now_ms: int) -> bool:
    ups = [u for u in stream.updates if u.auto_scale and u.target_partition_count > u.src_partition_count]
    return sum(update.create_timestamp + HOUR_MS > now_ms for update in ups) < UPS_PER_HOUR


def _may_shrink(stream: Stream, now_ms: int) -> bool:
    """Whether the last scaling down is an hour ago, and the last scaling up two minutes."""
    pauses = (
        (u, _AFTER_SCALING_UP_MS if u.target_partition_count > u.src_partition_count else HOUR_MS)
        for u in stream.updates
    )
    return all(update.create_timestamp + pause <= now_ms for update, pause in pauses)
