"""The endless discovery, one call at a time."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

from beam_dis.connection import DISConnection
from beam_dis.errors import (
    StreamNotFoundError,
    StreamNotRunningError,
    StreamRecreatedError,
    TransportError,
    service_error,
)
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

    def start(
        service: Any,
        *,
        position: Any = None,
        only: Any = None,
        app: Any = None,
        on_missing: str = "fail",
        on_prism: bool = False,
    ) -> Any:
        registry = registry_on(service)
        discovery = Discovery(
            start=position or StartingPosition.earliest(), stop=None, only=only, app=app, on_missing=on_missing
        )
        connection = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
        fn = WatchPartitionsFn(
            connection,
            discovery,
            10.0,
            read_id="a",
            holds_watermarks=not on_prism,
            registry=lambda: registry,
            clock=now,
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


def test_a_wrong_clock_of_one_listing_moves_no_watermark(fake_service: Any, watching: Any) -> None:
    service = fake_service()
    watch, start = watching(service), int(time.time() * 1000)
    for call in range(6):
        service.now_ms = start + 10_000 * call + (86_400_000 if call == 3 else 0)
        assert watch.call().watermark == pytest.approx(start + 10_000 * call, abs=2)


def refuse(service: Any, error: Any) -> Any:
    """Have listings fail with the error that ``error()`` makes; returns the way back."""
    describe = service.describe
    service.describe = lambda _: _raised(error())
    return lambda: setattr(service, "describe", describe)


def not_found() -> Any:
    return service_error("no stream", code="DIS.4301", status=400)


def calls_for(watch: Any, now: Any, seconds: float) -> list[Any]:
    """The calls of a watch for so many seconds, each after the delay of the one before."""
    calls, began = [], now.seconds
    while now.seconds - began < seconds:
        calls.append(watch.early())
        now.seconds += max(calls[-1].delay, 0.01)
    return calls


def test_a_recreated_stream_fails_the_read_after_ten_seconds(fake_service: Any, watching: Any, now: Any) -> None:
    service = fake_service()
    watch = watching(service)
    watch.call()
    service.stream_id = "another id"
    now.seconds += 10
    began = now.seconds
    with pytest.raises(StreamRecreatedError, match="was deleted and recreated while it was read"):
        calls_for(watch, now, 1000)
    assert now.seconds - began == pytest.approx(10, abs=1)


def test_one_listing_with_another_id_does_not_fail_the_read(fake_service: Any, watching: Any) -> None:
    """A server may answer from another cluster for a moment; its partitions aren't read."""
    service = fake_service()
    watch = watching(service)
    watch.call()
    service.stream_id = "another id"
    grow(service, PartitionDescription(ZERO, 0, 60), PartitionDescription(ONE, 3, 9))
    assert found(watch.call()) == []
    service.stream_id = "id"
    assert found(watch.call()) == [(ONE, 3)]


def test_a_stream_that_is_not_found_for_a_while_is_listed_again(fake_service: Any, watching: Any, now: Any) -> None:
    service = fake_service()
    watch = watching(service)
    watch.call()
    back = refuse(service, not_found)
    now.seconds += 10
    calls_for(watch, now, 40)
    back()
    grow(service, PartitionDescription(ZERO, 0, 60), PartitionDescription(ONE, 3, 9))
    assert [p for call in calls_for(watch, now, 60) for p in found(call)] == [(ONE, 3)]


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (not_found, 0),
        (lambda: TransportError("refused"), 30),
        (lambda: TransportError("HTML", not_a_dis=True), 0),
        (lambda: service_error("denied", code="DIS.4116", status=403), 0),
    ],
)
def test_a_stream_that_was_never_listed_is_an_error_early(
    error: Any, seconds: float, fake_service: Any, watching: Any, now: Any
) -> None:
    service, began = fake_service(), now.seconds
    watch = watching(service)
    refuse(service, error)
    with pytest.raises(type(error())):
        calls_for(watch, now, 1000)
    assert now.seconds - began == pytest.approx(seconds, abs=1)


@pytest.mark.parametrize(
    "error",
    [lambda: TransportError("refused"), lambda: TransportError("HTML", not_a_dis=True)],
    ids=["no answer", "not a DIS"],
)
def test_an_outage_of_a_stream_that_was_listed_before_is_waited_out(
    error: Any, fake_service: Any, watching: Any, now: Any
) -> None:
    service = fake_service()
    watch = watching(service)
    watch.call()
    refuse(service, error)
    now.seconds += 10
    assert all(found(call) == [] for call in calls_for(watch, now, 7200))


def test_a_deleted_stream_fails_the_read_after_a_minute(fake_service: Any, watching: Any, now: Any) -> None:
    service = fake_service()
    watch = watching(service)
    watch.call()
    refuse(service, not_found)
    now.seconds += 10
    began, residual = now.seconds, watch.residual
    with pytest.raises(StreamNotFoundError):
        calls_for(watch, now, 1000)
    assert now.seconds - began == pytest.approx(60, abs=1)
    watch.residual = residual
    with pytest.raises(StreamNotFoundError):
        watch.early()  # a runner repeats the bundle: the error comes at once


def test_the_watch_of_a_missing_stream_ends_if_it_is_to_be_skipped(
    fake_service: Any, watching: Any, now: Any, caplog: pytest.LogCaptureFixture
) -> None:
    service = fake_service()
    watch = watching(service, on_missing="skip", on_prism=True)
    watch.call()
    board = watch.own.board
    board.enter(("id", ZERO, ""), 9000)
    refuse(service, not_found)
    now.seconds += 10
    while (call := watch.early()).delay is not None:
        now.seconds += max(call.delay, 0.01)
    assert "stream flights is skipped: no stream" in caplog.text
    assert board.lowest(("id", ZERO, ""), 9000) == 9000


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
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.INFO] == [
        "reading 1 partition of flights from http://127.0.0.1:1, app delays"
    ]


def _raised(error: Exception) -> Any:
    raise error
