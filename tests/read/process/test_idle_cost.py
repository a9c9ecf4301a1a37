"""A poll of an idle partition costs little more than its HTTP request.

The steps run without a runner and send real requests, on a clock that only advances to the next call. CPU time is measured in the
thread that polls, and only compared with CPU time of the same run.
"""

from __future__ import annotations

import cProfile
import pstats
import time
from collections.abc import Iterator
from typing import Any

import pytest
from many_partitions import PACKAGE, STREAM, EndlessRead, counted_lines

from beam_dis import DISClient
from beam_dis.local import LocalDIS
from beam_dis.services import shared_service

pytestmark = pytest.mark.integration
PARTITIONS = 50
SECONDS = 4.0


@pytest.fixture(scope="module")
def idle_read() -> Iterator[EndlessRead]:
    """A read of idle partitions that has polled each of them."""
    with LocalDIS() as dis:
        with DISClient(dis.connection) as client:
            client.create_stream(STREAM, partition_count=PARTITIONS)
        read = EndlessRead(PARTITIONS, service=shared_service(dis.connection))
        read.run(2.0)
        yield read


def test_most_of_the_cpu_time_of_an_idle_poll_is_not_the_packages(idle_read: EndlessRead) -> None:
    calls, profile = idle_read.calls, cProfile.Profile(time.thread_time)
    profile.runcall(idle_read.run, SECONDS)
    assert idle_read.calls - calls >= PARTITIONS * SECONDS
    assert own_share(profile) < 0.45


def own_share(profile: cProfile.Profile) -> float:
    """The part of the time that was spent in functions of the package, not counting what they call."""
    functions: dict[tuple[str, int, str], Any] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    spent = {function: row[2] for function, row in functions.items()}
    return sum(seconds for (file, _, _), seconds in spent.items() if file.startswith(PACKAGE)) / sum(spent.values())


def test_an_idle_poll_runs_less_than_900_lines_of_the_package(idle_read: EndlessRead) -> None:
    calls = idle_read.calls
    with counted_lines() as lines:
        idle_read.run(SECONDS)
    assert lines[0] / (idle_read.calls - calls) < 900
