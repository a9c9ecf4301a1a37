"""The work of a page doesn't grow with the number of streams, records or partitions. Steps of SQLite's machine are counted, not time."""

from __future__ import annotations

import pytest

from beam_dis.local.store import StreamDefinition, reader

STEP = 20


class Steps:
    """Counts the steps of the database's machine on the connections that read, in units of ``STEP``."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return 0

    def of(self, console, path: str) -> int:
        """The steps of a page, once everything has been read before."""
        assert console(path).status == 200
        before = self.count
        assert console(path).status == 200
        return self.count - before


@pytest.fixture
def steps(monkeypatch) -> Steps:
    counted, original = Steps(), reader.open_reader

    def opened(path):
        connection = original(path)
        connection.set_progress_handler(counted, STEP)
        return connection

    monkeypatch.setattr(reader, "open_reader", opened)
    return counted


def create(console, count: int, first: int = 0) -> None:
    """Streams ``s0000`` …, fifty in a project, in one group of changes."""
    changes = [
        console.store.create_stream(f"p{number // 50}", StreamDefinition(name=f"s{number:04d}", partition_count=1))
        for number in range(first, first + count)
    ]
    for change in changes:
        change.result()


def test_the_page_of_streams_costs_the_same_among_a_thousand(steps, console):
    create(console, 60)
    few = steps.of(console, "/")
    create(console, 940, first=60)
    assert 0 < steps.of(console, "/?page=10") <= 1.1 * few + 5


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/keys",
        "/rates",
        "/records",
        "/records?from=start",
        "/records?from=number&at=1500",
        "/records?from=time&at=2026-01-01+12:00",
        "/records?filter=absent",
        "/records/0/1500",
        "/tail",
        "/put",
    ],
)
def test_a_page_of_a_stream_costs_the_same_with_many_records(steps, console, path):
    stream = console.stream()
    console.put(stream, *[b"0123456789"] * 4_000)
    few = steps.of(console, f"/streams/{stream.stream_id}{path}")
    for _ in range(9):
        console.put(stream, *[b"0123456789"] * 10_000)
    assert steps.of(console, f"/streams/{stream.stream_id}{path}") <= 1.5 * few + 20


def test_the_counts_of_other_streams_and_of_long_ago_are_not_read(steps, console):
    create(console, 50)
    few = steps.of(console, "/")
    for _ in range(20):
        for stream in console.store.streams():
            console.put(stream, b"x")
        console.clock.now += 3600
        console.store.store_usage().result()
    assert steps.of(console, "/") <= 2 * few + 20
