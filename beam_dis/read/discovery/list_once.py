"""Lists a stream, and finds where to read each partition.

Rules:

1. One listing decides for all partitions.
2. A stop in the service's present second is waited for, because the clock has whole seconds and the end of a bounded read
   must have passed.
3. The app is created unless it exists, and asked only then.
4. Failures that may pass are waited out, see ``beam_dis.outages``. A stream that isn't there fails the read, or is skipped.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import Lineage

from beam_dis.connection import Connection
from beam_dis.errors import DISError, StreamRecreatedError
from beam_dis.outages import FailureSeries, is_missing
from beam_dis.positions import AtTimestamp, StartingPosition, StoppingPosition
from beam_dis.read.discovery.resolve import Resolver
from beam_dis.read.process.registry import Registry, this_process
from beam_dis.read.process.stream_claims import StreamClaims
from beam_dis.read.values import KnownPartitions, StreamPartition, StreamStart
from beam_dis.request_counts import RequestCounts
from beam_dis.request_metrics import RequestMetrics
from beam_dis.stream_service import StreamListing, StreamService

_CLOCK_MS = 1000
_LONGEST_PAUSE = 5.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """What to look for in a stream: the start and stop of its partitions, ``only`` some of them, for an app.

    ``on_missing`` is "fail", or "skip" to go on without a stream or a partition that isn't there.
    """

    start: StartingPosition
    stop: StoppingPosition | None
    only: tuple[str, ...] | None
    app: str | None
    on_missing: str = "fail"

    def skips(self, error: DISError) -> bool:
        """Whether to go on without the stream that an error says is missing."""
        return self.on_missing == "skip" and is_missing(error)

    def listing(
        self, describe: Callable[[str], StreamListing], stream: str, *, sleep: Callable[[float], None] = time.sleep
    ) -> StreamListing:
        """List a stream, after the stop if that is in the service's present second."""
        listing = describe(stream)
        if self.stop is not None and isinstance(self.stop.at, AtTimestamp):
            ahead = self.stop.at.milliseconds - listing.as_of
            if 0 < ahead <= _CLOCK_MS:
                sleep((ahead + _CLOCK_MS) / 1000)
                listing = describe(stream)
        return listing

    def starting_at(self, start: StartingPosition | None) -> Discovery:
        """The same with another start, unless that is None."""
        return self if start is None else replace(self, start=start)

    def resolve(
        self,
        service: StreamService,
        stream: str,
        listing: StreamListing,
        among: Collection[str] | None = None,
    ) -> list[StreamPartition]:
        """Resolve the partitions of a listing; ``among`` narrows them down."""
        if among is not None and not among:
            return []
        if self.app is not None:
            service.ensure_app(self.app)
        only: Iterable[str] | None = self.only
        if among is not None:
            only = [
                p.partition_id
                for p in listing.partitions
                if p.partition_id in among and (self.only is None or p.partition_id in self.only)
            ]
        resolver = Resolver(
            service=service, stream=stream, listing=listing, app=self.app, skip_missing=self.on_missing == "skip"
        )
        return list(resolver.partitions(self.start, self.stop, only))

    def new_partitions(
        self, service: StreamService, element: StreamStart, listing: StreamListing, known: KnownPartitions
    ) -> tuple[list[StreamPartition], KnownPartitions]:
        """The partitions of a listing that aren't known yet, and what is known with them.

        Those of the first listing start where the user said, later ones at their earliest record.

        Raises:
            StreamRecreatedError: the stream isn't the one that is known.
        """
        stream = element.stream
        if known.stream_id not in ("", listing.stream_id):
            raise StreamRecreatedError(
                f"stream {stream!r} was deleted and recreated while it was read: its sequence numbers start over. "
                "Start a new pipeline to read the new stream"
            )
        new = known.new(listing.partitions)
        if known.stream_id == "":
            found = self.starting_at(element.start).resolve(service, stream, listing)
        else:
            found = self.starting_at(StartingPosition.earliest()).resolve(service, stream, listing, among=new)
        return found, known.after(listing.stream_id, new)


def log_start(stream: str, found: list[StreamPartition], connection: Connection, app: str | None) -> None:
    """Log which partitions a read starts to read."""
    _log.info(
        "reading %d partition%s of %s from %s%s",
        len(found),
        "" if len(found) == 1 else "s",
        stream,
        connection.endpoint,
        f", app {app}" if app else "",
    )


class DiscoverPartitionsFn(beam.DoFn):
    """Stream → its partitions, from one listing."""

    def __init__(
        self,
        connection: Connection,
        discovery: Discovery,
        *,
        registry: Callable[[], Registry] = this_process,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._discovery = discovery
        self._registry = registry
        self._clock = clock
        self._sleep = sleep
        self._partitions = Metrics.counter("beam_dis.read", "partitions")
        self._missing = Metrics.counter("beam_dis.read", "missing_streams")
        self._metrics = RequestMetrics("beam_dis.read")

    def setup(self) -> None:
        self._requests = RequestCounts()
        self._shared = self._registry().enter_connection(self._connection, self)

    def teardown(self) -> None:
        self._registry().leave(self)

    def start_bundle(self) -> None:
        """Forget who claimed streams, because a bundle that failed comes again."""
        self._claims = StreamClaims()

    def process(self, element: StreamStart) -> Iterable[StreamPartition]:
        """List one stream."""
        stream = element.stream
        try:
            with self._requests.counting():
                found = self._partitions_of(element)
        except DISError as error:
            if not self._discovery.skips(error):
                raise
            self._missing.inc()
            _log.warning("stream %s is skipped: %s", stream, error)
            return []
        finally:
            self._metrics.report(self._requests)
        if self._discovery.app is not None and found:
            self._claims.claim(element, found[0].stream_id, self._discovery.app)
        self._partitions.inc(len(found))
        log_start(stream, found, self._connection, self._discovery.app)
        Lineage.sources().add(self._connection.service, self._connection.account, stream)
        return [partition._replace(input_id=element.input_id) for partition in found]

    def _partitions_of(self, element: StreamStart) -> list[StreamPartition]:
        discovery, stream = self._discovery.starting_at(element.start), element.stream
        failures = FailureSeries(endless=discovery.stop is None, longest_pause=_LONGEST_PAUSE, clock=self._clock)
        listed = False
        while True:
            began = self._clock()
            try:
                listing = discovery.listing(self._shared.describe, stream, sleep=self._sleep)
                listed = True
                found = discovery.resolve(self._shared.service, stream, listing)
            except DISError as error:
                self._shared.note_failure(stream, "listing", error)
                pause = failures.pause_after(error, worked=listed, took=self._clock() - began)
                if pause is None:
                    raise
                self._sleep(pause)
            else:
                self._shared.note_success(stream, "listing")
                return found
