"""``/metrics``: what happens to streams, for Prometheus, in its text format.

Rules:

1. Counters are totals since a stream was created; they are stored first, so that they never go back, also not after a crash.
2. With keys a request needs the token of a caller, as ``Authorization: Bearer …`` or ``X-Auth-Token``. A caller with a project sees
   that project only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from beam_dis.local.store import WHOLE_STREAM, Store, Stream, Usage
from beam_dis.wire.streams import ACTIVE, DELETED, EXPIRED

CONTENT_TYPE = CONTENT_TYPE_LATEST


class _Counter(NamedTuple):
    """A counter: its name, what it counts, and its value in the totals of a partition or of a stream."""

    name: str
    text: str
    value: Callable[[Usage], float]


_OF_PARTITIONS = (
    _Counter("beam_dis_put_records", "Records that were put.", lambda usage: usage.put_records),
    _Counter("beam_dis_put_bytes", "Bytes of data that were put.", lambda usage: usage.put_bytes),
    _Counter("beam_dis_get_records", "Records that were read.", lambda usage: usage.get_records),
    _Counter("beam_dis_get_bytes", "Bytes of data that were read.", lambda usage: usage.get_bytes),
)
_OF_STREAMS = (
    _Counter("beam_dis_put_requests", "Puts that stored a record.", lambda usage: usage.puts),
    _Counter("beam_dis_put_seconds", "Seconds that these puts took.", lambda usage: usage.put_us / 1e6),
    _Counter("beam_dis_throttled_put_requests", "Puts that were throttled.", lambda usage: usage.throttled_puts),
    _Counter("beam_dis_get_requests", "Pages that were read.", lambda usage: usage.gets),
    _Counter("beam_dis_get_seconds", "Seconds that these pages took.", lambda usage: usage.get_us / 1e6),
    _Counter("beam_dis_throttled_get_requests", "Reads that were throttled.", lambda usage: usage.throttled_gets),
)
_STREAM, _PARTITION = ("project", "stream"), ("project", "stream", "partition")


def exposition(store: Store, project: str | None) -> bytes:
    """The metrics of a project's streams, or of all streams, as text. Blocking."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_StreamCollector(store, project))
    return generate_latest(registry)


class _StreamCollector(Collector):
    """Collects the metrics of streams from the store."""

    def __init__(self, store: Store, project: str | None) -> None:
        self._store = store
        self._project = project

    def collect(self) -> Iterator[Metric]:
        """The metrics with their values."""
        totals = self._store.usage_totals()
        streams = [(stream, totals.get(stream.row, {})) for stream in self._store.streams(self._project)]
        for counter in _OF_PARTITIONS:
            family = CounterMetricFamily(counter.name, counter.text, labels=_PARTITION)
            for stream, usage in streams:
                _add_partitions(family, counter, stream, usage)
            yield family
        for counter in _OF_STREAMS:
            family = CounterMetricFamily(counter.name, counter.text, labels=_STREAM)
            for stream, usage in streams:
                family.add_metric((stream.project, stream.name), counter.value(usage.get(WHOLE_STREAM, Usage())))
            yield family
        yield self._partitions([stream for stream, _ in streams])
        yield self._behind([stream for stream, _ in streams])

    def _partitions(self, streams: list[Stream]) -> Metric:
        family = GaugeMetricFamily("beam_dis_partitions", "Partitions by their status.", labels=(*_STREAM, "status"))
        for stream in streams:
            statuses = [partition.status for partition in stream.partitions]
            for status in (ACTIVE, DELETED, EXPIRED):
                family.add_metric((stream.project, stream.name, status), statuses.count(status))
        return family

    def _behind(self, streams: list[Stream]) -> Metric:
        family = GaugeMetricFamily(
            "beam_dis_app_records_behind",
            "Records that an app hasn't committed yet, in the partitions in which it has a checkpoint.",
            labels=("project", "app", "stream", "partition"),
        )
        by_id = {stream.stream_id: stream for stream in self._store.streams()}
        for project in sorted({stream.project for stream in streams}):
            for app in self._store.apps(project):
                for (stream_id, number), checkpoint in sorted(self._store.checkpoints(project, app).items()):
                    partition = by_id[stream_id].partition(number) if stream_id in by_id else None
                    if partition is not None:
                        behind = max(0, partition.next - max(checkpoint.sequence_number, partition.earliest))
                        family.add_metric((project, app.name, by_id[stream_id].name, str(number)), behind)
        return family


def _add_partitions(family: CounterMetricFamily, counter: _Counter, stream: Stream, usage: Mapping[int, Usage]) -> None:
    for partition in stream.partitions:
        value = counter.value(usage.get(partition.number, Usage()))
        family.add_metric((stream.project, stream.name, str(partition.number)), value)
