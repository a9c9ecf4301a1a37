"""Consumers of the Kafka adapter share a stream as members of a group."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from client_programs import client_program

pytestmark = [pytest.mark.integration, pytest.mark.java_client]

RECORDS = 60
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


def together(members, call, request=None):
    """What members return that work at the same time."""
    with ThreadPoolExecutor(len(members)) as threads:
        return list(threads.map(lambda member: member.call(call, request), members))


def poll(members, records=1, seconds=1):
    return together(members, "poll", {"records": records, "seconds": seconds})


def poll_until(members, assignments):
    """Poll until each member has its partitions; one that waits for another doesn't hold that up."""

    def assigned(member, partitions):
        deadline = time.monotonic() + 120
        while (found := member.call("assignment")) != partitions and time.monotonic() < deadline:
            member.call("poll", {"records": 1, "seconds": 1})
        return found

    with ThreadPoolExecutor(len(members)) as threads:
        assert list(threads.map(assigned, members, assignments)) == assignments


def send(member, first):
    """Put numbered records, and return them: [partition, offset, key, value]."""
    records = [["s", f"key{n % 7}", str(n)] for n in range(first, first + RECORDS)]
    places = member.call("send", records)
    return [[partition, offset, *record[1:]] for (_, partition, offset), record in zip(places, records, strict=True)]


def test_a_single_member_reads_every_partition(members):
    first, _ = members
    sent = send(first, 0)
    first.call("subscribe", ["s"])
    (polled,) = poll([first], RECORDS, 60)
    assert sorted(polled) == sorted(sent)
    assert first.call("assignment") == ALL


@pytest.mark.long
def test_members_share_the_partitions_and_take_over_those_of_one_that_leaves(members):
    first, second = members
    first.call("subscribe", ["s"])
    poll_until([first], [ALL])
    second.call("subscribe", ["s"])
    poll_until(members, [ALL[:1], ALL[1:]])
    sent = send(first, 0)
    polled = poll(members, RECORDS, 5)
    assert [sorted(part) for part in polled] == [sorted(r for r in sent if r[0] == number) for number in (0, 1)]
    second.call("unsubscribe")
    poll_until([first], [ALL])
    sent = send(first, RECORDS)
    (polled,) = poll([first], 2 * RECORDS, 5)
    assert [record for record in sent if record not in polled] == []  # the adapter may read old ones again
