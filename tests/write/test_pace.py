"""The pace on a simulated service, which takes so many records a second and answers after 10 ms."""

import gc
import itertools
import weakref

import pytest
from pace_simulation import (
    ROUND_TRIP,
    START,
    THROTTLED,
    SimulatedClock,
    Simulation,
    batch_of,
    batches,
    even_keys,
    limits,
)

from beam_dis.record import PutRecord
from beam_dis.wire.ranges import hash_of, hash_ranges
from beam_dis.write.pace import Paces, StreamPace


def key_of_partition(number, partitions):
    wanted = hash_ranges(partitions)[number]
    return next(key for key in map(str, itertools.count()) if wanted.start <= hash_of(key) <= wanted.end)


@pytest.mark.parametrize(
    ("processes", "senders", "partitions", "rate", "apart", "keyed"),
    [
        (1, 32, 2, 1, 0.0, True),
        (8, 4, 1, 1, 0.0, False),
        (8, 4, 2, 1, 0.0, True),
        (8, 4, 2, 1, 0.5, False),
        (8, 4, 1, 0.4, 0.0, True),
        (8, 4, 1, 3, 0.0, False),
        (20, 1, 1, 1, 0.0, False),
    ],
)
def test_writers_use_the_throughput_of_a_stream_with_few_refusals(processes, senders, partitions, rate, apart, keyed):
    """Nine tenths of it, and one request in twenty, whether they share a pace or are processes that know nothing of each other.

    What a partition takes at once at first doesn't count.
    """
    simulation = Simulation([rate] * partitions, processes)
    seconds, at_first = 40, max(1, rate)
    count = int(1000 * partitions * (rate * seconds + at_first))
    keys = even_keys(partitions) if keyed else [None]
    made = batches(count, keys=keys, records=250)
    took = simulation.run(made, senders, apart)
    assert seconds / took > 0.9
    assert simulation.refused_requests / simulation.requests < 0.05
    assert simulation.sent < 1.08 * count


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
    assert last[fast] - START < 0.5
    assert last[slow] - START > 5


def test_the_rate_follows_a_service_that_takes_less_or_more():
    simulation = Simulation([1])
    for rate in (1, 0.2, 2):
        simulation.partitions[0].rate = rate
        simulation.sent, count = 0, int(20_000 * rate)
        seconds = simulation.run(batches(count, records=100))
        assert simulation.sent < 1.3 * count
        assert seconds < 1.3 * 20


def test_nothing_waits_until_a_record_is_throttled():
    """Once two seconds' worth were accepted; until then see below."""
    simulation = Simulation([1])
    for _ in range(20):
        simulation.run(batches(100))
        simulation.clock.now += 1
    simulation.clock.now, simulation.requests = 200, 0
    for _ in range(20):
        assert simulation.run(batches(900), senders=1) <= 1.5 * ROUND_TRIP
        simulation.clock.now += 1
    assert simulation.requests == 20


@pytest.mark.parametrize("partitions", [1, 8])
def test_a_stream_without_limits_is_soon_used_without_any_wait(partitions):
    simulation = Simulation([1e9] * partitions)
    simulation.run(batches(15_000 * partitions, keys=even_keys(partitions)))
    assert simulation.clock.now < 100.6
    before, simulation.requests = simulation.clock.now, 0
    simulation.run(batches(100_000))
    assert simulation.clock.now - before < 1.5 * 100 / 4 * ROUND_TRIP
    assert simulation.requests == 100


def test_little_is_sent_before_the_first_answer():
    """Then processes that begin together don't exceed the limit with what they send at first."""
    pace = StreamPace(clock=SimulatedClock())
    admitted_at_once = 0
    while indexes := pace.admit(batch_of([PutRecord(b"x", "k")] * 1000, limits()), range(1000))[0]:
        admitted_at_once += len(indexes)
    assert 0 < admitted_at_once <= 50


def test_the_first_record_is_sent_at_once_however_large_it_is():
    simulation = Simulation([1])
    assert simulation.run(batches(1, 2**20)) <= 1.5 * ROUND_TRIP


def admitted(pace, batch):
    return pace.admit(batch_of(batch, limits()), range(len(batch)))


def test_all_requests_pause_if_one_is_throttled_as_a_whole():
    clock, batch = SimulatedClock(), [PutRecord(b"x")]
    pace = StreamPace(clock=clock)
    pace.pause(2.0)
    pace.pause(1.0)
    assert admitted(pace, batch) == ((), 2.0)
    clock.now += 2.0
    assert admitted(pace, batch)[0]


def test_a_partition_that_takes_nothing_is_asked_less_and_less_often():
    clock, asked = SimulatedClock(), []
    batch = batch_of([PutRecord(b"x", "k")], limits())
    pace = StreamPace(clock=clock, random=lambda: 0.5)
    while clock.now < 200:
        indexes, delay = pace.admit(batch, [0])
        if indexes:
            asked.append(clock.now)
            pace.learn(batch, [0], [THROTTLED])
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
