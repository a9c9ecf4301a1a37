"""Where a read starts and where it stops.

Rules:

1. Positions are values: they are pickled with the pipeline, and can be compared.
2. The read turns them into sequence numbers, from one listing of the stream.
3. A stop is exclusive.
4. Times are kept in milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from beam_dis.errors import ConfigurationError
from beam_dis.names import canonical_partition_id
from beam_dis.wire.ranges import MAX_SEQUENCE_NUMBER

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Earliest:
    """The oldest record that a partition has."""


@dataclass(frozen=True, slots=True)
class Latest:
    """After the newest record at the time when the stream is listed."""


@dataclass(frozen=True, slots=True)
class AtTimestamp:
    """The first record that arrived at or after ``milliseconds``."""

    milliseconds: int


@dataclass(frozen=True, slots=True)
class AtSequenceNumber:
    """A sequence number per partition, as pairs of partition id and number in the order of the ids."""

    numbers: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class AtCheckpoint:
    """The number that the app committed, or another position in a partition without one."""

    or_else: StartingPosition


@dataclass(frozen=True, slots=True)
class StartingPosition:
    """Where a read starts: make one with the class methods."""

    at: Earliest | Latest | AtTimestamp | AtSequenceNumber | AtCheckpoint

    @classmethod
    def earliest(cls) -> StartingPosition:
        """The oldest record that each partition still has."""
        return cls(Earliest())

    @classmethod
    def latest(cls) -> StartingPosition:
        """Only records that arrive after the read has listed the stream."""
        return cls(Latest())

    @classmethod
    def at_timestamp(cls, time: Any) -> StartingPosition:
        """The first record that arrived at or after an aware datetime or a Beam Timestamp."""
        return cls(AtTimestamp(_milliseconds(time)))

    @classmethod
    def at_sequence_number(cls, numbers: Mapping[int | str, int]) -> StartingPosition:
        """A sequence number for each partition that is read, such as ``{0: 17, "shardId-0000000001": 0}``."""
        return cls(AtSequenceNumber(_numbers(numbers)))

    @classmethod
    def checkpoint(cls, or_else: StartingPosition | None = None) -> StartingPosition:
        """The position that the read's app last committed; in a partition without one ``or_else``, by default earliest."""
        fallback = cls.earliest() if or_else is None else or_else
        if not isinstance(fallback, StartingPosition) or isinstance(fallback.at, AtCheckpoint):
            raise ConfigurationError(
                f"checkpoint(or_else={or_else!r}): give another kind of StartingPosition, such as StartingPosition.latest()"
            )
        return cls(AtCheckpoint(fallback))


@dataclass(frozen=True, slots=True)
class StoppingPosition:
    """Where a bounded read stops, exclusive: make one with the class methods."""

    at: Latest | AtTimestamp | AtSequenceNumber

    @classmethod
    def latest(cls) -> StoppingPosition:
        """After the newest record at the time when the read lists the stream."""
        return cls(Latest())

    @classmethod
    def at_timestamp(cls, time: Any) -> StoppingPosition:
        """The first record that arrived at or after a time, which must be in the past when the read starts."""
        return cls(AtTimestamp(_milliseconds(time)))

    @classmethod
    def at_sequence_number(cls, numbers: Mapping[int | str, int]) -> StoppingPosition:
        """The first sequence number that isn't read, for each partition that is read."""
        return cls(AtSequenceNumber(_numbers(numbers)))


def _milliseconds(time: Any) -> int:
    """Milliseconds since 1970 of an aware datetime, or of anything with ``micros``, such as Beam's Timestamp."""
    if isinstance(time, datetime):
        if time.tzinfo is None:
            raise ConfigurationError(
                f"{time!r} has no time zone: give an aware datetime, such as datetime(2026, 1, 1, tzinfo=timezone.utc)"
            )
        return (time - _EPOCH) // _MILLISECOND
    micros = getattr(time, "micros", None)
    if isinstance(micros, int):
        return micros // 1000
    raise ConfigurationError(f"{time!r} is neither a datetime nor a Beam Timestamp: give an aware datetime")


def _numbers(numbers: Mapping[int | str, int]) -> tuple[tuple[str, int], ...]:
    if not isinstance(numbers, Mapping) or not numbers:
        raise ConfigurationError(
            f"{numbers!r} is not a dict of partitions and sequence numbers, such as {{0: 17, 1: 0}}"
        )
    for partition, number in numbers.items():
        if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MAX_SEQUENCE_NUMBER:
            raise ConfigurationError(
                f"sequence number {number!r} of partition {partition!r} is not an int of 0 to {MAX_SEQUENCE_NUMBER}"
            )
    named = {canonical_partition_id(partition): number for partition, number in numbers.items()}
    if len(named) < len(numbers):
        raise ConfigurationError(f"{numbers!r} names a partition twice: give each partition once, as a number or an id")
    return tuple(sorted(named.items()))
