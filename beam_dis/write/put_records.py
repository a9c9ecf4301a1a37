"""The DoFn behind WriteToDIS: Beam's shell around ``BundleWriter``.

Law: configuration travels, the service is opened on the worker. Elements are taken with all their windows at once, so
that an element in three sliding windows is written once; results carry their element's timestamp and windows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics.metric import Lineage, Metrics
from apache_beam.pvalue import TaggedOutput

from beam_dis.connection import DISConnection
from beam_dis.dead_letter import DeadLetter
from beam_dis.services import shared_service
from beam_dis.write.bundle import BundleWriter, Tally, WritePlan
from beam_dis.write.results import Result

WRITTEN = "written"
DEAD_LETTERS = "dead_letters"

_COUNTERS = {"throttled_seconds": "cumulativeThrottlingSeconds"}  # the name that autoscalers know


class PutRecordsFn(beam.DoFn):
    """Writes elements in batches within the bundle; yields WrittenRecord and, tagged, DeadLetter."""

    def __init__(self, plan: WritePlan, connection: DISConnection) -> None:
        self._plan = plan
        self._connection = connection
        self._counters = [Metrics.counter("beam_dis.write", _COUNTERS.get(name, name)) for name in Tally._fields]

    def setup(self) -> None:
        """Open the service on the worker."""
        self._writer = BundleWriter(self._plan, shared_service(self._connection))
        self._held: list[Any] = []

    def start_bundle(self) -> None:
        """Forget what a failed bundle left."""
        self._held.clear()
        self._writer.begin()

    def process(self, element: Any, windowed: Any = beam.DoFn.WindowedValueParam) -> Iterable[Any]:
        """Take one element; yields what is known of earlier ones."""
        results = self._writer.add(windowed)
        if not results:
            return ()
        self._held.extend(_outputs(results))
        if len(windowed.windows) > 1:  # Beam would repeat what is yielded here for each of them
            return ()
        outputs, self._held = self._held, []
        return outputs

    def finish_bundle(self) -> Iterator[Any]:
        """Wait for all that is in flight; yields the rest."""
        results = self._writer.finish()
        self._count()
        yield from self._held
        self._held.clear()
        yield from _outputs(results)

    def teardown(self) -> None:
        """Let the threads go."""
        self._writer.close()

    def _count(self) -> None:
        tally = self._writer.take_tally()
        for counter, count in zip(self._counters, tally, strict=True):
            counter.inc(count)
        if tally.records and isinstance(self._plan.stream, str):
            Lineage.sinks().add("dis", self._connection.project_id or "", self._plan.stream)


def _outputs(results: Iterable[Result]) -> Iterator[Any]:
    for origin, value in results:
        windowed = origin.with_value(value)
        yield TaggedOutput(DEAD_LETTERS, windowed) if isinstance(value, DeadLetter) else windowed
