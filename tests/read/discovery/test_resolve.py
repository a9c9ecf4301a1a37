"""Positions become sequence numbers by one listing, or raise before anything is read."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from beam_dis.errors import ConfigurationError
from beam_dis.positions import StartingPosition, StoppingPosition
from beam_dis.read.discovery.resolve import Resolver
from beam_dis.stream_service import PartitionDescription, StreamListing, WriteLimits

ZERO, ONE, TWO = (f"shardId-000000000{n}" for n in range(3))
LISTING = StreamListing(
    "flights",
    "id",
    "BLOB",
    None,
    ",",
    (
        PartitionDescription(ZERO, 10, 100),
        PartitionDescription(ONE, 0, 0),
        PartitionDescription(TWO, 5, 50, writable=False, readable=False),
    ),
    WriteLimits(1000, 2**20, 2**20),
    as_of=10_000,
)
EARLIEST, LATEST, STOP_LATEST = StartingPosition.earliest(), StartingPosition.latest(), StoppingPosition.latest()


class Answers:
    """A service's times and checkpoints. Partition 0 has a record every 100 ms, and the checkpoint if there is one."""

    def __init__(self, checkpoint: int | None) -> None:
        self.checkpoint = checkpoint

    def locate(self, _stream: str, partition_id: str, milliseconds: int) -> int:
        return milliseconds // 100 if partition_id == ZERO else 0

    def committed(self, _app: str, _stream: str, partition_id: str) -> int | None:
        return self.checkpoint if partition_id == ZERO else None


def ends(
    start: StartingPosition,
    stop: StoppingPosition | None,
    *,
    only: list[str] | None = None,
    committed: int | None = None,
) -> list[tuple[str, int, int | None]]:
    resolver = Resolver(service=Answers(committed), stream="flights", listing=LISTING, app="app")
    return [(p.partition_id, p.start, p.stop) for p in resolver.partitions(start, stop, only)]


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, timezone.utc)


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        (EARLIEST, STOP_LATEST, [(ZERO, 10, 100), (ONE, 0, 0)]),
        (EARLIEST, None, [(ZERO, 10, None), (ONE, 0, None)]),
        (LATEST, STOP_LATEST, [(ZERO, 100, 100), (ONE, 0, 0)]),
        (StartingPosition.at_timestamp(at(2000)), STOP_LATEST, [(ZERO, 20, 100), (ONE, 0, 0)]),
        (EARLIEST, StoppingPosition.at_timestamp(at(3000)), [(ZERO, 10, 30), (ONE, 0, 0)]),
        (StartingPosition.at_sequence_number({0: 17, 1: 0}), STOP_LATEST, [(ZERO, 17, 100), (ONE, 0, 0)]),
        (EARLIEST, StoppingPosition.at_sequence_number({0: 60, ONE: 0}), [(ZERO, 10, 60), (ONE, 0, 0)]),
    ],
)
def test_each_position_becomes_a_number(
    start: StartingPosition, stop: StoppingPosition | None, expected: list[tuple[str, int, int | None]]
) -> None:
    assert ends(start, stop) == expected


def test_the_app_continues_at_checkpoints_and_falls_back_for_each_partition() -> None:
    assert ends(StartingPosition.checkpoint(), STOP_LATEST, committed=40) == [(ZERO, 40, 100), (ONE, 0, 0)]
    assert ends(StartingPosition.checkpoint(LATEST), STOP_LATEST) == [(ZERO, 100, 100), (ONE, 0, 0)]


def test_a_stop_before_the_start_reads_nothing() -> None:
    assert ends(StartingPosition.checkpoint(), StoppingPosition.at_timestamp(at(2000)), committed=40)[0] == (
        ZERO,
        40,
        40,
    )


def test_only_the_chosen_partitions_are_read() -> None:
    assert ends(EARLIEST, STOP_LATEST, only=[ONE]) == [(ONE, 0, 0)]


def test_an_expired_partition_is_not_read_and_choosing_it_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=f"no readable partition {TWO}: it has {ZERO}, {ONE}"):
        ends(EARLIEST, STOP_LATEST, only=[TWO])


def test_a_map_that_leaves_a_partition_out_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=f"has no number for {ONE}.*or choose some with partitions"):
        ends(StartingPosition.at_sequence_number({0: 17}), STOP_LATEST)


def test_a_start_more_than_a_minute_in_the_future_is_an_error() -> None:
    assert ends(StartingPosition.at_timestamp(at(70_000)), None)[0] == (ZERO, 700, None)
    with pytest.raises(ConfigurationError, match=r"start=at_timestamp\(70001 ms\) is 60\.0 s ahead of the service"):
        ends(StartingPosition.at_timestamp(at(70_001)), None)


def test_a_stop_in_the_future_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"is 2\.5 s ahead of the service's clock"):
        ends(EARLIEST, StoppingPosition.at_timestamp(at(12_500)))


def test_a_number_in_a_partition_without_numbers_is_an_error() -> None:
    """A service may not number a partition that has no records; 0 is its first record, whatever number that has."""
    listing = LISTING._replace(partitions=(PartitionDescription(ZERO, 0, 0, is_exact=False),))
    resolver = Resolver(service=Answers(None), stream="flights", listing=listing, app=None)
    with pytest.raises(ConfigurationError, match=r"is 17 in .* which has no records now.*: give 0, for what arrives"):
        list(resolver.partitions(StartingPosition.at_sequence_number({0: 17}), STOP_LATEST))
    (found,) = resolver.partitions(StartingPosition.at_sequence_number({0: 0}), STOP_LATEST)
    assert (found.start, found.stop) == (0, 0)


def test_a_number_that_was_never_written_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match=r"is 101 in .* but the next record there will be 100"):
        ends(EARLIEST, StoppingPosition.at_sequence_number({0: 101, 1: 0}))
    with pytest.raises(ConfigurationError, match="the app's checkpoint is 400"):
        ends(StartingPosition.checkpoint(), STOP_LATEST, committed=400)
