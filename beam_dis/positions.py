"""Where a read starts and where it stops.

Rules:

1. Positions are values: they are pickled with the pipeline, and can be compared.
2. The read turns them into sequence numbers, from one listing of the stream.
3. A stop is exclusive. It is known when the read starts, except ``after``, which ends a read that would have no end.
4. Times are kept in milliseconds since 1970. They are given as ``beam_dis.instants`` says.
5. A position may also be given as text, which is all that YAML and a command line have, or as a datetime, into which YAML turns
   times.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from beam_dis.errors import ConfigurationError
from beam_dis.instants import iso_time, micros_of
from beam_dis.names import canonical_partition_id
from beam_dis.plain_values import plain_value, shown
from beam_dis.wire.ranges import MAX_SEQUENCE_NUMBER

_PLAUSIBLE_MICROS = 2**33 * 1_000_000
"""The year 2242: a number that is a later time was meant in another unit."""


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
class AfterReading:
    """After so many ``records`` of all partitions together, or so many ``seconds``; None if that doesn't matter."""

    records: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class AtCheckpoint:
    """The number that the app committed, or another position in a partition without one."""

    or_else: StartingPosition


@dataclass(frozen=True, slots=True)
class StartingPosition:
    """Where a read starts: make one with the class methods."""

    at: Earliest | Latest | AtTimestamp | AtSequenceNumber | AtCheckpoint

    @classmethod
    def of(cls, given: Any) -> StartingPosition:
        """A position that may be given as text: ``"earliest"``, ``"latest"``, ``"checkpoint"``, or an ISO time.

        Raises:
            ConfigurationError: it is neither a position nor such text nor a datetime.
        """
        if isinstance(given, datetime):
            return cls.at_timestamp(given)
        if not isinstance(given, str):
            if not isinstance(given, cls):
                raise ConfigurationError(f"{given!r} is not a position: use StartingPosition.earliest() or another one")
            return given
        named = {"earliest": cls.earliest, "latest": cls.latest, "checkpoint": cls.checkpoint}
        text = given.strip()
        if text.lower() in named:
            return named[text.lower()]()
        return cls(_at_time(text, "'earliest', 'latest', 'checkpoint'"))

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
        """The first record that arrived at or after a time.

        Args:
            time: an aware datetime, a Beam Timestamp, seconds since 1970, or ISO text such as ``"2026-01-01T00:00Z"``.
        """
        return cls(AtTimestamp(_milliseconds(time)))

    @classmethod
    def at_sequence_number(cls, numbers: Mapping[int | str, int]) -> StartingPosition:
        """A sequence number for each partition that is read, such as ``{0: 17, "shardId-0000000001": 0}``."""
        return cls(AtSequenceNumber(_numbers(numbers)))

    @classmethod
    def checkpoint(cls, or_else: StartingPosition | str | None = None) -> StartingPosition:
        """The position that the read's app last committed; in a partition without one ``or_else``, by default earliest."""
        fallback = cls.earliest() if or_else is None else or_else
        if isinstance(fallback, str) and fallback != "checkpoint":
            fallback = cls.of(fallback)
        if not isinstance(fallback, StartingPosition) or isinstance(fallback.at, AtCheckpoint):
            raise ConfigurationError(
                f"checkpoint(or_else={or_else!r}): give another kind of StartingPosition, such as StartingPosition.latest()"
            )
        return cls(AtCheckpoint(fallback))


@dataclass(frozen=True, slots=True)
class StoppingPosition:
    """Where a bounded read stops, exclusive: make one with the class methods."""

    at: Latest | AtTimestamp | AtSequenceNumber | AfterReading

    @classmethod
    def of(cls, given: Any) -> StoppingPosition:
        """A position that may be given as text: ``"latest"`` or an ISO time.

        Raises:
            ConfigurationError: it is neither a position nor such text nor a datetime.
        """
        if isinstance(given, datetime):
            return cls.at_timestamp(given)
        if not isinstance(given, str):
            if not isinstance(given, cls):
                raise ConfigurationError(f"{given!r} is not a position: use StoppingPosition.latest() or another one")
            return given
        text = given.strip()
        return cls.latest() if text.lower() == "latest" else cls(_at_time(text, "'latest'"))

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

    @classmethod
    def after(cls, *, records: int | None = None, seconds: float | None = None) -> StoppingPosition:
        """After some records or some time, whichever is first: for tests and notebooks.

        The read polls the partitions as an endless read does, so records that arrive meanwhile count too.

        Args:
            records: the most records to read, of all partitions together. If no more arrive, the read waits for them.
            seconds: how long to read, counted from when the read lists the stream.
        """
        if records is None and seconds is None:
            raise ConfigurationError("after() never stops: give records=…, seconds=… or both")
        if records is not None and (not isinstance(records, int) or isinstance(records, bool) or records < 1):
            raise ConfigurationError(f"after(records={records!r}): give an int of 1 or more")
        if seconds is not None and not (
            isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 < seconds < float("inf")
        ):
            raise ConfigurationError(f"after(seconds={seconds!r}): give a number of seconds above 0")
        return cls(AfterReading(records, seconds))


def _milliseconds(time: Any) -> int:
    """Milliseconds since 1970 of a time."""
    try:
        micros = micros_of(time)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(str(error)) from error
    if abs(micros) >= _PLAUSIBLE_MICROS:
        raise ConfigurationError(
            f"{time!r} is not a time of a record: give seconds since 1970; if these are milliseconds, divide by 1000"
        )
    return micros // 1000


def _at_time(text: str, example: str) -> AtTimestamp:
    """The position at ISO text; ``example`` says what else the text may be."""
    if iso_time(text) is None:
        raise ConfigurationError(f"{text!r} is neither {example} nor a time such as '2026-01-01T00:00Z'")
    return AtTimestamp(_milliseconds(text))


def _numbers(numbers: Mapping[int | str, int]) -> tuple[tuple[str, int], ...]:
    if not isinstance(numbers, Mapping) or not numbers:
        raise ConfigurationError(
            f"{numbers!r} is not a dict of partitions and sequence numbers, such as {{0: 17, 1: 0}}"
        )
    named = {}
    for partition, given in numbers.items():
        number = plain_value(given)
        if type(number) is not int or not 0 <= number <= MAX_SEQUENCE_NUMBER:
            raise ConfigurationError(
                f"sequence number {shown(given)} of partition {shown(partition)} is not an int of 0 to {MAX_SEQUENCE_NUMBER}"
            )
        named[canonical_partition_id(partition)] = number
    if len(named) < len(numbers):
        raise ConfigurationError(f"{numbers!r} names a partition twice: give each partition once, as a number or an id")
    return tuple(sorted(named.items()))
