"""The service's limits of throughput, for those who ask for them: ``--limits real``.

Law: each partition has a bucket of bytes and one of records to write, and one of bytes to read; a bucket holds a second's
worth and fills by the service's clock. A record beyond its partition's limits is refused by itself with DIS.4303, the
others of its request are stored. A page is given whole while anything is left to read, and what it took too much is
waited for: so a page may be larger than a second's worth (ours: the service says rates alone). Thread-safe.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from beam_dis.local.handlers.routing import Routed
from beam_dis.local.store import Stream
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import SCALING_SECONDS, THROUGHPUT, PartitionThroughput

MAX_METERS = 10_000
"""Partitions that are kept in mind; above that those are forgotten that nobody has used for a second."""


class Bucket:
    """A second's worth of something, filled continuously; ``now`` in seconds is the caller's."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: int, now: float) -> None:
        self._rate = rate
        self._left = float(rate)
        self._at = now

    def left(self, now: float) -> float:
        """What may be taken now; below zero while more was taken than there was."""
        # a clock that was set back gives nothing, and from then on as before
        self._left = min(self._rate, self._left + self._rate * max(0.0, now - self._at))
        self._at = now
        return self._left

    def take(self, amount: int) -> None:
        """Take, also what isn't there."""
        self._left -= amount

    def is_full(self, now: float) -> bool:
        """Whether it is as new."""
        return self.left(now) >= self._rate


class _Meter:
    """The buckets of one partition."""

    __slots__ = ("reads", "write_bytes", "write_records")

    def __init__(self, rates: PartitionThroughput, now: float) -> None:
        self.write_bytes = Bucket(rates.write_bytes, now)
        self.write_records = Bucket(rates.write_records, now)
        self.reads = Bucket(rates.read_bytes, now)

    def write(self, size: int, now: float) -> bool:
        """Whether a record of ``size`` bytes may be written now; if so, it is counted."""
        if self.write_bytes.left(now) < size or self.write_records.left(now) < 1:
            return False
        self.write_bytes.take(size)
        self.write_records.take(1)
        return True

    def is_idle(self, now: float) -> bool:
        """Whether nothing would be lost with it."""
        return all(bucket.is_full(now) for bucket in (self.write_bytes, self.write_records, self.reads))


class ThroughputLimits:
    """Counts what each partition takes and gives. ``clock`` gives epoch seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._meters: dict[tuple[str, int], _Meter] = {}

    def admit(self, stream: Stream, routed: Routed) -> Routed:
        """The records that may be written now; the others are refused as well, with DIS.4303."""
        partitions, keys, datas, refusals = admitted = Routed([], [], [], dict(routed.refusals))
        count = len(routed.datas) + len(routed.refusals)
        positions = [position for position in range(count) if position not in routed.refusals]
        now = self._clock()
        with self._lock:
            for position, number, key, data in zip(
                positions, routed.partitions, routed.keys, routed.datas, strict=True
            ):
                if not self._meter(stream, number, now).write(len(data), now):
                    refusals[position] = Refusal(4303)
                    continue
                partitions.append(number)
                keys.append(key)
                datas.append(data)
        return admitted

    def check_read(self, stream: Stream, number: int) -> None:
        """Refuse with DIS.4303 while more was read from a partition than it gives."""
        now = self._clock()
        with self._lock:
            if self._meter(stream, number, now).reads.left(now) <= 0:
                raise Refusal(4303)

    def count_read(self, stream: Stream, number: int, size: int) -> None:
        """Count a page of ``size`` bytes."""
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
                self._meters = {place: held for place, held in self._meters.items() if not held.is_idle(now)}
            meter = self._meters[key] = _Meter(THROUGHPUT[stream.stream_type], now)
        return meter
