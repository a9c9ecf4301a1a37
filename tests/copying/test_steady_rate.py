"""A partition that is written to at a steady rate is never asked for more than it takes."""

from __future__ import annotations

from random import Random

import pytest

from beam_dis.copying.steady_rate import SteadyRate
from beam_dis.local.handlers.throughput import Bucket
from beam_dis.wire.limits import MIB, PartitionThroughput

LIMITS = PartitionThroughput(MIB, 1000, 2 * MIB)


class Rate(SteadyRate):
    """A rate on a clock that its pauses move."""

    def __init__(self, *, limited=True):
        self.now = 100.0
        super().__init__(LIMITS, limited=limited, clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds):
        self.now += seconds


@pytest.mark.parametrize("seed", range(5))
def test_a_limited_rate_stays_within_the_buckets_of_the_service(seed):
    random, rate = Random(seed), Rate()
    size_left, records_left = Bucket(LIMITS.write_bytes, rate.now), Bucket(LIMITS.write_records, rate.now)
    for _ in range(200):
        size, count = random.choice([(1000, 1), (rate.most_bytes, 900), (MIB, 1), (50_000, 500)])
        rate.wait(size, count)
        assert size_left.refill(rate.now) >= size
        assert records_left.refill(rate.now) >= count
        size_left.take(size)
        records_left.take(count)
        rate.now += random.choice([0, 0.01, 3])


def test_a_limited_rate_is_nearly_that_of_the_service():
    rate = Rate()
    for _ in range(100):
        rate.wait(rate.most_bytes, 10)
    assert (rate.now - 100) == pytest.approx(99)


def test_without_a_refusal_an_unlimited_rate_never_waits():
    rate = Rate(limited=False)
    for _ in range(100):
        rate.wait(MIB, 1000)
    assert rate.now == 100


def test_after_a_refusal_the_rate_begins_with_nothing():
    rate = Rate(limited=False)
    rate.refused()
    rate.wait(rate.most_bytes, 1)
    assert rate.now == pytest.approx(101)
