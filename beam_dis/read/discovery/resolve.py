"""From positions, as the user gives them, to sequence numbers.

Rules:

1. One listing of the stream decides for all its partitions, so that "latest" is one moment. What the listing doesn't contain
   (a time, a checkpoint) is requested once per partition.
2. A position that can't be read raises before anything is read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from beam_dis.errors import ConfigurationError
from beam_dis.positions import (
    AfterReading,
    AtCheckpoint,
    AtSequenceNumber,
    AtTimestamp,
    Earliest,
    Latest,
    StartingPosition,
    StoppingPosition,
)
from beam_dis.read.values import StreamPartition
from beam_dis.stream_service import PartitionDescription, StreamListing, StreamService

_log = logging.getLogger(__name__)

SKEW_MS = 60_000
"""A user's "now" may be so far ahead of the service's clock, which has whole seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolver:
    """Resolves the partitions of one listing of ``stream``, the name or id that the user gave, for an app or None.

    ``skip_missing`` leaves out chosen partitions that the stream doesn't have.
    """

    service: StreamService
    stream: str
    listing: StreamListing
    app: str | None
    skip_missing: bool = False

    def partitions(
        self, start: StartingPosition, stop: StoppingPosition | None, only: Iterable[str] | None = None
    ) -> Iterator[StreamPartition]:
        """The partitions to read, by number, each with its start and its stop, None if that isn't a number."""
        for partition in self._chosen(only):
            first = self._start(partition, start.at)
            last = (
                None
                if stop is None or isinstance(stop.at, AfterReading)
                else max(first, self._stop(partition, stop.at))
            )
            yield StreamPartition(self.stream, self.listing.stream_id, partition.partition_id, first, last)

    def _chosen(self, only: Iterable[str] | None) -> list[PartitionDescription]:
        readable = {p.partition_id: p for p in self.listing.partitions if p.readable}
        if only is None:
            return list(readable.values())
        missing = [partition_id for partition_id in only if partition_id not in readable]
        if missing and not self.skip_missing:
            raise ConfigurationError(
                f"stream {self.listing.name!r} has no readable partition {missing[0]}: it has {', '.join(readable) or 'none'}"
            )
        for partition_id in missing:
            _log.warning("stream %s is read without partition %s: there is no readable one", self.stream, partition_id)
        return [readable[partition_id] for partition_id in sorted(set(only) - set(missing))]

    def _start(
        self, partition: PartitionDescription, at: Earliest | Latest | AtTimestamp | AtSequenceNumber | AtCheckpoint
    ) -> int:
        match at:
            case Earliest():
                return partition.earliest
            case AtCheckpoint(or_else):
                service, app = self.service, self.app
                committed = None if app is None else service.committed(app, self.stream, partition.partition_id)
                if committed is None:
                    return self._start(partition, or_else.at)
                return self._checked(partition, committed, "the app's checkpoint")
            case AtTimestamp(milliseconds) if milliseconds > self.listing.as_of + SKEW_MS:
                raise ConfigurationError(
                    f"start=at_timestamp({milliseconds} ms) is {(milliseconds - self.listing.as_of) / 1000:.1f} s ahead of "
                    "the service's clock: start at a time that has passed, or at latest()"
                )
            case _:
                return self._number_at(partition, at, "start")

    def _stop(self, partition: PartitionDescription, at: Latest | AtTimestamp | AtSequenceNumber) -> int:
        if isinstance(at, AtTimestamp) and at.milliseconds > self.listing.as_of:
            raise ConfigurationError(
                f"stop=at_timestamp({at.milliseconds} ms) is {(at.milliseconds - self.listing.as_of) / 1000:.1f} s ahead of "
                "the service's clock: a bounded read must know its end, so stop at a time that has passed"
            )
        return self._number_at(partition, at, "stop")

    def _number_at(
        self, partition: PartitionDescription, at: Latest | AtTimestamp | AtSequenceNumber, what: str
    ) -> int:
        match at:
            case Latest():
                return partition.next
            case AtTimestamp(milliseconds):
                return self.service.locate(self.stream, partition.partition_id, milliseconds)
            case AtSequenceNumber(numbers):
                number = dict(numbers).get(partition.partition_id)
                if number is None:
                    raise ConfigurationError(
                        f"{what}=at_sequence_number(…) has no number for {partition.partition_id} of stream "
                        f"{self.listing.name!r}: name all partitions that are read, or choose some with partitions=[…]"
                    )
                return self._checked(partition, number, f"{what}=at_sequence_number(…)")

    def _checked(self, partition: PartitionDescription, number: int, what: str) -> int:
        """The number, unless it is higher than the next one that will be written."""
        if not partition.is_exact and number > 0:
            raise ConfigurationError(
                f"{what} is {number} in {partition.partition_id} of stream {self.listing.name!r}, which has no records now, so"
                " nothing shows whether records from there on have expired: give 0, for what arrives from now on"
            )
        if number > partition.next:
            raise ConfigurationError(
                f"{what} is {number} in {partition.partition_id} of stream {self.listing.name!r}, but the next record "
                f"there will be {partition.next}: the number belongs to another stream, or the stream was recreated"
            )
        return number
