"""A registry of the test's own, a clock that only sleeping moves, and a driver that calls steps one by one."""

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
    """A clock that only sleeping moves; ``naps`` are the seconds slept."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.naps: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.seconds += seconds


class AtOnce(Executor):
    """Runs what is submitted at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - as an executor does
            future.set_exception(error)
        return future


class StepDriver(SplittableDoFnDriver):
    """Calls a step, and takes the runs of records that it outputs apart."""

    def __init__(self, fn: Any, element: Any) -> None:
        super().__init__(fn, element, unpack=_elements)


def _elements(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, RecordRun)) else [value]


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def calls() -> type[SplittableDoFnDriver]:
    """The driver of a step, which takes the runs of records that it outputs apart."""
    return StepDriver


@pytest.fixture
def registry_on(now: Now) -> Callable[..., Registry]:
    """Makes a registry of the test's own for a fake service, with a clock that only sleeping moves."""

    def make(service: FakeService, executor: Executor | None = None) -> Registry:
        return Registry(lambda _: service, executor=executor or AtOnce(), clock=now)

    return make


@pytest.fixture(scope="session")
def fake_service() -> Callable[..., FakeService]:
    return FakeService
