"""The endless discovery, driven call by call."""

from __future__ import annotations

from typing import Any

import pytest

from beam_dis.connection import DISConnection
from beam_dis.errors import StreamNotFoundError, StreamNotRunningError, TransportError
from beam_dis.positions import StartingPosition
from beam_dis.read.discovery.list_once import Discovery
from beam_dis.read.discovery.watch import WatchPartitionsFn
from beam_dis.read.process.pace import LONGEST_NAP
from beam_dis.read.values import START_OF_TIME_MS, StreamStart
from beam_dis.stream_service import PartitionDescription

ZERO, ONE = "shardId-0000000000", "shardId-0000000001"


@pytest.fixture
def watching(registry_on: Any, calls: Any, now: Any) -> Any:
    """Makes the calls of a watch; ``call()`` comes when the last one's delay is over, ``early()`` at once."""

    class Watch(calls):
        def early(self) -> Any:
            return super().call()

        def call(self) -> Any:
            now.seconds += 10
            return super().call()

    def start(service: Any, *, position: Any = None, only: Any = None, app: Any = None, holds: bool = False) -> Any:
        registry = registry_on(service)
        discovery = Discovery(start=position or StartingPosition.earliest(), stop=None, only=only, app=app)
        connection = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
        fn = WatchPartitionsFn(
            connection,
            discovery,
            10.0,
            read_id="a",
            resumes_at_once=holds,
            registry=lambda: registry,
            sleep=now.sleep,
        )
        watch = Watch(fn, StreamStart("flights"))
        watch.own = registry.enter_read("a", watch)
        return watch

    return start


def grow(service: Any, *partitions: PartitionDescription) -> None:
    describe = service.describe
    service.describe = lambda stream: describe(stream)._replace(partitions=partitions)


def found(call: Any) -> list[tuple[str, int]]:
    return [(p.partition_id, p.start) for p, _ in call.elements]


def test_a_partition_is_handed_out_once_and_the_next_listing_is_deferred(fake_service: Any, watching: Any) -> None:
    watch = watching(fake_service(7))
    first, second = watch.call(), watch.call()
    assert (found(first), round(first.delay)) == ([(ZERO, 7)], 10)
    assert found(second) == []


def test_a_partition_that_appears_later_starts_at_its_earliest_record(fake_service: Any, watching: Any) -> None:
    service = fake_service(0, 50)
    watch = watching(service, position=StartingPosition.latest())
    assert found(watch.call()) == [(ZERO, 50)]
    grow(service, PartitionDescription(ZERO, 0, 60), PartitionDescription(ONE, 3, 9))
    assert found(watch.call()) == [(ONE, 3)]


def test_a_restored_partition_keeps_its_reader_or_gets_its_first_one(fake_service: Any, watching: Any) -> None:
    service = fake_service(0, 50)
    watch = watching(service)
    grow(service, PartitionDescription(ZERO, 0, 60), PartitionDescription(ONE, 3, 9, readable=False))
    watch.call()
    grow(service, PartitionDescription(ZERO, 60, 60, readable=False), PartitionDescription(ONE, 9, 9))
    assert found(watch.call()) == [(ONE, 9)]
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


def test_a_recreated_stream_fails_the_read(fake_service: Any, watching: Any) -> None:
    service = fake_service()
    watch = watching(service)
    watch.call()
    service.stream_id = "another id"
    with pytest.raises(StreamNotFoundError, match="was deleted and recreated while it was read"):
        watch.call()


def test_a_stream_is_listed_once_per_interval_even_without_the_delay(
    fake_service: Any, watching: Any, now: Any
) -> None:
    service = fake_service()
    watch, listings = watching(service), []
    describe = service.describe
    service.describe = lambda stream: listings.append(now.seconds) or describe(stream)
    watch.call()
    listings.clear()
    early = [watch.early() for _ in range(100)]
    assert (listings, {round(call.delay) for call in early} <= {8, 9, 10}) == ([], True)
    assert max(now.naps) <= LONGEST_NAP
    watch.call()
    assert len(listings) == 1


def test_an_app_is_made_sure_of_only_where_partitions_are_handed_out(fake_service: Any, watching: Any) -> None:
    service, asked = fake_service(), []
    service.ensure_app = asked.append
    watch = watching(service, app="a")
    for _ in range(3):
        watch.call()
    assert asked == ["a"]


def _board_after_a_call(watch: Any) -> Any:
    """The board of the read, once the partition that the call found has been called, too."""
    watch.call()
    board = watch.own.board
    board.enter(("id", ZERO), 1000)
    return board


def test_a_listing_holds_what_is_reported_of_the_read_where_the_runner_does_not(
    fake_service: Any, watching: Any
) -> None:
    service = fake_service()
    watch = watching(service, holds=True)
    board = _board_after_a_call(watch)
    assert board.lowest(("id", ZERO), 9000) == 5000
    service.now_ms = 7000
    watch.call()
    assert board.lowest(("id", ZERO), 9000) == 7000


def test_no_watermark_is_reported_before_a_new_partition_is_called(fake_service: Any, watching: Any) -> None:
    service = fake_service()
    watch = watching(service, holds=True)
    board = _board_after_a_call(watch)
    grow(service, PartitionDescription(ZERO, 0, 60), PartitionDescription(ONE, 3, 9))
    watch.call()
    assert board.lowest(("id", ZERO), 5000) == START_OF_TIME_MS
    board.enter(("id", ONE), 3000)
    assert board.lowest(("id", ZERO), 5000) == 3000


def test_a_runner_that_holds_back_what_is_behind_a_step_needs_no_help(fake_service: Any, watching: Any) -> None:
    watch = watching(fake_service())
    watch.call()
    board = watch.own.board
    assert board.lowest(("id", ONE), 9000) == 9000


def test_a_stream_that_is_not_running_for_now_is_listed_again(fake_service: Any, watching: Any) -> None:
    service = fake_service(7)
    watch, describe = watching(service), service.describe

    def frozen(stream: str) -> Any:
        raise StreamNotRunningError("is frozen", code="DIS.4205", status=400)

    service.describe = frozen
    assert found(watch.call()) == []
    service.describe = describe
    assert found(watch.call()) == [(ZERO, 7)]
