"""The service's limits of throughput, which apply with ``--limits real``. Thread-safe.

Rules:

1. Each partition has three buckets: bytes to write, records to write, and bytes to read. A bucket has the allowance of one
   second and is refilled by the server's clock.
2. A record over its partition's limits is refused with DIS.4303; the other records of its request are stored.
3. A page may take more than is left in the bucket. Reads are then refused until the excess has been refilled, so a page may
   be larger than the allowance of a second. (ours: the service documents only rates)
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from beam_dis.local.handlers.routing import Routed
from beam_dis.local.store import Stream
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import SCALING_SECONDS, THROUGHPUT, PartitionThroughput

MAX_METERS = 10_000
"""How many partitions have buckets; if there are more, those with full buckets are removed."""


class Bucket:
    """The allowance of one second, refilled continuously; ``now`` is the caller's time in seconds."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self._left = float(rate)
        self._at = now

    def refill(self, now: float) -> float:
        """Refill the bucket; returns how much may be taken, below zero if more was taken than was left."""
        # a clock that is set back refills nothing, and refills as usual from then on
        self._left = min(self._rate, self._left + self._rate * max(0.0, now - self._at))
        self._at = now
        return self._left

    def take(self, amount: int) -> None:
        """Take an amount, even more than is left."""
        self._left -= amount

    def refill_full(self, now: float) -> bool:
        """Refill the bucket; whether it is full."""
        return self.refill(now) >= self._rate


class _Meter:
    """The buckets of one partition."""

    __slots__ = ("reads", "write_bytes", "write_records")

    def __init__(self, rates: PartitionThroughput, now: float) -> None:
        self.write_bytes = Bucket(rates.write_bytes, now)
        self.write_records = Bucket(rates.write_records, now)
        self.reads = Bucket(rates.read_bytes, now)

    def admit_record(self, size: int, now: float) -> bool:
        """Count a record of ``size`` bytes if it may be written now; whether it may."""
        if self.write_bytes.refill(now) < size or self.write_records.refill(now) < 1:
            return False
        self.write_bytes.take(size)
        self.write_records.take(1)
        return True

    def refill_all(self, now: float) -> bool:
        """Refill the buckets; whether all are full, so that a new meter would be the same."""
        return all(bucket.refill_full(now) for bucket in (self.write_bytes, self.write_records, self.reads))


class ThroughputLimits:
    """Counts what is written to and read from each partition. ``clock`` gives epoch seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._meters: dict[tuple[str, int], _Meter] = {}

    def admit(self, stream: Stream, routed: Routed) -> Routed:
        """Count the records that may be written now; the others are refused with DIS.4303, besides those refused already."""
        partitions, keys, datas, refusals = admitted = Routed([], [], [], dict(routed.refusals))
        count = len(routed.datas) + len(routed.refusals)
        indexes = [index for index in range(count) if index not in routed.refusals]
        now = self._clock()
        with self._lock:
            for index, number, key, data in zip(indexes, routed.partitions, routed.keys, routed.datas, strict=True):
                if not self._meter(stream, number, now).admit_record(len(data), now):
                    refusals[index] = Refusal(4303)
                    continue
                partitions.append(number)
                keys.append(key)
                datas.append(data)
        return admitted

    def check_read(self, stream: Stream, number: int) -> None:
        """Refuse with DIS.4303 if more was read from a partition than its limit allows."""
        now = self._clock()
        with self._lock:
            if self._meter(stream, number, now).reads.refill(now) <= 0:
                raise Refusal(4303)

    def count_read(self, stream: Stream, number: int, size: int) -> None:
        """Count a page of ``size`` bytes that was read from a partition."""
        with self._lock:
            self._meter(stream, number, self._clock()).reads.take(size)

    def check_scaling(self, stream: Stream) -> None:
        """Refuse with DIS.4305 to scale a stream twice within an hour."""
        if stream.updates:
            waited = self._clock() - stream.updates[-1].create_timestamp / 1000
            if waited < SCALING_SECONDS:
                raise Refusal(4305, f"the stream was scaled {waited:.0f} s ago, wait for {SCALING_SECONDS} s")

    def _meter(self, stream: Stream, number: int, now: float) -> _Meter:
        key = (stream.stream_id, number)
        meter = self._meters.get(key)
        if meter is None:
            if len(self._meters) >= MAX_METERS:
                self._meters = {other: old for other, old in self._meters.items() if not old.refill_all(now)}
            meter = self._meters[key] = _Meter(THROUGHPUT[stream.stream_type], now)
        return meter
