"""ReadAllFromDIS of many streams, and of one stream that is in the input twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows
from running_pipelines import eventually, put, running, values_in

from beam_dis import DISClient, ReadAllFromDIS, ReadFromDIS, StartingPosition, StoppingPosition, WriteToDIS

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

LATEST = StoppingPosition.latest()
FROM_TEN = StartingPosition.at_sequence_number({0: 10})


@pytest.fixture
def client(local_dis: Any) -> Iterator[DISClient]:
    with DISClient(local_dis.connection) as client:
        yield client


@pytest.fixture
def stream(client: DISClient, make_stream: Callable[..., str]) -> str:
    """A stream with one partition, which has the numbers 0 to 19."""
    name = make_stream()
    put(client, name, range(20))
    return name


def inputs(client: DISClient, stream: str) -> dict[str, tuple[list[Any], list[range]]]:
    """Inputs that have a stream twice, and the numbers that each element of the input reads at least."""
    stream_id = client.describe_stream(stream).stream_id
    return {
        "by name": ([stream, stream], [range(20), range(20)]),
        "by name and id": ([stream, stream_id], [range(20), range(20)]),
        "from two starts": ([stream, (stream, FROM_TEN)], [range(20), range(10, 20)]),
    }


TWICE = pytest.mark.parametrize("twice", ["by name", "by name and id", "from two starts"])


def windows(records: Any, target: str, connection: Any) -> None:
    """Write the numbers of each one-second window, as a list, to a stream."""
    _ = (
        records
        | beam.WindowInto(FixedWindows(1))
        | beam.Map(lambda data: (0, int(data)))
        | beam.GroupByKey()
        | "JSON" >> beam.Map(lambda kv: json.dumps(list(kv[1])).encode())
        | WriteToDIS(target, connection=connection)
    )


def endless(**options: Any) -> dict[str, Any]:
    return {"decode": "bytes", "poll_interval": 0.2, "discovery_interval": 1.0, **options}


@TWICE
def test_a_stream_that_is_there_twice_is_read_twice_and_nothing_is_late(
    twice: str,
    endless_options: PipelineOptions,
    local_dis: Any,
    client: DISClient,
    stream: str,
    make_stream: Callable[..., str],
) -> None:
    target = make_stream()
    elements, numbers = inputs(client, stream)[twice]
    pipeline = beam.Pipeline(options=endless_options)
    read = ReadAllFromDIS(connection=local_dis.connection, **endless())
    windows(pipeline | beam.Create(elements) | read, target, local_dis.connection)

    def seen() -> Counter[int]:
        return Counter(number for window in values_in(client, target) for number in window)

    def expected(more: range) -> Counter[int]:
        return Counter(number for part in numbers for number in (*part, *more))

    with running(pipeline):
        put(client, stream, range(20, 25))
        eventually(seen, expected(range(20, 25)))
        put(client, stream, range(25, 30))
        put(client, stream, range(30, 31))
        eventually(seen, expected(range(20, 31)))


def test_many_streams_are_read_without_an_end_and_nothing_is_late(
    endless_options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    """The first stream is idle, and the others have a backlog."""
    streams, target = [make_stream(partitions=2) for _ in range(3)], make_stream()
    for index, stream in enumerate(streams[1:]):
        put(client, stream, range(index * 1000, index * 1000 + 1000))
    pipeline = beam.Pipeline(options=endless_options)
    read = ReadAllFromDIS(connection=local_dis.connection, **endless())
    windows(pipeline | beam.Create(streams) | read, target, local_dis.connection)
    with running(pipeline):
        put(client, streams[0], range(2000, 2010))
        eventually(lambda: sorted(n for window in values_in(client, target) for n in window), list(range(2010)))


@pytest.mark.prism
def test_one_read_that_is_used_twice_reads_twice(
    local_dis: Any, client: DISClient, stream: str, prism_location: str, make_stream: Callable[..., str]
) -> None:
    target = make_stream()
    options = PipelineOptions(["--runner=PrismRunner", f"--prism_location={prism_location}", "--streaming"])
    pipeline = beam.Pipeline(options=options)
    read = ReadFromDIS(stream, connection=local_dis.connection, **endless())
    both = (pipeline | "One" >> read, pipeline | "Two" >> read) | beam.Flatten()
    windows(both, target, local_dis.connection)
    with running(pipeline):
        expected = Counter([*range(20), *range(20)])
        eventually(lambda: Counter(n for window in values_in(client, target) for n in window), expected)


@TWICE
def test_a_stream_that_is_there_twice_is_read_twice_up_to_a_stop(
    twice: str, bounded_options: PipelineOptions, local_dis: Any, client: DISClient, stream: str
) -> None:
    elements, numbers = inputs(client, stream)[twice]
    with beam.Pipeline(options=bounded_options) as pipeline:
        read = ReadAllFromDIS(stop=LATEST, decode="bytes", connection=local_dis.connection)
        records = pipeline | beam.Create(elements) | read
        assert_that(records | beam.Map(int), equal_to([number for part in numbers for number in part]))


@pytest.mark.parametrize("twice", ["by name", "by name and id"])
def test_an_app_refuses_a_stream_that_is_there_twice(
    twice: str, bounded_options: PipelineOptions, local_dis: Any, client: DISClient, stream: str
) -> None:
    elements, _ = inputs(client, stream)[twice]
    pipeline = beam.Pipeline(options=bounded_options)
    _ = pipeline | beam.Create(elements) | ReadAllFromDIS(stop=LATEST, app="a", connection=local_dis.connection)
    with pytest.raises(Exception, match=r"is in the input of ReadAllFromDIS\(app='a'\) twice"):
        pipeline.run().wait_until_finish()
