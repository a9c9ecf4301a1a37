"""The pace on a simulated service, which takes so many records a second and answers after 10 ms. Time is simulated too."""

from __future__ import annotations

import itertools
from functools import cache
from heapq import heappop, heappush
from math import inf
from random import Random

from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, WriteLimits, Written
from beam_dis.wire.ranges import hash_of, hash_ranges
from beam_dis.write.batching import Batch
from beam_dis.write.pace import StreamPace

THROTTLED = NotWritten("DIS.4303", "Exceeded traffic control limit.", retriable=True, throttled=True)
WRITTEN = Written("shardId-0000000000", 0)
ROUND_TRIP = 0.01
START = 100.0


def limits(partitions=1):
    return WriteLimits(1000, 2**20, 2**20, 1000, 2**20, partitions)


class SimulatedClock:
    now = START

    def __call__(self):
        return self.now


class SimulatedPartition:
    """Takes ``rate`` partitions' documented throughput; it has a second's worth at first. ``refused`` is a share of the records
    that it refuses at random, whatever the rate.
    """

    def __init__(self, rate, random):
        self.rate, self.left, self.at = rate, max(1.0, rate), 0.0
        self.refused, self.random = 0.0, random

    def admits(self, record, now):
        if self.random() < self.refused:
            return False
        self.left, self.at = min(max(1.0, self.rate), self.left + self.rate * (now - self.at)), now
        cost = max(1 / 1000, len(record.data) / 2**20)
        if self.left < cost:
            return False
        self.left -= cost
        return True


class Simulation:
    """Processes with some senders each, which send one batch at a time, and a service of partitions with some rates.

    Each process has a pace of its own, which its senders share.
    """

    def __init__(self, rates, processes=1):
        self.clock = SimulatedClock()
        self.limits = limits(len(rates))
        self.random = Random(0).random
        self.paces = [StreamPace(clock=self.clock, random=self.random) for _ in range(processes)]
        self.partitions = [SimulatedPartition(rate, Random(1).random) for rate in rates]
        self.turn = itertools.count()
        self.partition_of_key = cache(self.partition_of_key)
        self.sent = self.requests = self.refused_requests = 0
        self.written_at = []

    def partition_of(self, record):
        if record.partition_key is None:
            return next(self.turn) % len(self.partitions)
        return self.partition_of_key(record.partition_key)

    def partition_of_key(self, key):
        hashed = hash_of(key)
        return [held.start <= hashed <= held.end for held in hash_ranges(len(self.partitions))].index(True)

    def run(self, batches, senders=4, apart=0.0, most_seconds=inf):
        """Send the batches, an equal part by each process. They begin some seconds apart. Returns the seconds that it took."""
        began, count = self.clock.now, len(self.paces)
        events, order = [], itertools.count()
        for number, pace in enumerate(self.paces):
            waiting = batches[number::count]
            for _ in range(senders):
                heappush(events, (began + number * apart, next(order), self.sender(pace, waiting)))
        while events and self.clock.now < began + most_seconds:
            self.clock.now, _, sender = heappop(events)
            delay = next(sender, None)
            if delay is not None:
                heappush(events, (self.clock.now + delay, next(order), sender))
        return self.clock.now - began

    def sender(self, pace, waiting):
        while waiting:
            batch = batch_of(waiting.pop(0), self.limits)
            to_send = list(range(len(batch.records)))
            while to_send:
                indexes, delay = pace.admit(batch, to_send)
                if not indexes:
                    yield delay
                    continue
                yield ROUND_TRIP * (0.25 + self.random() / 2)
                records = [batch.records[index] for index in indexes]
                now = self.clock.now
                answers = [
                    WRITTEN if self.partitions[self.partition_of(r)].admits(r, now) else THROTTLED for r in records
                ]
                yield ROUND_TRIP * (0.25 + self.random() / 2)
                pace.learn(batch, indexes, answers)
                self.sent += len(records)
                self.requests += 1
                self.refused_requests += THROTTLED in answers
                written = {index for index, answer in zip(indexes, answers, strict=True) if answer is WRITTEN}
                self.written_at += [(now, batch.records[index]) for index in written]
                to_send = [index for index in to_send if index not in written]


def batch_of(records, limits):
    batch = Batch("s", 0, limits)
    batch.records += records
    return batch


def batches(count, size=1000, *, keys=(None,), records=1000):
    made = [PutRecord(bytes(size), key) for _, key in zip(range(count), itertools.cycle(keys), strict=False)]
    return [made[first : first + records] for first in range(0, count, records)]


def even_keys(partitions):
    """Keys of which each partition has as many."""
    of_partition = [[] for _ in range(partitions)]
    for key in map(str, range(1000)):
        hashed = hash_of(key)
        of_partition[[held.start <= hashed <= held.end for held in hash_ranges(partitions)].index(True)].append(key)
    return [key for keys in zip(*of_partition, strict=False) for key in keys]
