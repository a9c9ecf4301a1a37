"""The metrics of a reading step."""

from __future__ import annotations

from apache_beam.metrics import Metrics

from beam_dis.read.fetch.counts import PendingCounts, RecordSize
from beam_dis.read.partition.gauges import LagGauges
from beam_dis.request_counts import RequestCounts
from beam_dis.request_metrics import RequestMetrics

NAMESPACE = "beam_dis.read"
COUNTERS = (
    "records_read",
    "bytes_read",
    "empty_polls",
    "throttled_polls",
    "failed_polls",
    "expired_records",
    "clamped_records",
    "late_records",
    "reopened_positions",
    "missing_partitions",
    "cumulativeThrottlingSeconds",
)


class ReadMetrics:
    """Counters by name, and the mean record size that goes with them; travels with its step."""

    def __init__(self) -> None:
        self._counters = {name: Metrics.counter(NAMESPACE, name) for name in COUNTERS}
        self._behind = Metrics.distribution(NAMESPACE, "millis_behind_latest")
        self._record_size: RecordSize | None = None
        self.gauges = LagGauges()
        self._requests = RequestMetrics(NAMESPACE)

    def setup(self, record_size: RecordSize) -> None:
        """Note record sizes there, on this worker."""
        self._record_size = record_size

    def add(self, name: str, n: int) -> None:
        """Add to a counter."""
        self._counters[name].inc(n)

    def read(self, records: int, size: int, numbers: int) -> None:
        """Count records that were read and their bytes, and note of how many numbers they are."""
        self._counters["records_read"].inc(records)
        self._counters["bytes_read"].inc(size)
        if self._record_size is not None:
            self._record_size.note(records, size, numbers)

    def add_pending(self, pending: PendingCounts, requests: RequestCounts) -> None:
        """Report what other threads of the read counted."""
        self._requests.report(requests)
        for name, n in pending.take().items():
            self._counters[name].inc(n)

    def update_millis_behind(self, milliseconds: int) -> None:
        """Report how far the last record of a page was behind the service's clock."""
        self._behind.update(milliseconds)
