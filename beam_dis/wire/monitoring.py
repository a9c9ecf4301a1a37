"""Messages about what happens to streams and partitions, by minute [§5.6].

Times are seconds since 1970. Clients look for ``metrics`` or ``metrics_list``, so both are always sent [SDK].
"""

from __future__ import annotations

import msgspec

from beam_dis.wire.messages import Query, WireAnswer

STREAM_LABELS = (
    "total_put_bytes_per_stream",
    "total_get_bytes_per_stream",
    "total_put_records_per_stream",
    "total_get_records_per_stream",
    "total_put_req_latency",
    "total_get_req_latency",
    "total_put_req_suc_per_stream",
    "total_get_req_suc_per_stream",
    "traffic_control_put",
    "traffic_control_get",
)
"""What can be asked about a stream [T5-128]; the latencies are means in milliseconds."""

PARTITION_LABELS = (
    "total_put_bytes_per_partition",
    "total_get_bytes_per_partition",
    "total_put_records_per_partition",
    "total_get_records_per_partition",
)
"""What can be asked about a partition [T5-134]."""


class MetricsQuery(Query):
    """GET …/metrics [T5-128, T5-134]: ``label_list``, labels with commas between them, counts before ``label``.

    The times are text here, because a wrong one has a code of its own.
    """

    label: str | None = None
    label_list: str | None = None
    start_time: str | None = None
    end_time: str | None = None


class DataPoint(WireAnswer):
    """The value of one minute, which begins at ``timestamp`` [T5-132]."""

    timestamp: int
    value: int


class MetricSeries(WireAnswer):
    """The values of one label [T5-131]."""

    dataPoints: list[DataPoint] = []  # noqa: N815 - the name in the protocol
    label: str = ""


class MetricsResult(WireAnswer):
    """The values of every label that was asked for; ``metrics`` is the first [T5-130; T5-136 has no list]."""

    metrics: MetricSeries = msgspec.field(default_factory=MetricSeries)
    metrics_list: list[MetricSeries] = []
