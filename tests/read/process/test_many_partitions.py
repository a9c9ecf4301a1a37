"""A process that reads 1,000 partitions does the same work, requests and memory for each as one that reads 10.

Lines of the package are counted, each pass of a loop, because times depend on the machine.
"""

from __future__ import annotations

import functools
import tracemalloc
from typing import NamedTuple

import pytest
from many_partitions import PACKAGE, EndlessRead, counted_lines

pytestmark = pytest.mark.long
SECONDS = 2.0
READS = pytest.mark.parametrize(
    "read",
    [
        pytest.param((holds_watermarks, rate), id=f"{runner}-{kind}")
        for runner, holds_watermarks in (("prism", False), ("flink", True))
        for kind, rate in (("idle", 0.0), ("busy", 5.0))
    ],
)


class Cost(NamedTuple):
    """What each partition costs: lines at the start, then in each second, and its bytes of memory."""

    start: float
    lines: float
    requests: float
    records: float
    memory: float


@functools.cache
def cost(count: int, read: tuple[bool, float]) -> Cost:
    """The cost of each of so many partitions."""
    holds_watermarks, rate = read
    tracemalloc.start()
    running = EndlessRead(count, rate=rate, app="a" if rate else None, holds_watermarks=holds_watermarks)
    with counted_lines() as start:
        running.run(0.0)
    running.run(SECONDS)
    snapshot = tracemalloc.take_snapshot().filter_traces(
        [tracemalloc.Filter(inclusive=True, filename_pattern=f"{PACKAGE}/*")]
    )
    tracemalloc.stop()
    requests, records = running.service.total, running.records
    with counted_lines() as lines:
        running.run(SECONDS)
    seconds = count * SECONDS
    return Cost(
        start[0] / count,
        lines[0] / seconds,
        (running.service.total - requests) / seconds,
        (running.records - records) / seconds,
        sum(block.size for block in snapshot.statistics("filename")) / count,
    )


@READS
def test_each_of_1000_partitions_needs_no_more_work_than_each_of_10(read: tuple[bool, float]) -> None:
    assert cost(100, read).lines < 1.05 * cost(10, read).lines
    assert cost(1000, read).lines < 1.05 * cost(10, read).lines
    assert cost(1000, read).start < 1.05 * cost(10, read).start


@READS
def test_each_of_1000_partitions_takes_no_more_memory_than_each_of_10(read: tuple[bool, float]) -> None:
    assert cost(1000, read).memory < 1.1 * cost(100, read).memory < 1.1 * cost(10, read).memory
    assert cost(1000, read).memory < 3000


@READS
def test_each_of_1000_partitions_is_polled_as_often_as_each_of_10(read: tuple[bool, float]) -> None:
    assert cost(1000, read).requests == pytest.approx(cost(10, read).requests, rel=0.1)
    assert cost(1000, read).records == cost(10, read).records == read[1]
