"""The endless discovery, one call at a time."""

from __future__ import annotations

import logging
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
    """Starts a watch. ``call()`` calls it after the delay of the call before, ``early()`` without waiting."""

    class Watch(calls):
        def early(self) -> Any:
            return super().call()

        def call(self) -> Any:
            now.seconds += 10
            return super().call()

    def start(service: Any, *, position: Any = None, only: Any = None, app: Any = None, on_prism: bool = False) -> Any:
        registry = registry_on(service)
        discovery = Discovery(start=position or StartingPosition.earliest(), stop=None, only=only, app=app)
        connection = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
        fn = WatchPartitionsFn(
            connection,
            discovery,
            10.0,
            read_id="a",
            resumes_at_once=on_prism,
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


def test_a_partition_is_output_once_and_the_next_listing_is_deferred(fake_service: Any, watching: Any) -> None:
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


def test_a_restored_partition_is_output_only_if_it_never_was(fake_service: Any, watching: Any) -> None:
    service = fake_service(0, 50)
    watch = watching(service)
    grow(service, PartitionDescription(ZERO, 0, 60), PartitionDescription(ONE, 3, 9, readable=False))
    watch.call()
    grow(service, PartitionDescription(ZERO, 60, 60, readable=False), PartitionDescription(ONE, 9, 9))
    assert found(watch.call()) == [(ONE, 9)]
    grow(service, PartitionDescription(ZERO, 60, 61), PartitionDescription(ONE, 9, 9))
    assert found(watch.call()) == []


def test_only_the_chosen_partitions_are_output_later_too(fake_service: Any, watching: Any) -> None:
    service = fake_service()
    watch = watching(service, only=(ZERO,))
    watch.call()
    grow(service, PartitionDescription(ZERO, 0, 60), PartitionDescription(ONE, 3, 9))
    assert found(watch.call()) == []


def test_the_watermark_is_the_services_clock_at_the_last_successful_listing(fake_service: Any, watching: Any) -> None:
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


def test_a_stream_is_listed_once_per_interval_even_if_calls_come_early(
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


def test_an_app_is_created_only_when_partitions_are_output(fake_service: Any, watching: Any) -> None:
    service, asked = fake_service(), []
    service.ensure_app = asked.append
    watch = watching(service, app="a")
    for _ in range(3):
        watch.call()
    assert asked == ["a"]


def _board_after_a_call(watch: Any) -> Any:
    """The read's board after a call of the watch and one of the partition that it found."""
    watch.call()
    board = watch.own.board
    board.enter(("id", ZERO, ""), 1000)
    return board


def test_on_prism_the_last_listing_limits_the_watermarks_of_the_read(fake_service: Any, watching: Any) -> None:
    service = fake_service()
    watch = watching(service, on_prism=True)
    board = _board_after_a_call(watch)
    assert board.lowest(("id", ZERO, ""), 9000) == 5000
    service.now_ms = 7000
    watch.call()
    assert board.lowest(("id", ZERO, ""), 9000) == 7000


def test_on_prism_watermarks_wait_for_the_first_call_of_a_new_partition(fake_service: Any, watching: Any) -> None:
    service = fake_service()
    watch = watching(service, on_prism=True)
    board = _board_after_a_call(watch)
    grow(service, PartitionDescription(ZERO, 0, 60), PartitionDescription(ONE, 3, 9))
    watch.call()
    assert board.lowest(("id", ZERO, ""), 5000) == START_OF_TIME_MS
    board.enter(("id", ONE, ""), 3000)
    assert board.lowest(("id", ZERO, ""), 5000) == 3000


def test_on_other_runners_listings_do_not_limit_watermarks(fake_service: Any, watching: Any) -> None:
    watch = watching(fake_service())
    watch.call()
    board = watch.own.board
    assert board.lowest(("id", ONE, ""), 9000) == 9000


def test_a_stream_that_is_not_running_is_listed_again_later(fake_service: Any, watching: Any) -> None:
    service = fake_service(7)
    watch, describe = watching(service), service.describe

    def frozen(stream: str) -> Any:
        raise StreamNotRunningError("is frozen", code="DIS.4205", status=400)

    service.describe = frozen
    assert found(watch.call()) == []
    service.describe = describe
    assert found(watch.call()) == [(ZERO, 7)]


def test_what_is_read_is_logged_when_it_is_found(fake_service: Any, watching: Any, caplog: Any) -> None:
    caplog.set_level(logging.INFO, logger="beam_dis")
    service = fake_service(0, 50)
    watch = watching(service, app="delays")
    watch.call()
    watch.call()
    assert [record.getMessage() for record in caplog.records] == [
        "reading 1 partition of flights from http://127.0.0.1:1, app delays"
    ]
