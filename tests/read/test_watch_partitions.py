"""The endless discovery, driven call by call."""

from __future__ import annotations

from typing import Any

import pytest

from beam_dis.connection import DISConnection
from beam_dis.errors import StreamNotFoundError, TransportError
from beam_dis.positions import StartingPosition
from beam_dis.read.discovery import Discovery
from beam_dis.read.stream_start import StreamStart
from beam_dis.read.watch_partitions import WatchPartitionsFn
from beam_dis.service import PartitionDescription

ZERO, ONE = "shardId-0000000000", "shardId-0000000001"


@pytest.fixture
def watching(reader_on: Any, calls: Any) -> Any:
    def start(service: Any, *, position: Any = None, only: Any = None) -> Any:
        reader_on(service)
        discovery = Discovery(start=position or StartingPosition.earliest(), stop=None, only=only, app=None)
        connection = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
        return calls(WatchPartitionsFn(connection, discovery, 10.0), StreamStart("flights"))

    return start


def grow(service: Any, *partitions: PartitionDescription) -> None:
    describe = service.describe
    service.describe = lambda stream: describe(stream)._replace(partitions=partitions)


def found(call: Any) -> list[tuple[str, int, int]]:
    return [(p.partition_id, p.incarnation, p.start) for p, _ in call.elements]


def test_a_partition_is_handed_out_once_and_the_next_listing_is_deferred(fake_service: Any, watching: Any) -> None:
    watch = watching(fake_service(7))
    first, second = watch.call(), watch.call()
    assert (found(first), round(first.delay)) == ([(ZERO, 0, 7)], 10)
    assert found(second) == []


def test_a_partition_that_appears_later_starts_at_its_earliest_record(fake_service: Any, watching: Any) -> None:
    service = fake_service(0, 50)
    watch = watching(service, position=StartingPosition.latest())
    assert found(watch.call()) == [(ZERO, 0, 50)]
    grow(service, PartitionDescription(ZERO, 0, 60), PartitionDescription(ONE, 3, 9))
    assert found(watch.call()) == [(ONE, 0, 3)]


def test_one_that_expires_and_comes_back_keeps_its_reader_and_one_that_was_expired_at_first_gets_one(
    fake_service: Any, watching: Any
) -> None:
    service = fake_service(0, 50)
    watch = watching(service)
    grow(service, PartitionDescription(ZERO, 0, 60), PartitionDescription(ONE, 3, 9, readable=False))
    watch.call()
    grow(service, PartitionDescription(ZERO, 60, 60, readable=False), PartitionDescription(ONE, 9, 9))
    assert found(watch.call()) == [(ONE, 0, 9)]
    grow(service, PartitionDescription(ZERO, 60, 61), PartitionDescription(ONE, 9, 9))
    assert found(watch.call()) == []


def test_only_the_partitions_asked_for_are_handed_out_later_too(fake_service: Any, watching: Any) -> None:
    service = fake_service()
    watch = watching(service, only=(ZERO,))
    watch.call()
    grow(service, PartitionDescription(ZERO, 0, 60), PartitionDescription(ONE, 3, 9))
    assert found(watch.call()) == []


def test_the_watermark_is_the_services_clock_at_the_last_listing_that_succeeded(
    fake_service: Any, watching: Any
) -> None:
    service = fake_service()
    watch, describe = watching(service), service.describe
    assert watch.call().watermark == 5000

    def cut(stream: str) -> Any:
        raise TransportError("cut")

    service.describe, service.now_ms = cut, 9000
    assert watch.call().watermark == 5000
    service.describe = describe
    assert watch.call().watermark == 9000


def test_a_stream_made_anew_ends_the_read(fake_service: Any, watching: Any) -> None:
    service = fake_service()
    watch = watching(service)
    watch.call()
    service.stream_id = "another id"
    with pytest.raises(StreamNotFoundError, match="was deleted and made anew while it was read"):
        watch.call()
