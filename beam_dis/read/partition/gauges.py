"""The gauges by partition: how far it is behind, when its unread records expire, and what was committed last.

Beam's metrics have no labels, so the stream and the number of the partition are at the end of the name, such as
``millis_behind.orders.0``. A step has the gauges of the partitions that it has read.
"""

from __future__ import annotations

from apache_beam.metrics import Metrics
from apache_beam.metrics.metricbase import Gauge

from beam_dis.read.process.committer import LastCommit
from beam_dis.read.process.lags import Lag
from beam_dis.wire.ranges import partition_number

READ_NAMESPACE = "beam_dis.read"
COMMIT_NAMESPACE = "beam_dis.commit"
LAG_GAUGES = ("records_behind", "bytes_behind", "millis_behind", "read_up_to_millis", "expires_in_millis")
COMMIT_GAUGES = ("committed_number", "committed_at_millis")

Partition = tuple[str, str]
"""Stream and partition id."""


class _Gauges:
    """Gauges of some names, for each partition; they are made when the partition is first seen."""

    def __init__(self, namespace: str, names: tuple[str, ...]) -> None:
        self._namespace, self._names = namespace, names
        self._of: dict[Partition, tuple[Gauge, ...]] = {}

    def set(self, partition: Partition, *values: int | None) -> None:
        """Set the gauges of a partition, in the order of their names; None leaves one as it is."""
        gauges = self._of.get(partition)
        if gauges is None:
            stream, number = partition[0], partition_number(partition[1])
            gauges = tuple(Metrics.gauge(self._namespace, f"{name}.{stream}.{number}") for name in self._names)
            self._of[partition] = gauges
        for gauge, value in zip(gauges, values, strict=True):
            if value is not None:
                gauge.set(value)


class LagGauges:
    """The gauges of a reading step; travels with it."""

    def __init__(self) -> None:
        self._gauges = _Gauges(READ_NAMESPACE, LAG_GAUGES)

    def report(self, partition: Partition, lag: Lag, size: float) -> None:
        """Report how far a partition is behind; ``size`` is that in bytes."""
        self._gauges.set(partition, lag.records, int(size), lag.millis_behind, lag.up_to, lag.expires_in)


class CommitGauges:
    """The gauges of a step whose partitions are committed to an app; travels with it."""

    def __init__(self) -> None:
        self._gauges = _Gauges(COMMIT_NAMESPACE, COMMIT_GAUGES)

    def report(self, partition: Partition, commit: LastCommit) -> None:
        """Report what was committed last."""
        self._gauges.set(partition, commit.number, int(commit.at * 1000))
