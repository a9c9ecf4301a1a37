"""Consumers of the Kafka adapter share a stream as members of a group."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from client_programs import client_program

pytestmark = [pytest.mark.integration, pytest.mark.java_client]

RECORDS = 60
PATIENCE = 120.0
"""Seconds; a group takes ten to share anew, because the adapter sends a heartbeat every ten."""
ALL = ["s-0", "s-1"]


@pytest.fixture(scope="module")
def programs(java_command):
    """Two consumers, each in a process of its own."""
    with (
        client_program([*java_command, "KafkaAdapter"]) as first,
        client_program([*java_command, "KafkaAdapter"]) as second,
    ):
        yield first, second


@pytest.fixture
def members(programs, java, java_settings):
    """Two members of a group, which haven't subscribed yet, and a stream of two partitions."""
    java.call("createStream", {"stream_name": "s", "partition_count": 2})
    group = {"group.id": "g", "auto.offset.reset": "earliest"}
    for number, program in enumerate(programs):
        program.open(**java_settings, **group, **{"client.id": f"member-{number}", "enable.auto.commit": "false"})
    yield programs
    for program in programs:
        program.call("close")


def together(work, members, *arguments):
    """What a function returns for members that work at the same time."""
    with ThreadPoolExecutor(len(members)) as threads:
        return list(threads.map(work, members, *arguments))


def poll(member, records=1, seconds=1):
    return member.call("poll", {"records": records, "seconds": seconds})


def poll_until_assigned(member, partitions):
    deadline = time.monotonic() + PATIENCE
    while (found := member.call("assignment")) != partitions and time.monotonic() < deadline:
        poll(member)
    assert found == partitions


def poll_until_read(member, records):
    """Poll until all of these records have come."""
    deadline = time.monotonic() + PATIENCE
    found = []
    while (missing := [record for record in records if record not in found]) and time.monotonic() < deadline:
        found += poll(member)
    assert missing == []
    return found


def send(member, first):
    """Put numbered records, and return them: [partition, offset, key, value]."""
    records = [["s", f"key{n % 7}", str(n)] for n in range(first, first + RECORDS)]
    places = member.call("send", records)
    return [[partition, offset, *record[1:]] for (_, partition, offset), record in zip(places, records, strict=True)]


def test_a_single_member_reads_every_partition(members):
    first, _ = members
    sent = send(first, 0)
    first.call("subscribe", ["s"])
    assert sorted(poll_until_read(first, sent)) == sorted(sent)
    assert first.call("assignment") == ALL


@pytest.mark.long
def test_members_share_the_partitions_and_take_over_those_of_one_that_leaves(members):
    first, second = members
    first.call("subscribe", ["s"])
    poll_until_assigned(first, ALL)
    second.call("subscribe", ["s"])
    together(poll_until_assigned, members, [ALL[:1], ALL[1:]])
    sent = send(first, 0)
    shares = [[record for record in sent if record[0] == number] for number in (0, 1)]
    assert together(poll_until_read, members, shares) == shares
    second.call("unsubscribe")
    poll_until_assigned(first, ALL)
    poll_until_read(first, send(first, RECORDS))
