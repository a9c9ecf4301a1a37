"""From a stream's name to the partitions to read.

Law: one listing, all positions. A stop in the service's present second is waited out, since its clock is told in whole
seconds and the end of a bounded read must have passed. The app is made if it is missing, and only then asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from beam_dis.positions import AtTimestamp, StartingPosition, StoppingPosition
from beam_dis.read.resolve import Resolver
from beam_dis.read.stream_partition import StreamPartition
from beam_dis.stream_service import StreamListing, StreamService

_CLOCK_MS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What to look for in a stream."""

    start: StartingPosition
    stop: StoppingPosition | None
    only: tuple[str, ...] | None
    app: str | None

    def partitions(
        self, service: StreamService, stream: str, *, sleep: Callable[[float], None] = time.sleep
    ) -> list[StreamPartition]:
        """The partitions of a stream, by number, with their ends resolved."""
        return self.resolved(service, stream, self._listed(service, stream, sleep))

    def starting_at(self, start: StartingPosition | None) -> Discovery:
        """The same with another start, if one is given."""
        return self if start is None else replace(self, start=start)

    def resolved(
        self,
        service: StreamService,
        stream: str,
        listing: StreamListing,
        among: Collection[str] | None = None,
    ) -> list[StreamPartition]:
        """The partitions of a listing with their ends resolved; of those ``among`` some only, if given."""
        if among is not None and not among:
            return []
        app = self.app
        if app is not None:
            service.ensure_app(app)
        resolver = Resolver(
            stream=stream,
            listing=listing,
            locate=lambda partition_id, milliseconds: service.locate(stream, partition_id, milliseconds),
            committed=lambda partition_id: None if app is None else service.committed(app, stream, partition_id),
        )
        if among is None:
            return list(resolver.partitions(self.start, self.stop, self.only))
        only = [p.partition_id for p in listing.partitions if p.partition_id in among and self._wants(p.partition_id)]
        return list(resolver.partitions(self.start, self.stop, only))

    def _wants(self, partition_id: str) -> bool:
        return self.only is None or partition_id in self.only

    def _listed(self, service: StreamService, stream: str, sleep: Callable[[float], None]) -> StreamListing:
        listing = service.describe(stream)
        if self.stop is not None and isinstance(self.stop.at, AtTimestamp):
            ahead = self.stop.at.milliseconds - listing.as_of
            if 0 < ahead <= _CLOCK_MS:
                sleep((ahead + _CLOCK_MS) / 1000)
                return service.describe(stream)
        return listing
