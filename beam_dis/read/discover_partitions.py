"""DiscoverPartitions: the step that lists a stream once.

Law: a thin shell on :class:`~beam_dis.read.discovery.Discovery`; live objects are made on the worker.
"""

from __future__ import annotations

from collections.abc import Iterable

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import Lineage

from beam_dis.connection import DISConnection
from beam_dis.read.discovery import Discovery
from beam_dis.read.reader import reader_of
from beam_dis.read.stream_partition import StreamPartition
from beam_dis.read.stream_start import StreamStart


class DiscoverPartitionsFn(beam.DoFn):
    """Stream → its partitions, each with its ends."""

    def __init__(self, connection: DISConnection, discovery: Discovery) -> None:
        self._connection = connection
        self._discovery = discovery
        self._partitions = Metrics.counter("beam_dis.read", "partitions")

    def process(self, element: StreamStart) -> Iterable[StreamPartition]:
        """The partitions of one stream."""
        discovery = self._discovery.starting_at(element.start)
        found = discovery.partitions(reader_of(self._connection).service, element.stream)
        self._partitions.inc(len(found))
        Lineage.sources().add("dis", self._connection.project_id or "", element.stream)
        return found
