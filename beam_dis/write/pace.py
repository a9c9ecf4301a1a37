"""The pace of the records that a process writes to a stream, learned from those that the service throttles.

Rules:
1. All senders of a process share the pace of a stream, so that many bundles at once don't each learn it.
2. Nothing waits until a record is throttled. From then on its partition has an allowance, and records for this partition
   wait until the allowance covers them.
3. An allowance is refilled at a rate. The first rate is the throughput that the service documents. What the service
   accepts between two refusals is the rate after the second one.
4. Without refusals the rate grows, faster every second, as long as records wait for it.
5. After a refusal nothing is sent to the partition for a tenth of a second, and for longer each time as long as it accepts
   nothing at all.
6. A rate of 1 is a partition's documented throughput. A record costs its share of the records or of the bytes of a
   second, whichever is more.
7. A request that is throttled as a whole says nothing about partitions: all requests to the stream pause.
8. At first only a few requests are sent at a time, and one more after every four answers. If many senders begin at once, a stream
   that is throttled would refuse most of what they send before the first answer.
9. The partition of a record is that of its id or of its key's hash. Records with neither share one allowance.
10. Thread-safe. Time is a parameter.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import lru_cache
from time import monotonic
from weakref import WeakKeyDictionary

from beam_dis.forks import FORKS
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, StreamService, WriteLimits, Written
from beam_dis.wire.ranges import hash_of, hash_ranges, partition_number
from beam_dis.write.spread import Spread

FIRST_REQUESTS = 4
"""How many requests are sent to a stream before its first answer."""

_POLL_SECONDS = 0.005
_LONGEST_WAIT = 5.0
_CAUTION = 0.97
_GROWTH = 0.03
_MEASURED_SECONDS = 0.2
_SLICE_SECONDS = 0.1
_ANY_PARTITION = -1


class Allowance:
    """How much may be sent to one partition: ``left``, which is refilled at ``rate`` up to the allowance of a second."""

    def __init__(self, rate: float, now: float) -> None:
        self.rate = rate
        self.left = 0.0
        self.progress = now
        self._now = now
        self._refused = now
        self._accepted = 0.0
        self._records_wait = True
        self._always_waited = True
        self._waited = 0.0
        self._unit = 1.0
        self._pause = _SLICE_SECONDS
        self._paused_until = now

    def take(self, costs: Sequence[float], now: float) -> tuple[int, float]:
        """Take what the first of some records cost.

        Small amounts are collected, so that they make fewer requests. The first record is sent every five seconds at least,
        to find out whether a partition takes records again.

        Returns:
            How many records may be sent now; if none may, the seconds until some may.
        """
        first = min(costs[0], max(1.0, self.rate))  # a record that costs more is sent once the allowance is full
        self.rate = max(self.rate, first / _LONGEST_WAIT)
        self._unit = max(1.0, 10 * first / self.rate)
        self._refill(now)
        enough = max(first, min(sum(costs), self.rate * _SLICE_SECONDS))
        wait = max((enough - self.left) / self.rate, self._paused_until - now)
        if wait > 1e-9:
            self._records_wait = True
            return 0, max(_POLL_SECONDS, wait)
        count = 0
        while count < len(costs) and (count == 0 or costs[count] <= self.left):
            self.left -= costs[count]
            count += 1
        if count == len(costs) and self.left > self.rate * _SLICE_SECONDS:
            self._records_wait = self._always_waited = False
        return count, 0.0

    def learn(self, accepted: float, *, throttled: bool, now: float) -> None:
        """Learn from the answer to a request: the cost of the records that were accepted, and whether any was throttled."""
        self._refill(now)
        self._accepted += accepted
        if accepted:
            self.progress = now
            self._pause = _SLICE_SECONDS
        if not throttled:
            return
        self.left = min(self.left, 0.0)
        if now >= self._paused_until:  # otherwise the request was in flight when the pause began
            self._paused_until = now + self._pause
            self._pause = min(2 * self._pause, _LONGEST_WAIT)
        self._waited = 0.0
        seconds = now - self._refused
        if seconds < _MEASURED_SECONDS:
            return  # requests that were in flight together are refused together
        measured = self._accepted / seconds if self._always_waited else self.rate
        self.rate = max(measured * _CAUTION, self.rate / 2)
        self._records_wait = self._always_waited = True
        self._accepted, self._refused = 0.0, now

    def _refill(self, now: float) -> None:
        seconds, self._now = max(0.0, now - self._now), now
        if self._records_wait:
            self._waited += seconds / self._unit
            self.rate *= 1 + min(1.0, _GROWTH * 2 ** min(self._waited, 10.0) * seconds / self._unit)
        self.left = min(self.left + self.rate * seconds, max(1.0, self.rate))


class StreamPace:
    """The pace of one stream. ``clock`` gives seconds that never go back. ``written``: the stream has taken a record.

    ``spread`` warns if all records go to one partition.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._allowances: dict[int, Allowance] = {}
        self._answered = 0
        self._paused_until = 0.0
        self._progress = 0.0
        self.written = False
        self.spread = Spread()
        self.after_fork()
        FORKS.register(self)

    def after_fork(self) -> None:
        """Begin without requests in flight: those of the parent are answered in the parent."""
        self._lock = threading.Lock()
        self._in_flight = 0

    def admit(
        self, records: Sequence[PutRecord], indexes: Sequence[int], limits: WriteLimits
    ) -> tuple[Sequence[int], float]:
        """Begin a request for as many as possible of the records with these indexes.

        Returns:
            The indexes of the records that the request may have; its answer is to be passed to ``learn``. If there are none,
            the seconds to wait before another attempt.
        """
        with self._lock:
            now = self._clock()
            if now < self._paused_until:
                return (), self._paused_until - now
            if self._in_flight >= FIRST_REQUESTS + self._answered // 4:
                return (), _POLL_SECONDS
            admitted, wait = self._admitted(records, indexes, limits, now) if self._allowances else (indexes, 0.0)
            if admitted:
                self._in_flight += 1
            return admitted, wait

    def learn(self, records: Sequence[PutRecord], answers: Sequence[Written | NotWritten], limits: WriteLimits) -> None:
        """Learn from the answer to a request, one for each record; without answers the request failed as a whole."""
        throttled = any(isinstance(answer, NotWritten) and answer.throttled for answer in answers)
        with self._lock:
            self._in_flight -= 1
            self._answered += 1
            now = self._clock()
            if any(isinstance(answer, Written) for answer in answers):
                self._progress = now
                self.written = True
            if not (throttled or self._allowances):
                return
            accepted: dict[int, float] = {}
            refused: set[int] = set()
            for record, answer in zip(records, answers, strict=False):
                partition = _partition_of(record, limits.partitions)
                if isinstance(answer, Written):
                    accepted[partition] = accepted.get(partition, 0.0) + _cost(record, limits)
                elif answer.throttled:
                    refused.add(partition)
            for partition in refused - self._allowances.keys():
                partitions = limits.partitions if partition == _ANY_PARTITION else 1
                self._allowances[partition] = Allowance(partitions * _CAUTION, now)
            for partition in accepted.keys() | refused:
                if partition in self._allowances:
                    cost = accepted.get(partition, 0.0)
                    self._allowances[partition].learn(cost, throttled=partition in refused, now=now)

    def pause(self, seconds: float) -> None:
        """Send no request to the stream for so many seconds from now."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def progress(self, records: Sequence[PutRecord], indexes: Sequence[int], limits: WriteLimits) -> float:
        """When the partitions of these records last accepted a record of any sender; that of the stream if it is paused."""
        with self._lock:
            if self._clock() < self._paused_until or not self._allowances:
                return self._progress
            partitions = {_partition_of(records[index], limits.partitions) for index in indexes}
            return max([self._allowances[each].progress for each in partitions & self._allowances.keys()], default=0.0)

    def _admitted(
        self, records: Sequence[PutRecord], indexes: Sequence[int], limits: WriteLimits, now: float
    ) -> tuple[list[int], float]:
        admitted: list[int] = []
        by_partition: dict[int, list[int]] = {}
        for index in indexes:
            partition = _partition_of(records[index], limits.partitions)
            (by_partition.setdefault(partition, []) if partition in self._allowances else admitted).append(index)
        waits = []
        for partition, waiting in by_partition.items():
            costs = [_cost(records[index], limits) for index in waiting]
            count, wait = self._allowances[partition].take(costs, now)
            admitted += waiting[:count]
            waits.append(wait)
        return sorted(admitted), min(waits, default=0.0)


class Paces:
    """The paces of a process, by service and stream; thread-safe. A pace lasts as long as its service."""

    def __init__(self, *, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self.after_fork()
        FORKS.register(self)

    def of(self, service: StreamService, stream: str) -> StreamPace:
        """The pace of a stream, by the name or id that it is written by."""
        with self._lock:
            streams = self._by_service.setdefault(service, {})
            pace = streams.get(stream)
            if pace is None:
                pace = streams[stream] = StreamPace(clock=self._clock)
            return pace

    def after_fork(self) -> None:
        """Begin without paces: the parent's threads may have held their locks."""
        self._lock = threading.Lock()
        self._by_service: WeakKeyDictionary[StreamService, dict[str, StreamPace]] = WeakKeyDictionary()


PACES = Paces()
"""The paces of this process."""


def _cost(record: PutRecord, limits: WriteLimits) -> float:
    return max(1 / limits.partition_records, len(record.data) / limits.partition_bytes)


def _partition_of(record: PutRecord, partitions: int) -> int:
    if record.partition_id is not None:
        return partition_number(str(record.partition_id))
    if record.explicit_hash_key is not None:
        hashed = int(record.explicit_hash_key)
    elif record.partition_key is not None:
        hashed = hash_of(record.partition_key)
    else:
        return _ANY_PARTITION
    return bisect_right(_starts(partitions), hashed) - 1


@lru_cache(maxsize=256)
def _starts(partitions: int) -> list[int]:
    return [held.start for held in hash_ranges(partitions)]
