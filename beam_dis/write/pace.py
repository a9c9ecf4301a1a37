"""The pace of the records that a process writes to a stream, learned from those that the service throttles.

Rules:
1. All senders of a process share the pace of a stream, so that many bundles at once don't each learn it.
2. At first each partition has a ``FirstAllowance``, and an ``Allowance`` from its first throttled record on. Records wait until
   that covers them.
3. If a partition takes much more than is documented, the stream has other limits than the documented ones. Then only partitions
   that throttle have an allowance, and nothing else waits any more.
4. A request that is throttled as a whole says nothing about partitions: all requests to the stream pause.
5. The partition of a record is that of its id or of its key's hash. Records with neither share one allowance.
6. Thread-safe. Time and randomness are parameters.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest
from math import inf
from time import monotonic
from weakref import WeakKeyDictionary

from beam_dis.backoff import own_random
from beam_dis.forks import FORKS
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, StreamService, WriteLimits, Written
from beam_dis.wire.ranges import hash_of, hash_ranges, partition_number
from beam_dis.write.allowance import Allowance, FirstAllowance
from beam_dis.write.batching import Batch, Load
from beam_dis.write.refused_share import SentRecords
from beam_dis.write.spread import Spread

_ANY_PARTITION = -1


@dataclass(slots=True)
class _Outcome:
    """What became of a request's records for one partition: what they cost, and how many were answered and throttled.

    ``passed``: a record was accepted after a throttled one that costs no more.
    """

    sent: float = 0.0
    accepted: float = 0.0
    answered: int = 0
    throttled: int = 0
    passed: bool = False
    least_throttled: float = inf

    def add(self, cost: float, answer: Written | NotWritten | None) -> None:
        self.sent += cost
        self.answered += answer is not None
        if isinstance(answer, Written):
            self.accepted += cost
            self.passed = self.passed or cost >= self.least_throttled
        elif answer is not None and answer.throttled:
            self.throttled += 1
            self.least_throttled = min(self.least_throttled, cost)


class StreamPace:
    """The pace of one stream.

    Args:
        clock: seconds that never go back.
        random: uniform in [0, 1).

    ``written``: the stream has taken a record. ``throttled``: it has refused traffic. ``spread`` warns if all records go to one
    partition.
    """

    def __init__(self, *, clock: Callable[[], float] = monotonic, random: Callable[[], float] = own_random) -> None:
        self._clock = clock
        self._random = random
        self._allowances: dict[int, FirstAllowance | Allowance] = {}
        self._takes_more = False
        self._paused_until = 0.0
        self._progress = 0.0
        self.written = False
        self.throttled = False
        self.spread = Spread()
        self.after_fork()
        FORKS.register(self)

    def after_fork(self) -> None:
        """Begin without requests in flight: those of the parent are answered in the parent."""
        self._lock = threading.Lock()
        for allowance in self._allowances.values():
            if isinstance(allowance, FirstAllowance):
                allowance.after_fork()

    def admit(self, batch: Batch, indexes: Sequence[int]) -> tuple[Sequence[int], float]:
        """Begin a request for as many as possible of the records of a batch with these indexes.

        Returns:
            The indexes of the records that the request may have; its answer is to be passed to ``learn``. If there are none,
            the seconds to wait before another attempt.
        """
        with self._lock:
            now = self._clock()
            if now < self._paused_until:
                return (), self._paused_until - now
            if self._takes_more and not self._allowances:
                return indexes, 0.0
            admitted: list[int] = []
            costs_of: dict[int, tuple[list[int], list[float]]] = {}
            loads = _loads(batch)
            for index in indexes:
                partition, cost = loads[index]
                waiting, costs = costs_of.setdefault(partition, ([], []))
                waiting.append(index)
                costs.append(cost)
            waits = []
            for partition, (waiting, costs) in costs_of.items():
                allowance = self._allowances.get(partition)
                if allowance is None and not self._takes_more:
                    documented = _documented(partition, batch.limits)
                    allowance = self._allowances[partition] = FirstAllowance(now, documented)
                count, wait = (len(costs), 0.0) if allowance is None else allowance.take(costs, now)
                admitted += waiting[:count]
                waits.append(wait)
            return sorted(admitted), min(waits, default=0.0)

    def learn(self, batch: Batch, indexes: Sequence[int], answers: Sequence[Written | NotWritten]) -> None:
        """Learn from the answer to a request for the records with these indexes, one for each; without answers it failed."""
        throttled = NotWritten in map(type, answers) and any(
            isinstance(answer, NotWritten) and answer.throttled for answer in answers
        )
        with self._lock:
            now = self._clock()
            if any(isinstance(answer, Written) for answer in answers):
                self._progress = now
                self.written = True
            self.throttled = self.throttled or throttled
            if not (throttled or self._allowances):
                return
            loads = _loads(batch)
            outcomes: dict[int, _Outcome] = {}
            for index, answer in zip_longest(indexes, answers):
                partition, cost = loads[index]
                outcomes.setdefault(partition, _Outcome()).add(cost, answer)
            for partition, outcome in outcomes.items():
                self._learn(partition, outcome, batch.limits, now)

    def _learn(self, partition: int, outcome: _Outcome, limits: WriteLimits, now: float) -> None:
        allowance = self._allowances.get(partition)
        if isinstance(allowance, FirstAllowance):
            allowance.learn(outcome.sent, outcome.accepted, now)
            if allowance.takes_more and not outcome.throttled:
                self._takes_more = True
                self._allowances = {n: each for n, each in self._allowances.items() if isinstance(each, Allowance)}
        if outcome.throttled and not isinstance(allowance, Allowance):
            documented = _documented(partition, limits)
            rate = documented if allowance is None else allowance.share(now)
            allowance = self._allowances[partition] = Allowance(now, rate, documented, random=self._random)
        if isinstance(allowance, Allowance):
            records = SentRecords(sent=outcome.answered, refused=outcome.throttled, passed=outcome.passed)
            allowance.learn(outcome.accepted, records, now)

    def pause(self, seconds: float) -> None:
        """Send no request to the stream for so many seconds from now."""
        with self._lock:
            self.throttled = True
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def progress(self, batch: Batch, indexes: Sequence[int]) -> float:
        """When the partitions of these records last accepted a record of any sender; that of the stream if it is paused."""
        with self._lock:
            if self._clock() < self._paused_until or not self._allowances:
                return self._progress
            loads = _loads(batch)
            partitions = {loads[index].partition for index in indexes}
            return max([self._allowances[each].progress for each in partitions & self._allowances.keys()], default=0.0)


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


def _documented(partition: int, limits: WriteLimits) -> float:
    return float(limits.partitions) if partition == _ANY_PARTITION else 1.0


def _loads(batch: Batch) -> list[Load]:
    """The load of each record of a batch."""
    if batch.loads is None:
        limits = batch.limits
        batch.loads = [
            Load(
                _partition_of(record, limits.partitions),
                max(1 / limits.partition_records, len(record.data) / limits.partition_bytes),
            )
            for record in batch.records
        ]
    return batch.loads


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
