"""The sink against a local DIS with the service's limits of throughput."""

import threading
import time

import pytest

from beam_dis.client.dis_client import DISClient
from beam_dis.local import LocalDIS
from beam_dis.services import shared_service
from beam_dis.write.bundle import BundleWriter, WritePlan
from beam_dis.write.pace import FIRST_REQUESTS
from beam_dis.write.routing import element_encoder

pytestmark = pytest.mark.integration

SECONDS = 6
PARTITIONS = 2
COUNT = 1000 * PARTITIONS * SECONDS


class Carrier:
    def __init__(self, value):
        self.value = value


@pytest.fixture
def connection():
    with LocalDIS(limits="real") as dis:
        yield dis.connection


class Write:
    """Writes records in bundles at once, to a stream of its own; knows how long that took and how many were sent."""

    def __init__(self, connection, key, bundles):
        self.stream = f"s{time.monotonic_ns()}"
        self.sent = []
        with DISClient(connection) as client:
            client.create_stream(self.stream, partition_count=PARTITIONS)
        plan = WritePlan(stream=self.stream, to_record=element_encoder(bytes, partition_key=key))
        threads = [threading.Thread(target=self.write, args=(plan, connection, n, bundles)) for n in range(bundles)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.seconds = time.monotonic() - started
        with DISClient(connection) as client:
            self.written = sum(partition.next for partition in client.describe_stream(self.stream).partitions)

    def write(self, plan, connection, first, step):
        writer = BundleWriter(plan, shared_service(connection))
        writer.begin()
        for number in range(first, COUNT, step):
            writer.add(Carrier(b"%010d" % number + bytes(1014)))
        writer.finish()
        counts = writer.take_counts()
        self.sent.append(counts.records + counts.retries)
        writer.close()


@pytest.mark.parametrize("bundles", [1, 4])
@pytest.mark.parametrize("key", [None, bytes.hex], ids=["without keys", "with keys"])
def test_throttled_records_are_sent_about_once_and_at_the_services_pace(connection, bundles, key, undisturbed):
    """What is sent before the first answers comes on top: a longer write sends no more of it."""

    def seconds():
        write = Write(connection, key, bundles)
        assert write.written == COUNT
        assert sum(write.sent) < 1.2 * COUNT + 1000 * FIRST_REQUESTS
        return write.seconds

    assert undisturbed(seconds, 1.2 * SECONDS) < 1.2 * SECONDS
