"""Where a read starts and stops, from text to sequence numbers.

Rules:

1. One listing of the stream decides for all its partitions, so that "latest" is one moment.
2. A time that is counted back from now is counted by the service's clock.
3. A stop is exclusive, and has passed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from beam_dis.errors import ConfigurationError
from beam_dis.instants import duration_of, iso_time
from beam_dis.names import canonical_partition_id
from beam_dis.positions import AtTimestamp, Earliest, Latest, StoppingPosition
from beam_dis.stream_service import PartitionDescription, StreamListing, StreamService

MOST_LAST_RECORDS = 100_000
"""The most records that are counted back from the end, because they are kept in memory."""


@dataclass(frozen=True, slots=True)
class Ago:
    """So many milliseconds before the service's present time."""

    milliseconds: int


@dataclass(frozen=True, slots=True)
class LastRecords:
    """The newest ``count`` records of the partitions that are read, all together, by their times of arrival."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What is read of a stream.

    ``stop`` is None for a read without an end. ``partitions`` are ids, None for all that the stream has or gets.
    """

    start: Earliest | Latest | AtTimestamp | Ago | LastRecords
    stop: Latest | AtTimestamp | Ago | None
    partitions: tuple[str, ...] | None = None


class PartitionRange(NamedTuple):
    """The numbers ``[start, stop)`` of a partition."""

    partition_id: str
    start: int
    stop: int


def bounds_of(start: str, stop: str | None, partitions: Iterable[str] = ()) -> Bounds:
    """The bounds that texts name.

    Args:
        start: ``earliest``, ``latest``, a duration such as ``10m``, a time such as ``2026-01-01T00:00Z``, or ``-100``.
        stop: ``latest``, a duration or a time; None for a read without an end.
        partitions: numbers or ids; all if there are none.

    Raises:
        ConfigurationError: a text is something else.
    """
    ids = tuple(sorted({canonical_partition_id(each) for each in partitions}))
    return Bounds(
        start=_start_of(start.strip()), stop=None if stop is None else _stop_of(stop.strip()), partitions=ids or None
    )


def ranges_of(
    service: StreamService,
    stream: str,
    listing: StreamListing,
    bounds: Bounds,
    *,
    each: Callable[[Callable[[Any], int], Sequence[Any]], Iterable[int]] = map,
) -> list[PartitionRange]:
    """The numbers of each partition between the bounds; without a stop up to the end of the listing.

    Args:
        service: finds the numbers of times.
        stream: the name or id that the service knows.
        listing: the stream.
        bounds: the bounds.
        each: calls a function for each partition, perhaps in threads.

    Raises:
        ConfigurationError: the stream has no such partition, or a time is in the future.
    """
    chosen = _chosen(listing, bounds.partitions)

    def number_at(partition: PartitionDescription, at: Any) -> int:
        if isinstance(at, Earliest):
            return partition.earliest
        if isinstance(at, LastRecords):
            return max(partition.earliest, partition.next - at.count)
        if at is None or isinstance(at, Latest):
            return partition.next
        return service.locate(stream, partition.partition_id, _milliseconds(listing, at))

    starts = each(lambda partition: number_at(partition, bounds.start), chosen)
    stops = each(lambda partition: number_at(partition, bounds.stop), chosen)
    return [
        PartitionRange(partition.partition_id, start, max(start, min(partition.next, stop)))
        for partition, start, stop in zip(chosen, starts, stops, strict=True)
    ]


def _milliseconds(listing: StreamListing, at: AtTimestamp | Ago) -> int:
    if isinstance(at, Ago):
        return max(0, listing.time - at.milliseconds)
    ahead = at.milliseconds - listing.time
    if ahead > 60_000:  # a user's clock may differ a little
        raise ConfigurationError(
            f"the time {at.milliseconds} ms is {ahead / 1000:.0f} s ahead of the service's clock: give a time that has passed,"
            " or 'latest'"
        )
    return at.milliseconds


def _chosen(listing: StreamListing, only: tuple[str, ...] | None) -> list[PartitionDescription]:
    readable = {p.partition_id: p for p in listing.partitions if p.readable}
    missing = [partition_id for partition_id in only or () if partition_id not in readable]
    if missing:
        raise ConfigurationError(
            f"stream {listing.name!r} has no readable partition {missing[0]}: it has {', '.join(readable) or 'none'}"
        )
    return list(readable.values()) if only is None else [readable[partition_id] for partition_id in only]


def _start_of(text: str) -> Earliest | Latest | AtTimestamp | Ago | LastRecords:
    if re.fullmatch(r"-\d+", text, re.ASCII):
        count = -int(text)
        if not 1 <= count <= MOST_LAST_RECORDS:
            raise ConfigurationError(f"{text} is not a number of last records: give -1 to -{MOST_LAST_RECORDS}")
        return LastRecords(count)
    ago = _ago(text)
    if ago is not None:
        return ago
    if text.lower() == "earliest":
        return Earliest()
    if text.lower() == "latest":
        return Latest()
    return _position(text, "'earliest', 'latest', a duration such as '10m', a number of last records such as '-100'")


def _stop_of(text: str) -> Latest | AtTimestamp | Ago:
    if text.lower() == "latest":
        return Latest()
    return _ago(text) or _position(text, "'latest', a duration such as '10m'")


def _ago(text: str) -> Ago | None:
    seconds = duration_of(text)
    return None if seconds is None else Ago(int(seconds * 1000))


def _position(text: str, others: str) -> AtTimestamp:
    if iso_time(text) is None:
        raise ConfigurationError(f"{text!r} is neither {others}, nor a time such as '2026-01-01T00:00Z'")
    at = StoppingPosition.of(text).at
    if not isinstance(at, AtTimestamp):
        raise ConfigurationError(f"{text!r} is not a time")
    return at
