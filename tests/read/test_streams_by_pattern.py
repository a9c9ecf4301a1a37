"""ReadAllFromDIS reads streams that appear while it runs, behind the step that docs/reading.md has for it."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.periodicsequence import PeriodicImpulse
from apache_beam.transforms.window import FixedWindows
from running_pipelines import eventually, put, running, values_in

from beam_dis import DISClient, ReadAllFromDIS, WriteToDIS
from beam_dis.local import LocalDIS
from beam_dis.testing import RequestRefused

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(300)]

PAGE = Path(__file__).parents[2] / "docs" / "reading.md"
FIRE_SECONDS = 2
LAG_SECONDS = 6


@pytest.fixture
def new_streams(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The class ``NewStreams`` of the page, in a module of its own, so that it can be pickled as that of a script can."""
    (block,) = [
        found[1]
        for found in re.finditer(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
        if "NewStreams" in found[1]
    ]
    module = ModuleType("page")
    monkeypatch.setitem(sys.modules, "page", module)
    vars(module).update(beam=beam, DISClient=DISClient)
    exec(compile(block, PAGE, "exec"), vars(module))
    return module.NewStreams


@pytest.fixture
def service() -> Iterator[tuple[LocalDIS, DISClient]]:
    """A local DIS with a stream for the results, and its client."""
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        client.create_stream("counts", partition_count=1)
        yield dis, client


def test_streams_are_read_as_they_appear_and_nothing_is_late(
    service: tuple[LocalDIS, DISClient], endless_options: PipelineOptions, new_streams: Callable[..., beam.DoFn]
) -> None:
    """Each is written to as soon as it is created. The event time is the arrival time. One listing is refused."""
    dis, client = service
    pipeline = beam.Pipeline(options=endless_options)
    _ = (
        pipeline
        | PeriodicImpulse(fire_interval=FIRE_SECONDS)
        | "Key" >> beam.Map(lambda _: ("all", None))
        | beam.ParDo(new_streams("orders-*", dis.connection))
        | ReadAllFromDIS(
            connection=dis.connection,
            timestamp_fn=lambda record: record.timestamp / 1000,
            watermark_lag=LAG_SECONDS,
            poll_interval=0.2,
        )
        | beam.WindowInto(FixedWindows(1))
        | "One" >> beam.Map(lambda record: (record.stream, 1))
        | beam.CombinePerKey(sum)
        | "JSON" >> beam.Map(lambda pair: json.dumps(pair).encode())
        | WriteToDIS("counts", connection=dis.connection)
    )

    def counts() -> dict[str, int]:
        found: dict[str, int] = {}
        for stream, count in values_in(client, "counts"):
            found[stream] = found.get(stream, 0) + count
        return found

    client.create_stream("orders-0", partition_count=2)
    client.create_stream("other", partition_count=1)
    with running(pipeline):
        put(client, "orders-0", range(10))
        put(client, "other", range(10))
        eventually(counts, {"orders-0": 10})
        dis.inject(RequestRefused(code="DIS.4301", operation="list_streams", count=1))
        for number in (1, 2):
            client.create_stream(f"orders-{number}", partition_count=1)
            for _ in range(4):
                for stream in range(number + 1):
                    put(client, f"orders-{stream}", range(5))
                time.sleep(1)  # one-second windows: the records fall into several of them
        eventually(counts, {"orders-0": 50, "orders-1": 40, "orders-2": 20})
