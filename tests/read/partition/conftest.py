"""Fixtures for the endless step: a fake service with two partitions, and a driver that polls one of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
from fake_service import FakeService

from beam_dis.connection import DISConnection
from beam_dis.read.decode import PageDecoder
from beam_dis.read.partition.endless import PollPartitionFn, PollPartitionForAppFn
from beam_dis.read.values import StreamPartition
from beam_dis.read.watermark.event_time import RunTimes
from beam_dis.read.watermark.policy import WatermarkPolicy

CONNECTION = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")


@pytest.fixture
def two_partitions() -> Callable[..., FakeService]:
    """Creates a service whose stream has two partitions, which hold the same numbers."""
    return functools.partial(FakeService, partitions=2)


@pytest.fixture
def polling(registry_on: Any, calls: Any, now: Any) -> Callable[..., Any]:
    """Creates a driver of the endless step for one partition: ``polling(service, start=0, name=..., app=...)``.

    The driver's ``shared`` is the state of the connection. Without a ``registry`` of the test's, each driver has its own.
    """

    def make(
        service: Any,
        *,
        start: int = 0,
        name: str = "shardId-0000000000",
        stream_id: str = "id",
        input_id: str = "",
        registry: Any = None,
        lag_ms: int = 0,
        decode: Callable[[Any], Any] = lambda record: record,
        dead_letters: bool = False,
        event_micros: Any = None,
        **options: Any,
    ) -> Any:
        registry = registry or registry_on(service)
        times = RunTimes(
            policy=WatermarkPolicy(lag_ms), decoder=PageDecoder(decode, dead_letters), event_micros=event_micros
        )
        settings = {
            "read_id": "r",
            "on_expired": "fail",
            "poll_interval": 1.0,
            "listing_interval": 0.5,
            **options,
        }
        step = PollPartitionForAppFn if "app" in options and not options.get("outputs_positions") else PollPartitionFn
        fn = step(CONNECTION, times=times, registry=lambda: registry, clock=now, sleep=now.sleep, **settings)
        driver = calls(fn, StreamPartition("flights", stream_id, name, start, None, input_id))
        driver.shared = registry.enter_connection(CONNECTION, driver)
        return driver

    return make
