"""Reads that stop after some records or some time, on the local DIS."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from running_pipelines import ON_FLINK_TOO

from beam_dis import DISClient, ReadAllFromDIS, ReadFromDIS, StoppingPosition
from beam_dis.errors import ConfigurationError, StreamNotFoundError
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord
from beam_dis.testing import Latency

pytestmark = pytest.mark.integration


@pytest.fixture
def client(local_dis: LocalDIS) -> Iterator[DISClient]:
    with DISClient(local_dis.connection) as client:
        yield client


def put(client: DISClient, stream: str, numbers: range, **target: Any) -> None:
    client.put_records(stream, [PutRecord(b"%d" % n, partition_key=str(n), **target) for n in numbers])


def source(stream: str, local_dis: LocalDIS, *, decode: Any = "bytes", **options: Any) -> ReadFromDIS:
    """A read that stops after the ``records`` or ``seconds`` among the options."""
    limit = {name: options.pop(name) for name in ("records", "seconds") if name in options}
    stop = StoppingPosition.after(**limit)
    return ReadFromDIS(stream, stop=stop, decode=decode, connection=local_dis.connection, **options)


def total(pipeline: beam.Pipeline, read: ReadFromDIS, expected: int) -> None:
    """Assert how many elements a read has in all, which needs a bounded PCollection."""

    def check(elements: list[Any]) -> None:
        assert len(elements) == expected

    elements = pipeline | read
    assert elements.is_bounded
    assert_that(elements, check)


@ON_FLINK_TOO
def test_no_more_records_than_asked_for_are_read_of_all_partitions_together(
    bounded_options: PipelineOptions, local_dis: LocalDIS, client: DISClient, make_stream: Callable[..., str]
) -> None:
    stream = make_stream(partitions=3)
    put(client, stream, range(300))
    with beam.Pipeline(options=bounded_options) as pipeline:
        total(pipeline, source(stream, local_dis, records=120), 120)


@ON_FLINK_TOO
def test_a_read_of_some_seconds_has_all_records_and_ends(
    bounded_options: PipelineOptions, local_dis: LocalDIS, client: DISClient, make_stream: Callable[..., str]
) -> None:
    """Two of three partitions are idle."""
    stream = make_stream(partitions=3)
    put(client, stream, range(30), partition_id=1)
    with beam.Pipeline(options=bounded_options) as pipeline:
        total(pipeline, source(stream, local_dis, seconds=4), 30)


def test_records_that_arrive_while_it_reads_count_also_in_new_partitions(
    local_dis: LocalDIS, client: DISClient, make_stream: Callable[..., str]
) -> None:
    stream = make_stream(partitions=1)

    def grow() -> None:
        time.sleep(1)
        client.update_partition_count(stream, target_partition_count=2)
        put(client, stream, range(40))

    growing = threading.Thread(target=grow)
    growing.start()
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        total(pipeline, source(stream, local_dis, records=40, seconds=60, discovery_interval=0.5), 40)
    growing.join()


@pytest.mark.parametrize(
    "bounded_options",
    [
        pytest.param("FnApiRunner", marks=pytest.mark.fnapi),
        pytest.param("PrismRunner", marks=pytest.mark.prism),
    ],
    indirect=True,
)
def test_a_read_with_an_app_commits_the_positions_after_its_last_outputs(
    bounded_options: PipelineOptions, local_dis: LocalDIS, client: DISClient, make_stream: Callable[..., str]
) -> None:
    stream = make_stream(partitions=2)
    put(client, stream, range(100))
    for committed in (35, 70, 100):
        with beam.Pipeline(options=bounded_options) as pipeline:
            pipeline | source(stream, local_dis, app="billing", records=30 if committed == 100 else 35)
        numbers = [
            client.get_checkpoint("billing", stream_name=stream, partition_id=partition).sequence_number
            for partition in (0, 1)
        ]
        assert sum(numbers) == committed


def test_no_record_follows_the_end_of_the_time(
    local_dis: LocalDIS, client: DISClient, make_stream: Callable[..., str]
) -> None:
    """A step takes 0.2 s for a record, so that one page would take 100 s."""
    stream = make_stream(partitions=1)
    put(client, stream, range(500))
    pipeline = beam.Pipeline(runner="FnApiRunner")
    pipeline | source(stream, local_dis, seconds=3) | beam.Map(lambda _: time.sleep(0.2))
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query(beam.metrics.MetricsFilter().with_name("records_read"))["counters"]
    assert 0 < counters[0].result <= 16


def test_a_request_without_an_answer_is_not_waited_for(
    undisturbed: Any,
) -> None:
    """The pages of one partition take longer than the read may."""
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        client.create_stream("slow", partition_count=2)
        put(client, "slow", range(20), partition_id=0)
        dis.inject(Latency(seconds=30, operation="get_records", partition=1))

        def seconds() -> float:
            began = time.monotonic()
            with beam.Pipeline(runner="FnApiRunner") as pipeline:
                total(pipeline, source("slow", dis, seconds=3), 20)
            return time.monotonic() - began

        assert undisturbed(seconds, 15) < 15


def test_event_times_come_from_timestamp_fn(
    local_dis: LocalDIS, client: DISClient, make_stream: Callable[..., str]
) -> None:
    stream = make_stream(partitions=1)
    put(client, stream, range(3))
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        times = (
            pipeline
            | source(stream, local_dis, records=3, timestamp_fn=int)
            | beam.Map(lambda value, time=beam.DoFn.TimestampParam: (value, int(time.seconds())))
        )
        assert_that(times, equal_to([(b"0", 0), (b"1", 1), (b"2", 2)]))


def test_a_stream_that_is_not_there_fails_the_read(local_dis: LocalDIS) -> None:
    with pytest.raises(StreamNotFoundError), beam.Pipeline(runner="FnApiRunner") as pipeline:
        pipeline | source("nowhere", local_dis, seconds=5)


@pytest.mark.parametrize(
    "limit",
    [{}, {"records": 0}, {"records": True}, {"records": 1.5}, {"records": "9"}]
    + [{"seconds": seconds} for seconds in (0, -1, True, float("nan"), float("inf"), "9")],
)
def test_a_limit_that_is_no_limit_is_refused(limit: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="after"):
        StoppingPosition.after(**limit)


def test_many_streams_have_no_common_limit() -> None:
    with pytest.raises(ConfigurationError, match=r"after\(.*use ReadFromDIS"):
        ReadAllFromDIS(stop=StoppingPosition.after(records=1))
