"""Requests that were counted are reported as Beam metrics once."""

from __future__ import annotations

from reported_metrics import reported_metrics

from beam_dis.errors import service_error
from beam_dis.request_counts import RequestCounts
from beam_dis.request_metrics import RequestMetrics


def test_requests_are_a_distribution_and_two_counters_for_each_operation() -> None:
    metrics, counts = RequestMetrics("beam_dis.read"), RequestCounts()
    counts.note("get_records", 0.010, None)
    counts.note("get_records", 0.030, service_error("no", code="DIS.4303", status=400))
    with reported_metrics() as reported:
        metrics.report(counts)
        metrics.report(counts)
    assert reported.distributions == {"read_latency_millis": [2, 40]}
    assert reported.counters == {"read_requests": 2, "read_request_millis": 40, "failed_requests.DIS.4303": 1}
