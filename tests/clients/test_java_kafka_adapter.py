"""The Kafka adapter of the Java SDK sends and consumes records, with partitions that it is assigned."""

from collections.abc import Iterator

import pytest
from client_programs import ClientProgram, client_program

pytestmark = [pytest.mark.integration, pytest.mark.java_client]

SENT = [["s", f"key{n % 7}", f"value{n}"] for n in range(100)]
BOTH = [["s", 0], ["s", 1]]


@pytest.fixture(scope="module")
def program(java_command) -> Iterator[ClientProgram]:
    with client_program([*java_command, "KafkaAdapter"]) as program:
        yield program


@pytest.fixture
def settings(java_settings):
    return java_settings | {"group.id": "g", "auto.offset.reset": "earliest", "enable.auto.commit": "false"}


@pytest.fixture
def kafka(program, settings, java) -> Iterator[ClientProgram]:
    """The adapter, with a stream of two partitions."""
    java.call("createStream", {"stream_name": "s", "partition_count": 2})
    program.open(**settings)
    yield program
    program.call("close")


def poll(kafka, records, seconds=120):
    return kafka.call("poll", {"records": records, "seconds": seconds})


def of_partition(number, places):
    """What was sent to a partition: [partition, offset, key, value]."""
    return [[p, offset, *record[1:]] for (_, p, offset), record in zip(places, SENT, strict=True) if p == number]


def test_sent_records_are_consumed_in_the_order_of_each_partition(kafka):
    places = kafka.call("send", SENT)
    kafka.call("assign", BOTH)
    polled = poll(kafka, len(SENT))
    for number in (0, 1):
        assert [record for record in polled if record[0] == number] == of_partition(number, places) != []
    assert len(polled) == len(SENT)


def test_a_consumer_continues_at_what_was_committed(kafka, settings):
    places = kafka.call("send", SENT)
    expected = of_partition(0, places)
    kafka.call("assign", [["s", 0]])
    assert poll(kafka, len(expected)) == expected
    kafka.call("commitSync")
    assert kafka.call("committed", ["s", 0]) == len(expected)
    kafka.call("close")
    kafka.open(**settings)
    kafka.call("assign", [["s", 0]])
    again = kafka.call("send", SENT)
    assert poll(kafka, len(expected)) == of_partition(0, again)


def test_a_consumer_seeks(kafka):
    expected = of_partition(1, kafka.call("send", SENT))
    kafka.call("assign", [["s", 1]])
    kafka.call("seek", {"partition": ["s", 1], "offset": 5})
    assert kafka.call("position", ["s", 1]) == 5
    assert poll(kafka, len(expected) - 5) == expected[5:]


def test_offsets_are_found(kafka):
    count = len(of_partition(0, kafka.call("send", SENT)))
    assert kafka.call("beginningOffsets", BOTH) == {"s-0": 0, "s-1": 0}
    assert kafka.call("endOffsets", BOTH) == {"s-0": count, "s-1": len(SENT) - count}
    assert kafka.call("offsetsForTimes", {"partition": ["s", 0], "time": 1}) == 0
    assert kafka.call("partitionsFor", "s") == 2
