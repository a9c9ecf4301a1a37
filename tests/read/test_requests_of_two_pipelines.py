"""Two pipelines in one process share a connection, and each reports its own requests and waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.metrics.metric import MetricsFilter

from beam_dis import DISClient, PutRecord, ReadFromDIS, StoppingPosition, WriteToDIS
from beam_dis.local import LocalDIS
from beam_dis.testing import Throttled

pytestmark = [pytest.mark.integration, pytest.mark.fnapi]


@pytest.fixture
def dis() -> Iterator[LocalDIS]:
    with LocalDIS() as started:
        yield started


def counters(result: Any, namespace: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for counter in result.metrics().query(MetricsFilter().with_namespace(namespace))["counters"]:
        found[counter.key.metric.name] = found.get(counter.key.metric.name, 0) + counter.committed
    return found


def at_once(*pipelines: beam.Pipeline) -> list[Any]:
    """The results of pipelines that run at the same time."""
    results: dict[beam.Pipeline, Any] = {}
    ready = threading.Barrier(len(pipelines))

    def run(pipeline: beam.Pipeline) -> None:
        ready.wait(60)
        results[pipeline] = pipeline.run()
        results[pipeline].wait_until_finish()

    threads = [threading.Thread(target=run, args=(pipeline,)) for pipeline in pipelines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    return [results[pipeline] for pipeline in pipelines]


def test_only_the_read_that_was_throttled_reports_it(dis: LocalDIS) -> None:
    pipelines = []
    with DISClient(dis.connection) as client:
        for stream in ("calm", "busy"):
            client.create_stream(stream, partition_count=1)
            client.put_records(stream, [PutRecord(b".", partition_key="k")] * 10)
            pipelines.append(beam.Pipeline(runner="FnApiRunner"))
            read = ReadFromDIS(stream, stop=StoppingPosition.latest(), connection=dis.connection)
            _ = pipelines[-1] | read
    dis.inject(Throttled(stream="busy", operation="get_records", count=2))
    calm, busy = (counters(result, "beam_dis.read") for result in at_once(*pipelines))
    for counted, failed in ((calm, 0), (busy, 2)):
        assert counted.get("failed_requests.DIS.4303", 0) == counted.get("throttled_polls", 0) == failed
        assert counted["read_requests"] == 1 + failed
        assert counted["list_requests"] >= 1
    assert "cumulativeThrottlingSeconds" not in {name for name, count in calm.items() if count}


def test_only_the_write_that_was_throttled_reports_it(dis: LocalDIS) -> None:
    pipelines = []
    with DISClient(dis.connection) as client:
        for stream in ("calm", "busy"):
            client.create_stream(stream, partition_count=1)
            pipelines.append(beam.Pipeline(runner="FnApiRunner"))
            _ = pipelines[-1] | beam.Create([b"."] * 10) | WriteToDIS(stream, connection=dis.connection)
    dis.inject(Throttled(stream="busy", operation="put_records", count=2))
    calm, busy = (counters(result, "beam_dis.write") for result in at_once(*pipelines))
    assert (calm["put_requests"], busy["put_requests"]) == (calm["requests"], busy["requests"])
    assert [name for name in calm if name.startswith(("failed", "retries."))] == []
    assert (busy["failed_requests.DIS.4303"], busy["retries.DIS.4303"]) == (2, busy["retries"])
