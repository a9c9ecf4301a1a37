"""Flink's reporter for Prometheus shows the metrics of a job under the names that the dashboard and the alerts use."""

from __future__ import annotations

import re
import socket
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from prometheus_names import in_prometheus
from running_pipelines import eventually, put, running

from beam_dis import DISClient, ReadFromDIS, WriteToDIS
from beam_dis.local import LocalDIS
from beam_dis.read.partition.gauges import COMMIT_GAUGES, LAG_GAUGES
from beam_dis.testing import Throttled

pytestmark = [pytest.mark.integration, pytest.mark.flink, pytest.mark.long, pytest.mark.timeout(600)]

PARTITIONS = 2
NAMES = {
    *(f"beam_dis.read.{name}.orders-eu.{number}" for name in LAG_GAUGES for number in range(PARTITIONS)),
    *(f"beam_dis.commit.{name}.orders-eu.{number}" for name in COMMIT_GAUGES for number in range(PARTITIONS)),
    *(f"beam_dis.read.{name}" for name in ("records_read", "failed_requests.DIS.4303")),
    *(f"beam_dis.write.{name}" for name in ("records", "failed_requests.DIS.4303", "retries.DIS.4303")),
    *(
        f"beam_dis.read.{operation}_request{end}"
        for operation in ("read", "list", "commit")
        for end in ("s", "_millis")
    ),
    "beam_dis.write.put_requests",
    "beam_dis.write.put_request_millis",
}
"""What a job reports that reads a stream with an app, is throttled, and writes."""


@pytest.fixture(scope="module")
def port() -> int:
    """A port that was free, for the reporter."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def flink_settings(port: int) -> dict[str, str]:
    factory = "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"
    return {"metrics.reporter.prom.factory.class": factory, "metrics.reporter.prom.port": str(port)}


@pytest.fixture
def dis() -> Iterator[LocalDIS]:
    """A DIS that throttles the first requests for pages and the first puts."""
    with LocalDIS() as started:
        yield started


def scraped(port: int) -> dict[str, float]:
    """The metrics of all operators by name, added up; nothing before the first job."""
    found: defaultdict[str, float] = defaultdict(float)
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        for name, value in re.findall(r"^(\w+)\{.*\} (\S+)$", answer.read().decode(), re.MULTILINE):
            found[name] += float(value)
    return found


def test_a_job_has_the_names_of_the_dashboard_in_prometheus(flink_options: Any, dis: LocalDIS, port: int) -> None:
    expected = {in_prometheus(name) for name in NAMES}
    read, written = in_prometheus("beam_dis.read.records_read"), in_prometheus("beam_dis.write.records")
    behind = in_prometheus("beam_dis.read.records_behind.orders-eu.0")
    with DISClient(dis.connection) as client:
        for stream in ("orders-eu", "copies"):
            client.create_stream(stream, partition_count=PARTITIONS)
        put(client, "orders-eu", range(500))
        for operation in ("get_records", "put_records"):
            dis.inject(Throttled(operation=operation, count=2))
        pipeline = beam.Pipeline(options=PipelineOptions(flink_options))
        source = ReadFromDIS("orders-eu", app="copies", decode="bytes", connection=dis.connection)
        _ = pipeline | source | WriteToDIS("copies", connection=dis.connection)
        with running(pipeline):
            eventually(lambda: expected - set(scraped(port)), set(), seconds=300)
            eventually(lambda: [scraped(port)[name] for name in (read, written, behind)], [500, 500, 0], seconds=60)
            latency = in_prometheus("beam_dis.read.read_latency_millis")
            assert scraped(port)[latency] == 0  # Flink's reporter shows numbers only, as docs/monitoring.md says
