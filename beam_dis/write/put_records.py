"""The DoFn of WriteToDIS: Beam's side of ``BundleWriter``.

Rules:
1. The plan and the connection travel to the worker, which opens the service.
2. An element is taken with all its windows at once, so that one in three sliding windows is written once.
3. Results have the timestamp and the windows of their element.
4. The output ``done`` has no elements. Its watermark passes the end of a window once the records of that window are in
   the stream, because a bundle finishes only after all of its records are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import apache_beam as beam
from apache_beam.metrics.metric import Lineage, Metrics
from apache_beam.pvalue import TaggedOutput

from beam_dis.connection import Connection
from beam_dis.dead_letter import DeadLetter
from beam_dis.display import display_items
from beam_dis.request_metrics import CodeCounters, RequestMetrics
from beam_dis.services import shared_service
from beam_dis.stream_service import StreamService
from beam_dis.write.bundle import BundleCounts, BundleWriter, WritePlan
from beam_dis.write.delivery import WriteResult

WRITTEN = "written"
DEAD_LETTERS = "dead_letters"
DONE = "done"

_COUNTERS = {"throttled_seconds": "cumulativeThrottlingSeconds"}  # the name that autoscalers know

ServiceOf = Callable[[Connection], StreamService]


class PutRecordsFn(beam.DoFn):
    """Writes elements in batches within the bundle, without results.

    Args:
        plan: what to write, and how.
        connection: where to; resolved.
        service_of: returns the service of a connection; called on the worker, so it must pickle.
    """

    def __init__(self, plan: WritePlan, connection: Connection, service_of: ServiceOf = shared_service) -> None:
        self._plan = plan
        self._connection = connection
        self._service_of = service_of
        self._counters = [Metrics.counter("beam_dis.write", _COUNTERS.get(name, name)) for name in BundleCounts._fields]
        self._retries = CodeCounters("beam_dis.write", "retries")
        self._requests = RequestMetrics("beam_dis.write")

    def display_data(self) -> dict[str, Any]:
        """The stream, and where it is."""
        stream = self._plan.stream
        return display_items(self._connection, stream=stream if isinstance(stream, str) else stream.function)

    def setup(self) -> None:
        """Open the service."""
        self._writer = BundleWriter(self._plan, self._service_of(self._connection))
        self._outputs: list[Any] = []

    def start_bundle(self) -> None:
        """Discard what a failed bundle left."""
        self._outputs.clear()
        self._writer.begin()

    def process(self, element: Any) -> Iterable[Any]:
        """Add an element to the bundle."""
        self._writer.add(element)
        return ()

    def finish_bundle(self) -> Iterator[Any]:
        """Wait until all records of the bundle are written; yields the remaining results."""
        results = self._writer.finish()
        self._report()
        yield from self._outputs
        self._outputs.clear()
        yield from _outputs(results)

    def teardown(self) -> None:
        """End the threads."""
        self._writer.close()

    def _report(self) -> None:
        for counter, count in zip(self._counters, self._writer.take_counts(), strict=True):
            counter.inc(count)
        self._retries.add(self._writer.take_retries())
        self._requests.report(self._writer.requests)
        for stream in self._writer.take_streams():
            Lineage.sinks().add(self._connection.service, self._connection.account, stream)


class PutRecordsWithResultsFn(PutRecordsFn):
    """The same; yields WrittenRecord and, tagged, DeadLetter.

    It is a DoFn of its own, because Beam takes a microsecond longer for each element whose windows are asked for.
    """

    def process(self, element: Any, windowed: Any = beam.DoFn.WindowedValueParam) -> Iterable[Any]:
        """Add an element to the bundle; yields the results that are known by now."""
        results = self._writer.add(element, windowed)
        if not results:
            return ()
        self._outputs.extend(_outputs(results))
        if len(windowed.windows) > 1:  # Beam would repeat what is yielded here for each of them
            return ()
        outputs, self._outputs = self._outputs, []
        return outputs


def _outputs(results: Iterable[WriteResult]) -> Iterator[Any]:
    for origin, value in results:
        windowed = origin.with_value(value)
        yield TaggedOutput(DEAD_LETTERS, windowed) if isinstance(value, DeadLetter) else windowed
