"""The values of a read: elements, restrictions and states, as plain Python.

Rules:

1. Runners store these values, so their encodings are versioned in ``state``, and none is falsy: runners drop falsy residuals.
2. Sequence numbers are absolute, watermarks are milliseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby, repeat
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from beam_dis.errors import ConfigurationError
from beam_dis.positions import AtCheckpoint, AtSequenceNumber, AtTimestamp, Earliest, Latest, StartingPosition
from beam_dis.record import DISRecord
from beam_dis.stream_service import PageRecord, PartitionDescription, ReadPosition
from beam_dis.wire.limits import STREAM_NAME

MICROS_PER_MILLI = 1000
START_OF_TIME_MS = -(2**53)
LAST_NUMBER = 2**63 - 1
"""The highest sequence number; to claim it ends an endless range."""

_timestamp = attrgetter("timestamp")


@dataclass(frozen=True, slots=True)
class SequenceRange:
    """A restriction: the sequence numbers ``start <= n < stop``; all from ``start`` on if ``stop`` is None."""

    start: int
    stop: int | None

    def __post_init__(self) -> None:
        if self.start < 0 or (self.stop is not None and self.stop < self.start):
            raise ValueError(f"{self} is not a range: it needs 0 <= start <= stop")

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"[{self.start}, {'…' if self.stop is None else self.stop})"

    @property
    def size(self) -> int | None:
        """How many numbers there are; None without an end."""
        return None if self.stop is None else self.stop - self.start

    def contains(self, sequence_number: int) -> bool:
        """Whether a number belongs to the range."""
        return self.start <= sequence_number and (self.stop is None or sequence_number < self.stop)

    def split_at(self, sequence_number: int) -> tuple[SequenceRange, SequenceRange]:
        """The part below a number, and the part from it on."""
        return SequenceRange(self.start, sequence_number), SequenceRange(sequence_number, self.stop)

    def chunks(self, size: int) -> Iterator[SequenceRange]:
        """The range in parts of ``size`` numbers, the last one smaller; an empty or endless range stays whole."""
        if self.stop is None or self.stop - self.start <= size:
            yield self
            return
        for start in range(self.start, self.stop, size):
            yield SequenceRange(start, min(start + size, self.stop))


class StreamPartition(NamedTuple):
    """The element of the source: one partition, with sequence numbers ``start`` to ``stop`` (exclusive; None without an end).

    ``stream`` is the name or id that the user gave; ``stream_id`` tells the stream from one that is recreated under its name.
    ``input_id`` is the StreamStart's.
    """

    stream: str
    stream_id: str
    partition_id: str
    start: int
    stop: int | None
    input_id: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Tells apart the partitions of a read: a stream that is in its input twice is read twice."""
        return self.stream_id, self.partition_id, self.input_id

    @property
    def range(self) -> SequenceRange:
        """The numbers to read."""
        return SequenceRange(self.start, self.stop)

    def at(self, sequence_number: int) -> ReadPosition:
        """A position in the partition."""
        return ReadPosition(self.stream, self.stream_id, self.partition_id, sequence_number)


@dataclass(frozen=True, slots=True)
class KnownPartitions:
    """The restriction of an endless discovery: the partitions of a stream that were already output.

    A partition is output once, when it is first seen readable, and is never forgotten, so that a restarted job starts no
    second reader. One that expires keeps its reader, which continues if the partition is restored. ``stream_id`` is "" before
    the first listing; ``over`` is True once another call continues the discovery.
    """

    stream_id: str = ""
    partitions: tuple[str, ...] = ()
    over: bool = False

    def __bool__(self) -> bool:
        return True

    def new(self, listed: tuple[PartitionDescription, ...]) -> frozenset[str]:
        """The partitions of a listing that were not output yet."""
        return frozenset(p.partition_id for p in listed if p.readable) - frozenset(self.partitions)

    def after(self, stream_id: str, new: frozenset[str]) -> KnownPartitions:
        """The same once some more were output."""
        return replace(self, stream_id=stream_id, partitions=tuple(sorted({*self.partitions, *new})))


class ReadPositions(NamedTuple):
    """A part of a partition that a read has read: the sequence numbers ``start`` to ``stop`` (exclusive).

    A read with ``commit="manual"`` outputs one for each page, and one for numbers without records. Together they cover what it
    has read, without a gap. ``origin`` is the number at which the read began the partition. ``stream`` is the name or id that
    the user gave; ``stream_id`` tells the stream from one that is recreated under its name.
    """

    app: str
    stream: str
    stream_id: str
    partition_id: str
    start: int
    stop: int
    origin: int


class WatermarkState(NamedTuple):
    """How far a partition itself has come, and the watermark that was reported for it; both in ms."""

    own: int
    reported: int


class RecordRun(msgspec.Struct, frozen=True):
    """Consecutive records of a partition with one arrival time: an output of ReadPartition.

    Records of one put share their arrival time, so a page is a few runs, and a timestamp is attached to each run instead of to
    each record. DISRecords are made one at a time: a page of tuples would keep the garbage collector busy.
    """

    stream: str
    partition_id: str
    records: list[PageRecord]

    def __iter__(self) -> Iterator[DISRecord]:
        return map(PageRecord.at, self.records, repeat(self.stream), repeat(self.partition_id))

    def by_time(self, milliseconds: int = 1) -> Iterator[tuple[int, RecordRun]]:
        """``(arrival time in ms, run)`` for neighbours that arrived within the same so many milliseconds, in order.

        The time is that of the first record.
        """
        span = _timestamp if milliseconds == 1 else lambda record: _timestamp(record) // milliseconds
        for _, records in groupby(self.records, key=span):
            run = list(records)
            yield run[0].timestamp, RecordRun(self.stream, self.partition_id, run)


class PagePart(NamedTuple):
    """A page of a partition or a part of one, on its way to the worker that decodes it; only with ``redistribute``.

    ``runs`` has the time of each run in µs, and its records.
    """

    stream: str
    partition_id: str
    runs: tuple[tuple[int, list[PageRecord]], ...]


class StreamStart(NamedTuple):
    """A stream to read, by name or id, and where to start; ``start`` None means the start of the whole read.

    ``input_id`` tells apart the elements of ReadAllFromDIS's input, which may name one stream twice; "" for ReadFromDIS.
    """

    stream: str
    start: StartingPosition | None = None
    input_id: str = ""

    @property
    def listing_key(self) -> tuple[str, str, str]:
        """Tells the listings for this element from those for others, and from partitions."""
        return "listing", self.stream, self.input_id


def stream_start(element: Any) -> StreamStart:
    """An element of ReadAllFromDIS's input: a stream's name, or ``(name, start)``."""
    stream, start = element if isinstance(element, tuple) and len(element) == 2 else (element, None)
    if not isinstance(stream, str) or not STREAM_NAME.fullmatch(stream):
        raise ConfigurationError(f"{element!r} is neither the name or the id of a stream nor (name, StartingPosition)")
    try:
        return StreamStart(stream, None if start is None else StartingPosition.of(start))
    except ConfigurationError as error:
        raise ConfigurationError(f"the start of stream {stream!r}: {error}") from error


def position_fields(start: StartingPosition | None) -> list[Any]:
    """A position as plain values: its kind, then its contents. ``position_of`` is the inverse."""
    if start is None:
        return []
    match start.at:
        case AtTimestamp(milliseconds):
            return ["at_timestamp", milliseconds]
        case AtSequenceNumber(numbers):
            return ["at_sequence_number", [list(pair) for pair in numbers]]
        case AtCheckpoint(or_else):
            return ["checkpoint", position_fields(or_else)]
        case Earliest():
            return ["earliest"]
        case Latest():
            return ["latest"]


def position_of(values: list[Any]) -> StartingPosition | None:
    """The position of some plain values."""
    match values:
        case []:
            return None
        case ["earliest"]:
            return StartingPosition.earliest()
        case ["latest"]:
            return StartingPosition.latest()
        case ["at_timestamp", milliseconds]:
            return StartingPosition(AtTimestamp(milliseconds))
        case ["at_sequence_number", numbers]:
            return StartingPosition(AtSequenceNumber(tuple((partition, number) for partition, number in numbers)))
        case ["checkpoint", or_else]:
            return StartingPosition.checkpoint(position_of(or_else))
    raise ValueError(f"{values!r} is no starting position that this release knows")
