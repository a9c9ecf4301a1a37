"""Reports requests as Beam metrics: how long they took, by operation, and how many failed, by code.

Each operation has a distribution and two counters, how many requests there were and how long they took together, because the reporters of
some runners show counters only.
"""

from __future__ import annotations

from collections.abc import Mapping

from apache_beam.metrics import Metrics
from apache_beam.metrics.metricbase import Counter

from beam_dis.request_counts import OPERATIONS, RequestCounts

FAILED_REQUESTS = "failed_requests"


class CodeCounters:
    """Counters by error code, such as ``failed_requests.DIS.4303``; each is made when it is first needed."""

    def __init__(self, namespace: str, name: str) -> None:
        self._namespace, self._name = namespace, name
        self._of: dict[str, Counter] = {}

    def add(self, counts: Mapping[str, int]) -> None:
        """Add to the counters of some codes."""
        for code, count in counts.items():
            if code not in self._of:
                self._of[code] = Metrics.counter(self._namespace, f"{self._name}.{code}")
            self._of[code].inc(count)


class RequestMetrics:
    """The metrics of a step's requests; travels with it."""

    def __init__(self, namespace: str) -> None:
        self._latency = {word: Metrics.distribution(namespace, f"{word}_latency_millis") for word in OPERATIONS}
        self._requests = {word: Metrics.counter(namespace, f"{word}_requests") for word in OPERATIONS}
        self._millis = {word: Metrics.counter(namespace, f"{word}_request_millis") for word in OPERATIONS}
        self._failed = CodeCounters(namespace, FAILED_REQUESTS)

    def report(self, counts: RequestCounts) -> None:
        """Report the requests since the last report, by a thread that processes elements."""
        taken = counts.take()
        for word, times in taken.millis.items():
            for milliseconds in times:
                self._latency[word].update(milliseconds)
            self._requests[word].inc(len(times))
            self._millis[word].inc(sum(times))
        self._failed.add(taken.failed)
