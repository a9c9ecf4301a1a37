"""A stream is listed once: after the second of its stop is over on the service's clock, and again after failures that pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from beam_dis.connection import DISConnection
from beam_dis.errors import ConfigurationError, DISError, TransportError, service_error
from beam_dis.positions import StartingPosition, StoppingPosition
from beam_dis.read.discovery.list_once import DiscoverPartitionsFn, Discovery
from beam_dis.read.values import StreamPartition, StreamStart

ZERO = "shardId-0000000000"


def discovery(stop: StoppingPosition, *, start: StartingPosition | None = None, app: str | None = None) -> Discovery:
    return Discovery(start=start or StartingPosition.earliest(), stop=stop, only=None, app=app)


def partitions(discovery: Discovery, service: Any, **options: Any) -> list[StreamPartition]:
    """The partitions of the stream ``flights``, from one listing."""
    return discovery.resolve(service, "flights", discovery.listing(service.describe, "flights", **options))


def at(milliseconds: int) -> StoppingPosition:
    return StoppingPosition.at_timestamp(datetime.fromtimestamp(milliseconds / 1000, timezone.utc))


def test_a_partition_has_its_start_and_stop(fake_service: Any) -> None:
    found = partitions(discovery(StoppingPosition.latest()), fake_service(7, 90))
    assert found == [StreamPartition("flights", "id", ZERO, 7, 90)]


def test_a_stop_in_the_current_second_is_waited_for(fake_service: Any) -> None:
    service, slept = fake_service(), []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        service.now_ms = 7000

    assert partitions(discovery(at(5400)), service, sleep=sleep)[0].stop == 100
    assert slept == [1.4]


def test_a_stop_further_ahead_is_refused_at_once(fake_service: Any) -> None:
    with pytest.raises(ConfigurationError, match="ahead of the service's clock"):
        partitions(discovery(at(6001)), fake_service(), sleep=pytest.fail)


def test_a_missing_app_is_created_and_a_read_starts_at_its_checkpoint(fake_service: Any) -> None:
    service = fake_service()
    reading = discovery(StoppingPosition.latest(), start=StartingPosition.checkpoint(), app="delays")
    assert partitions(reading, service)[0].start == 0
    service.commit("delays", "flights", ZERO, 42)
    assert partitions(reading, service)[0].start == 42


def not_found() -> DISError:
    return service_error("no stream", code="DIS.4301", status=400)


def not_running() -> DISError:
    return service_error("is being created", code="DIS.4205", status=400)


def no_answer() -> DISError:
    return TransportError("refused", maybe_done=False)


def throttled() -> DISError:
    return service_error("slow down", code="DIS.4305", status=400)


@pytest.fixture
def listing_once(registry_on: Any, now: Any) -> Callable[..., Any]:
    """Lists the stream with a step: ``listing_once(service, stop=…, on_missing=…)`` returns its output."""

    def make(
        service: Any, *, stop: StoppingPosition | None = None, only: Any = None, on_missing: str = "fail"
    ) -> list[StreamPartition]:
        looking = Discovery(start=StartingPosition.earliest(), stop=stop, only=only, app=None, on_missing=on_missing)
        connection = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
        registry = registry_on(service)
        step = DiscoverPartitionsFn(connection, looking, registry=lambda: registry, clock=now, sleep=now.sleep)
        step.setup()
        return list(step.process(StreamStart("flights")))

    return make


@pytest.mark.parametrize("failure", [not_running, throttled, no_answer])
@pytest.mark.parametrize("stop", [None, StoppingPosition.latest()], ids=["endless", "bounded"])
def test_a_listing_that_fails_for_twenty_seconds_is_repeated(
    failure: Any, stop: Any, fake_service: Any, listing_once: Any, now: Any
) -> None:
    service, began = fake_service(7, 90), now.seconds
    describe = service.describe
    service.describe = lambda stream: describe(stream) if now.seconds > began + 20 else _raised(failure())
    assert [p.start for p in listing_once(service, stop=stop)] == [7]


@pytest.mark.parametrize(
    ("failure", "stop", "seconds"),
    [
        (not_found, None, 0),
        (not_found, StoppingPosition.latest(), 0),
        (no_answer, None, 30),
        (no_answer, StoppingPosition.latest(), 30),
        (not_running, StoppingPosition.latest(), 120),
        (throttled, StoppingPosition.latest(), 120),
    ],
)
def test_a_listing_that_never_succeeds_is_an_error(
    failure: Any, stop: Any, seconds: float, fake_service: Any, listing_once: Any, now: Any
) -> None:
    service, began = fake_service(), now.seconds
    service.describe = lambda _: _raised(failure())
    with pytest.raises(type(failure())):
        listing_once(service, stop=stop)
    assert now.seconds - began == pytest.approx(seconds, abs=1)


def test_a_request_that_fails_after_the_listing_is_repeated(fake_service: Any, listing_once: Any, now: Any) -> None:
    """The stream is known then, so the refusals of a partition may pass."""
    service, began = fake_service(), now.seconds
    locate = service.locate
    service.locate = lambda *at: locate(*at) if now.seconds > began + 30 else _raised(not_found())
    assert [p.stop for p in listing_once(service, stop=at(2000))] == [100]


@pytest.mark.parametrize("stop", [None, StoppingPosition.latest()], ids=["endless", "bounded"])
def test_a_stream_that_is_not_there_is_skipped_if_asked_for(
    stop: Any, fake_service: Any, listing_once: Any, caplog: pytest.LogCaptureFixture
) -> None:
    service = fake_service()
    service.describe = lambda _: _raised(not_found())
    assert listing_once(service, stop=stop, on_missing="skip") == []
    assert "stream flights is skipped: no stream" in caplog.text


def test_a_chosen_partition_that_is_not_there_is_skipped_if_asked_for(
    fake_service: Any, listing_once: Any, caplog: pytest.LogCaptureFixture
) -> None:
    only = (ZERO, "shardId-0000000007")
    assert [p.partition_id for p in listing_once(fake_service(), only=only, on_missing="skip")] == [ZERO]
    assert "stream flights is read without partition shardId-0000000007" in caplog.text
    with pytest.raises(ConfigurationError, match="has no readable partition shardId-0000000007"):
        listing_once(fake_service(), only=only)


def test_only_missing_streams_are_skipped(fake_service: Any, listing_once: Any) -> None:
    service = fake_service()
    service.describe = lambda _: _raised(service_error("denied", code="DIS.4116", status=403))
    with pytest.raises(DISError, match="denied"):
        listing_once(service, on_missing="skip")


def _raised(error: Exception) -> Any:
    raise error
