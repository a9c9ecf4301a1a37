"""The positions that the reading steps output: together they cover every number that was claimed."""

from __future__ import annotations

from typing import Any

import pytest

from beam_dis import DISConnection, ReadPositions
from beam_dis.read.decode import PageDecoder
from beam_dis.read.partition.bounded import ReadPartitionFn
from beam_dis.read.values import StreamPartition
from beam_dis.read.watermark.policy import MARGIN_MS

PARTITION = "shardId-0000000000"
MANUAL = {"app": "a", "outputs_positions": True}


def position(start: int, stop: int, origin: int = 0) -> ReadPositions:
    return ReadPositions("a", "flights", "id", PARTITION, start, stop, origin)


def positions(call: Any) -> list[ReadPositions]:
    """The positions that a call output."""
    return [each for each, _ in call.tagged.get("positions", [])]


def test_a_page_has_a_position_with_the_time_of_its_newest_record(two_partitions: Any, polling: Any) -> None:
    call = polling(two_partitions(next_number=5), start=2, **MANUAL).call()
    newest = max(time for _, time in call.elements)
    assert call.tagged["positions"] == [(position(2, 5, 2), newest)]


def test_an_empty_page_has_no_position(two_partitions: Any, polling: Any, now: Any) -> None:
    polls = polling(two_partitions(next_number=5), **MANUAL)
    polls.call()
    now.seconds += 1
    assert positions(polls.call()) == []


def test_expired_numbers_have_a_position(two_partitions: Any, polling: Any) -> None:
    polls = polling(two_partitions(earliest=40), on_expired="earliest", **MANUAL)
    found = positions(polls.call())
    assert (found[0].start, found[-1].stop) == (0, 100)
    assert [each.start for each in found[1:]] == [each.stop for each in found[:-1]]


def test_what_expired_with_its_partition_has_a_position_with_the_watermark_as_time(
    two_partitions: Any, polling: Any, now: Any
) -> None:
    service = two_partitions(next_number=5)
    polls = polling(service, on_expired="latest", start=5, **MANUAL)
    polls.call()
    polls.shared.ends.note_end(polls.residual.element.at(9))
    service.expired, now.seconds = True, now.seconds + 10
    assert polls.call().tagged["positions"] == [(position(5, 9, 5), service.now_ms - MARGIN_MS)]


def test_a_read_without_manual_commits_has_no_positions(two_partitions: Any, polling: Any) -> None:
    assert polling(two_partitions()).call().tagged == {}
    assert polling(two_partitions(), app="a").call().tagged == {}


@pytest.mark.parametrize(("earliest", "stop"), [(0, 100), (40, 90), (40, 30)])
def test_the_positions_of_a_bounded_read_cover_its_whole_range(
    two_partitions: Any, registry_on: Any, calls: Any, earliest: int, stop: int
) -> None:
    """The numbers before ``earliest`` have expired, perhaps all of them."""
    registry = registry_on(two_partitions(earliest=earliest))
    step = ReadPartitionFn(
        DISConnection(endpoint="http://127.0.0.1:1", project_id="p"),
        read_id="r",
        on_expired="earliest",
        decoder=PageDecoder(lambda record: record, dead_letters=False),
        positions_for="a",
        registry=lambda: registry,
    )
    found = positions(calls(step, StreamPartition("flights", "id", PARTITION, 10, stop)).call())
    assert [each.start for each in found] == [10, *(each.stop for each in found[:-1])]
    assert found[-1].stop == stop
    assert {each.origin for each in found} == {10}
