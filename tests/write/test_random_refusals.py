"""The pace of a service that refuses a share of the records whatever the rate, and of one that is overloaded for a while."""

import pytest
from pace_simulation import Simulation, batches

REFUSED = 0.1


def written_in(simulation, seconds, rate=1, **more):
    """The records that a service with that much throughput takes in some seconds, as a part of what its limit allows."""
    before = len(simulation.written_at)
    simulation.run(batches(int(1500 * rate * seconds), records=500), most_seconds=seconds, **more)
    return (len(simulation.written_at) - before) / (1000 * rate * seconds)


@pytest.mark.parametrize(("share", "processes"), [(0.01, 1), (REFUSED, 1), (0.3, 1), (REFUSED, 8)])
def test_the_limit_is_used_though_a_share_of_the_records_is_refused_at_any_rate(share, processes):
    """Nearly all of it, ten seconds after the first refusal."""
    simulation = Simulation([1], processes)
    simulation.partitions[0].refused = share
    written_in(simulation, 20)
    assert written_in(simulation, 20) > 0.9


def test_what_is_refused_at_any_rate_does_not_slow_a_stream_that_has_no_limit():
    simulation = Simulation([1e9])
    simulation.partitions[0].refused = REFUSED
    assert written_in(simulation, 15, rate=2) > 0.9
    simulation.sent, before = 0, len(simulation.written_at)
    simulation.run(batches(50_000), most_seconds=5)
    written = len(simulation.written_at) - before
    assert written == 50_000
    assert simulation.sent < 1.2 * written


def test_a_limit_is_learned_again_once_records_are_no_longer_refused_at_random():
    simulation = Simulation([1])
    simulation.partitions[0].refused = REFUSED
    written_in(simulation, 20)
    simulation.partitions[0].refused = 0.0
    written_in(simulation, 5)
    simulation.requests = simulation.refused_requests = 0
    assert written_in(simulation, 20) > 0.9
    assert simulation.refused_requests / simulation.requests < 0.05


@pytest.mark.parametrize(("refused", "rate"), [(1.0, 1), (0.7, 1), (0.3, 1), (0.0, 0.1)])
def test_a_service_that_was_overloaded_for_a_while_is_used_again(refused, rate):
    """It has refused all records, or most, or some, or has taken a tenth."""
    simulation = Simulation([1])
    (partition,) = simulation.partitions
    written_in(simulation, 10)
    partition.refused, partition.rate = refused, rate
    written_in(simulation, 20)
    partition.refused, partition.rate = 0.0, 1
    written_in(simulation, 10)
    assert written_in(simulation, 20) > 0.9


def test_a_service_that_refuses_everything_is_asked_now_and_then():
    simulation = Simulation([1])
    simulation.partitions[0].refused = 1.0
    written_in(simulation, 60)
    assert simulation.written_at == []
    assert simulation.requests == simulation.refused_requests < 60
