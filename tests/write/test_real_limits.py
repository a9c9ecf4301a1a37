"""The sink against a local DIS with the service's limits of throughput."""

import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import pytest
from counting_writers import write_bundles

from beam_dis.client.dis_client import DISClient
from beam_dis.local import LocalDIS
from beam_dis.testing import RecordsRefused

pytestmark = [pytest.mark.integration, pytest.mark.alone]

SECONDS = 6
PARTITIONS = 2
COUNT = 1000 * PARTITIONS * SECONDS
WRITERS = 8
LONG_COUNT = 1000 * PARTITIONS * 25
"""What the stream takes in 25 seconds."""


@pytest.fixture
def connection():
    with LocalDIS(limits="real") as dis:
        yield dis.connection


def create_stream(connection):
    stream = f"s{time.monotonic_ns()}"
    with DISClient(connection) as client:
        client.create_stream(stream, partition_count=PARTITIONS)
    return stream


def written(connection, stream):
    with DISClient(connection) as client:
        return sum(partition.next for partition in client.describe_stream(stream).partitions)


def seconds_of(log):
    return max(sent.answered for sent in log) - min(sent.began for sent in log)


@pytest.mark.parametrize("bundles", [1, 4])
@pytest.mark.parametrize("key", [None, bytes.hex], ids=["without keys", "with keys"])
def test_throttled_records_are_sent_about_once_and_at_the_services_pace(connection, bundles, key, undisturbed):
    def seconds():
        stream = create_stream(connection)
        log = write_bundles(connection, stream, key, [range(first, COUNT, bundles) for first in range(bundles)])
        assert written(connection, stream) == COUNT
        assert sum(sent.records for sent in log) < 1.2 * COUNT
        return seconds_of(log)

    assert undisturbed(seconds, 1.2 * SECONDS) < 1.2 * SECONDS


def test_records_that_are_refused_at_random_do_not_slow_the_sink_for_long(undisturbed):
    """There is no limit; a tenth of the records is refused with the code of one."""

    def seconds():
        with LocalDIS() as dis:
            stream = create_stream(dis.connection)
            dis.inject(RecordsRefused(stream=stream, rate=0.1, code="DIS.4303"))
            log = write_bundles(dis.connection, stream, bytes.hex, [range(COUNT)])
            assert written(dis.connection, stream) == COUNT
        assert sum(sent.records for sent in log) < 1.2 * COUNT
        return seconds_of(log)

    assert undisturbed(seconds, 30.0) < 30.0


def from_processes(connection, stream, key):
    with ProcessPoolExecutor(WRITERS, mp_context=get_context("spawn")) as pool:
        bundles = [[range(first, LONG_COUNT, WRITERS)] for first in range(WRITERS)]
        return [sent for log in pool.map(partial(write_bundles, connection, stream, key), bundles) for sent in log]


def from_threads(connection, stream, key):
    return write_bundles(connection, stream, key, [range(first, LONG_COUNT, WRITERS) for first in range(WRITERS)])


@pytest.mark.long
@pytest.mark.parametrize(("write", "key"), [(from_threads, None), (from_processes, bytes.hex)])
def test_eight_writers_use_the_throughput_with_few_refusals(connection, write, key, undisturbed):
    """Nine tenths of the limit, and less than a twentieth of the requests, as bundles of a process and as processes."""

    def seconds():
        stream = create_stream(connection)
        log = write(connection, stream, key)
        assert written(connection, stream) == LONG_COUNT
        assert sum(sent.refused > 0 for sent in log) / len(log) < 0.05
        return seconds_of(log)

    assert undisturbed(seconds, 25 / 0.9) < 25 / 0.9
