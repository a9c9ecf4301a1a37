"""DiscoverPartitions without an end: the step that lists a stream again and again.

Law: every partition is handed out once, also over a restart of the job; the first listing starts where the
user said, partitions that appear later at their earliest record. The watermark is the service's clock at the last listing
that succeeded, since it holds back all that is behind it; so a listing that fails is tried again, never fatal. Where the
runner doesn't hold it back, the read's board does: it has the listing's watermark, and each partition that was found from
before it is handed out. A stream is listed once per interval, also where the runner ignores the delay. One made anew under
the same name ends the pipeline: its numbers are others.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import Lineage
from apache_beam.transforms.core import RestrictionProvider
from apache_beam.utils.timestamp import Duration

from beam_dis.connection import DISConnection
from beam_dis.errors import TRANSIENT, StreamNotFoundError
from beam_dis.positions import StartingPosition
from beam_dis.read.discovery import Discovery
from beam_dis.read.estimator import ForwardWatermarkProvider
from beam_dis.read.known_partitions import KnownPartitions
from beam_dis.read.reader import Reader, reader_of
from beam_dis.read.state_coders import KnownPartitionsCoder
from beam_dis.read.stream_partition import StreamPartition
from beam_dis.read.stream_start import StreamStart
from beam_dis.read.vigil import PATIENCE_SECONDS
from beam_dis.read.watch_tracker import WatchTracker
from beam_dis.read.watermark import WatermarkBoard

_log = logging.getLogger(__name__)

_LATER = StartingPosition.earliest()


class WatchPartitionsFn(beam.DoFn, RestrictionProvider):
    """Stream → its partitions, as they come."""

    def __init__(
        self,
        connection: DISConnection,
        discovery: Discovery,
        interval: float,
        *,
        read: str,
        holds: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._discovery = discovery
        self._interval = interval
        self._read = read
        self._holds = holds
        self._sleep = sleep
        self._partitions = Metrics.counter("beam_dis.read", "partitions")

    def initial_restriction(self, element: StreamStart) -> KnownPartitions:
        """Nothing is known."""
        return KnownPartitions()

    def create_tracker(self, restriction: KnownPartitions) -> WatchTracker:
        """A tracker that goes on from what is known."""
        return WatchTracker(restriction)

    def restriction_size(self, element: StreamStart, restriction: KnownPartitions) -> float:
        """A listing is nothing to wait for."""
        return 0.0

    def restriction_coder(self) -> KnownPartitionsCoder:
        """Our own, versioned."""
        return KnownPartitionsCoder()

    def truncate(self, element: StreamStart, restriction: KnownPartitions) -> None:
        """A drain ends the watch."""

    @beam.DoFn.unbounded_per_element()  # type: ignore[untyped-decorator]
    def process(
        self,
        element: StreamStart,
        tracker: Any = beam.DoFn.RestrictionParam(),  # noqa: B008 - Beam reads parameters from defaults
        estimator: Any = beam.DoFn.WatermarkEstimatorParam(ForwardWatermarkProvider()),  # noqa: B008 - as above
    ) -> Iterator[StreamPartition]:
        """What a listing shows that hasn't been handed out."""
        reader, listing = reader_of(self._connection), (self._read, "listing", element.stream)
        pause = reader.guard.not_due(listing, self._sleep)
        if not pause:
            board = reader.board(self._read, math.inf) if self._holds else WatermarkBoard()
            board.enter(listing, estimator.own())
            try:
                yield from self._found(reader, element, tracker, estimator, board)
                board.enter(listing, estimator.own())  # at once: each partition that was found is on the board
            finally:
                board.leave(listing)
            pause = self._interval
            reader.guard.rest(listing, pause)
        tracker.defer_remainder(Duration(seconds=pause))

    def _found(
        self, reader: Reader, element: StreamStart, tracker: Any, estimator: Any, board: WatermarkBoard
    ) -> Iterator[StreamPartition]:
        """What a listing shows that hasn't been handed out, each on the board before anybody can read it."""
        try:
            found, known, as_of = self._looked(reader, element, tracker.current_restriction())
        except TRANSIENT as error:
            _log.warning("stream %s was not listed, and will be in %s s: %s", element.stream, self._interval, error)
            return
        if tracker.try_claim(known):
            self._watch_over(reader, element.stream, found)
            reader.ahead.forget_idle()
            for partition in found:
                board.expect((partition.stream_id, partition.partition_id))
                reader.ahead.expect(partition.at(partition.start))
            yield from found
            estimator.advance(as_of, as_of)

    def _watch_over(self, reader: Reader, stream: str, found: list[StreamPartition]) -> None:
        if found:
            reader.vigil.found(self._read)
        if reader.vigil.overdue(self._read):
            _log.error(
                "stream %s: partitions were found %.0f s ago, and this process has read none of them. If no other worker"
                " reads them either, the runner doesn't run what stands behind the discovery: look at its log, and see"
                " that it has a free slot for each step. DirectRunner may have taken FnApiRunner: use --runner=PrismRunner",
                stream,
                PATIENCE_SECONDS,
            )

    def _looked(
        self, reader: Reader, element: StreamStart, known: KnownPartitions
    ) -> tuple[list[StreamPartition], KnownPartitions, int]:
        stream = element.stream
        listing = reader.listing(stream)
        if known.stream_id not in ("", listing.stream_id):
            raise StreamNotFoundError(
                f"stream {stream!r} was deleted and made anew while it was read: its records have other numbers. "
                "Start a new pipeline to read the new stream"
            )
        new = known.new(listing.partitions)
        if known.stream_id == "":
            found = self._discovery.starting_at(element.start).resolved(reader.service, stream, listing)
            Lineage.sources().add("dis", self._connection.project_id or "", stream)
        else:
            found = self._discovery.starting_at(_LATER).resolved(reader.service, stream, listing, among=new)
        self._partitions.inc(len(found))
        return found, known.after(listing.stream_id, new), listing.as_of
