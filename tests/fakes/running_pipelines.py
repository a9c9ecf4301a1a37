"""What tests of endless pipelines use: they put records, run a pipeline, and look at a stream until it has what they expect."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.runner import PipelineState

from beam_dis import DISClient
from beam_dis.record import PutRecord

ON_FLINK_TOO = pytest.mark.parametrize(
    "bounded_options",
    [
        pytest.param("FnApiRunner", marks=pytest.mark.fnapi),
        pytest.param("PrismRunner", marks=pytest.mark.prism),
        pytest.param("FlinkRunner", marks=pytest.mark.flink),
    ],
    indirect=True,
)
"""Runs a test on each runner; without it ``bounded_options`` leaves Flink out, because a job there takes some seconds."""


def put(client: DISClient, stream: str, numbers: range, **target: str) -> None:
    """Put each number as a record, 500 in a request; ``partition_id`` chooses their partition."""
    for start in range(numbers.start, numbers.stop, 500):
        part = range(start, min(start + 500, numbers.stop))
        entries = [PutRecord(data=b"%d" % n, partition_key=str(n), **target) for n in part]
        result = client.put_records(stream, entries)
        assert result.failed_record_count == 0


def values_in(client: DISClient, stream: str) -> list[Any]:
    """All records of a stream, decoded as JSON."""
    values: list[Any] = []
    for partition in client.describe_stream(stream).partitions:
        cursor = client.get_cursor(stream, partition_id=partition.partition_id, cursor_type="TRIM_HORIZON")
        while (page := client.get_records(cursor)).records:
            values += [json.loads(record.data) for record in page.records]
            cursor = page.next_partition_cursor
    return values


def eventually(look: Callable[[], Any], expected: Any, seconds: float = 100.0) -> None:
    """Call ``look`` until it returns ``expected``; fail after ``seconds``."""
    until = time.monotonic() + seconds
    while (seen := look()) != expected and time.monotonic() < until:
        time.sleep(0.2)
    assert seen == expected


@contextmanager
def running(pipeline: beam.Pipeline) -> Iterator[Any]:
    """Run a pipeline, and cancel it at the end of the block."""
    result = pipeline.run()
    try:
        yield result
    finally:
        if not PipelineState.is_terminal(result.state):
            result.cancel()
