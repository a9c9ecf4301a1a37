"""A bounded read lists its stream once, and waits until the second of its stop is over on the service's clock."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from beam_dis.errors import ConfigurationError
from beam_dis.positions import StartingPosition, StoppingPosition
from beam_dis.read.discovery.list_once import Discovery
from beam_dis.read.values import StreamPartition

ZERO = "shardId-0000000000"


def discovery(stop: StoppingPosition, *, start: StartingPosition | None = None, app: str | None = None) -> Discovery:
    return Discovery(start=start or StartingPosition.earliest(), stop=stop, only=None, app=app)


def at(milliseconds: int) -> StoppingPosition:
    return StoppingPosition.at_timestamp(datetime.fromtimestamp(milliseconds / 1000, timezone.utc))


def test_a_partition_has_its_start_and_stop(fake_service: Any) -> None:
    found = discovery(StoppingPosition.latest()).partitions(fake_service(7, 90), "flights")
    assert found == [StreamPartition("flights", "id", ZERO, 7, 90)]


def test_a_stop_in_the_current_second_is_waited_for(fake_service: Any) -> None:
    service, slept = fake_service(), []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        listing = service.describe("flights")
        service.describe = lambda _: listing._replace(as_of=7000)

    assert discovery(at(5400)).partitions(service, "flights", sleep=sleep)[0].stop == 100
    assert slept == [1.4]


def test_a_stop_further_ahead_is_refused_at_once(fake_service: Any) -> None:
    with pytest.raises(ConfigurationError, match="ahead of the service's clock"):
        discovery(at(6001)).partitions(fake_service(), "flights", sleep=pytest.fail)


def test_a_missing_app_is_created_and_a_read_starts_at_its_checkpoint(fake_service: Any) -> None:
    service = fake_service()
    reading = discovery(StoppingPosition.latest(), start=StartingPosition.checkpoint(), app="delays")
    assert reading.partitions(service, "flights")[0].start == 0
    service.commit("delays", "flights", ZERO, 42)
    assert reading.partitions(service, "flights")[0].start == 42
