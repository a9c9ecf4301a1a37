"""Collects what steps report as Beam metrics, without a runner."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from apache_beam.metrics.execution import MetricsContainer
from apache_beam.runners.worker import statesampler
from apache_beam.utils import counters


class ReportedMetrics:
    """The metrics of one step."""

    def __init__(self, container: MetricsContainer) -> None:
        self._container = container

    @property
    def gauges(self) -> dict[str, int]:
        """The last value of each gauge, by its name."""
        cumulative = self._container.get_cumulative()
        return {key.metric.name: data.value for key, data in cumulative.gauges.items()}

    @property
    def counters(self) -> dict[str, int]:
        """The counters that aren't 0, by their names."""
        cumulative = self._container.get_cumulative()
        return {key.metric.name: value for key, value in cumulative.counters.items() if value}

    @property
    def distributions(self) -> dict[str, list[int]]:
        """How many values each distribution has, and their sum, by its name."""
        cumulative = self._container.get_cumulative()
        return {key.metric.name: [data.count, data.sum] for key, data in cumulative.distributions.items()}


@contextmanager
def reported_metrics() -> Iterator[ReportedMetrics]:
    """What this thread reports during the block."""
    container = MetricsContainer("step")
    sampler = statesampler.StateSampler("test", counters.CounterFactory())
    before = statesampler.get_current_tracker()
    statesampler.set_current_tracker(sampler)
    try:
        with sampler.scoped_state("step", "process", metrics_container=container):
            yield ReportedMetrics(container)
    finally:
        statesampler.set_current_tracker(before)
