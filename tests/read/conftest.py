"""Fixtures: a registry for each test, a clock that only sleeping advances, and the driver of splittable DoFns."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any

import pytest
from fake_service import FakeService

from beam_dis.read.process.registry import Registry
from beam_dis.read.values import RecordRun
from beam_dis.testing import SplittableDoFnDriver


class Now:
    """A clock that only sleeping advances. ``naps`` has the seconds of each sleep."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds


class ImmediateExecutor(Executor):
    """Runs each task when it is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - an executor keeps every exception in the future
            future.set_exception(error)
        return future


class StepDriver(SplittableDoFnDriver):
    """Calls a step, and unpacks the records of the runs that it outputs."""

    def __init__(self, fn: Any, element: Any) -> None:
        super().__init__(fn, element, unpack=_elements)


def _elements(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, RecordRun)) else [value]


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def calls() -> type[SplittableDoFnDriver]:
    """The driver of a step, which unpacks the records of the runs that it outputs."""
    return StepDriver


@pytest.fixture
def registry_on(now: Now) -> Callable[..., Registry]:
    """Creates a registry for a fake service, with the clock ``now``."""

    def make(service: FakeService, executor: Executor | None = None) -> Registry:
        return Registry(lambda _: service, executor=executor or ImmediateExecutor(), clock=now)

    return make


@pytest.fixture(scope="session")
def fake_service() -> Callable[..., FakeService]:
    return FakeService
