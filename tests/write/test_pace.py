"""The pace, on a service that takes so many records a second and answers after 10 ms. Time is simulated."""

import gc
import itertools
import weakref
from functools import cache
from heapq import heappop, heappush

import pytest

from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, WriteLimits, Written
from beam_dis.wire.ranges import hash_of, hash_ranges
from beam_dis.write.pace import FIRST_REQUESTS, Paces, StreamPace

THROTTLED = NotWritten("DIS.4303", "Exceeded traffic control limit.", retriable=True, throttled=True)
WRITTEN = Written("shardId-0000000000", 0)
ROUND_TRIP = 0.01


def limits(partitions=1):
    return WriteLimits(1000, 2**20, 2**20, 1000, 2**20, partitions)


def key_of_partition(number, partitions):
    wanted = hash_ranges(partitions)[number]
    return next(key for key in map(str, itertools.count()) if wanted.start <= hash_of(key) <= wanted.end)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Partition:
    """Takes ``rate`` partitions' documented throughput; it has a second's worth at first."""

    def __init__(self, rate):
        self.rate, self.left, self.at = rate, max(1.0, rate), 0.0

    def admits(self, record, now):
        self.left, self.at = min(max(1.0, self.rate), self.left + self.rate * (now - self.at)), now
        cost = max(1 / 1000, len(record.data) / 2**20)
        if self.left < cost:
            return False
        self.left -= cost
        return True


class Simulation:
    """Senders that share a pace, each with one batch at a time, and a service of partitions with some rates."""

    def __init__(self, rates):
        self.clock = Clock()
        self.pace = StreamPace(clock=self.clock)
        self.limits = limits(len(rates))
        self.partitions = [Partition(rate) for rate in rates]
        self.turn = itertools.count()
        self.partition_of_key = cache(self.partition_of_key)
        self.sent = self.requests = 0
        self.written_at = []

    def partition_of(self, record):
        if record.partition_key is None:
            return next(self.turn) % len(self.partitions)
        return self.partition_of_key(record.partition_key)

    def partition_of_key(self, key):
        hashed = hash_of(key)
        return [held.start <= hashed <= held.end for held in hash_ranges(len(self.partitions))].index(True)

    def run(self, batches, senders=4):
        """Send the batches. Returns the seconds that it took."""
        began = self.clock.now
        waiting, events, order = list(reversed(batches)), [], itertools.count()
        for _ in range(senders):
            heappush(events, (began, next(order), self.sender(waiting)))
        while events:
            self.clock.now, _, sender = heappop(events)
            delay = next(sender, None)
            if delay is not None:
                heappush(events, (self.clock.now + delay, next(order), sender))
        return self.clock.now - began

    def sender(self, waiting):
        while waiting:
            batch = waiting.pop()
            to_send = list(range(len(batch)))
            while to_send:
                indexes, delay = self.pace.admit(batch, to_send, self.limits)
                if not indexes:
                    yield delay
                    continue
                yield ROUND_TRIP / 2
                records = [batch[index] for index in indexes]
                now = self.clock.now
                answers = [
                    WRITTEN if self.partitions[self.partition_of(r)].admits(r, now) else THROTTLED for r in records
                ]
                yield ROUND_TRIP / 2
                self.pace.learn(records, answers, self.limits)
                self.sent += len(records)
                self.requests += 1
                written = {index for index, answer in zip(indexes, answers, strict=True) if answer is WRITTEN}
                self.written_at += [(now, batch[index]) for index in written]
                to_send = [index for index in to_send if index not in written]


def batches(count, size=1000, *, keys=(None,), records=1000):
    made = [PutRecord(bytes(size), key) for _, key in zip(range(count), itertools.cycle(keys), strict=False)]
    return [made[first : first + records] for first in range(0, count, records)]


@pytest.mark.parametrize(
    ("senders", "rates", "keys"),
    [
        (1, [1], [None]),
        (32, [1], [None]),
        (4, [0.3], [None]),
        (32, [3, 3], [None]),
        (4, [1, 1], [str(number) for number in range(100)]),
        (4, [0.5, 3], [str(number) for number in range(100)]),
    ],
)
def test_throttled_records_are_written_at_the_pace_of_the_service(senders, rates, keys):
    """At most 1.3 times the records are sent, whatever the service takes, and nearly all of what it takes is used."""
    simulation = Simulation(rates)
    count = int(20_000 * max(1, min(rates)))
    seconds = simulation.run(batches(count, keys=keys), senders)
    ideal = count / 1000 / (min(rates) * len(rates))
    assert simulation.sent < 1.3 * count
    assert seconds < 1.2 * ideal


def test_large_records_are_sent_one_by_one_as_the_partition_takes_them():
    simulation = Simulation([1])
    seconds = simulation.run(batches(60, 1_000_000, records=1))
    assert simulation.sent < 1.3 * 60
    assert seconds < 1.2 * 60 * 1_000_000 / 2**20


def test_a_throttled_partition_does_not_hold_up_another_one():
    slow, fast = (key_of_partition(number, 2) for number in range(2))
    simulation = Simulation([0.1, 5])
    simulation.run(batches(4000, keys=[slow, fast]))
    last = {key: max(at for at, record in simulation.written_at if record.partition_key == key) for key in (slow, fast)}
    assert last[fast] - 100 < 0.5
    assert last[slow] - 100 > 5


def test_the_rate_follows_a_service_that_takes_less_or_more():
    simulation = Simulation([1])
    for rate in (1, 0.2, 2):
        simulation.partitions[0].rate = rate
        simulation.sent, count = 0, int(20_000 * rate)
        seconds = simulation.run(batches(count, records=100))
        assert simulation.sent < 1.3 * count
        assert seconds < 1.3 * 20


def test_nothing_waits_until_a_record_is_throttled():
    simulation = Simulation([1])
    for _ in range(20):
        simulation.run(batches(900))
        simulation.clock.now += 1
    assert simulation.requests == 20
    assert simulation.clock.now == pytest.approx(100 + 20 * (1 + ROUND_TRIP))


def admitted(pace, batch):
    return pace.admit(batch, range(len(batch)), limits())


def test_all_requests_pause_if_one_is_throttled_as_a_whole():
    clock, batch = Clock(), [PutRecord(b"x")]
    pace = StreamPace(clock=clock)
    pace.pause(2.0)
    pace.pause(1.0)
    assert admitted(pace, batch) == ((), 2.0)
    clock.now += 2.0
    assert admitted(pace, batch)[0]


def test_a_stream_has_a_few_requests_until_its_first_answers():
    pace, batch = StreamPace(clock=Clock()), [PutRecord(b"x")]
    assert [bool(admitted(pace, batch)[0]) for _ in range(FIRST_REQUESTS + 1)] == [True] * FIRST_REQUESTS + [False]
    for _ in range(FIRST_REQUESTS):
        pace.learn(batch, [WRITTEN], limits())
    assert [bool(admitted(pace, batch)[0]) for _ in range(FIRST_REQUESTS + 2)] == [True] * (FIRST_REQUESTS + 1) + [
        False
    ]


def test_a_partition_that_takes_nothing_is_asked_less_and_less_often():
    clock, batch, asked = Clock(), [PutRecord(b"x", "k")], []
    pace = StreamPace(clock=clock)
    while clock.now < 200:
        indexes, delay = admitted(pace, batch)
        if indexes:
            asked.append(clock.now)
            pace.learn(batch, [THROTTLED], limits())
        else:
            clock.now += delay
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert len(asked) < 50
    assert (gaps[1] < 0.5, max(gaps) <= 5.1, gaps[-1] > 2) == (True, True, True)


class Service:
    pass


def test_senders_of_a_service_share_the_pace_of_a_stream():
    paces, service, other = Paces(), Service(), Service()
    assert paces.of(service, "s") is paces.of(service, "s")
    assert paces.of(service, "s") is not paces.of(service, "t")
    assert paces.of(service, "s") is not paces.of(other, "s")


def test_a_pace_ends_with_its_service():
    paces, service = Paces(), Service()
    pace = weakref.ref(paces.of(service, "s"))
    del service
    gc.collect()
    assert pace() is None
