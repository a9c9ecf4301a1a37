"""The transforms as users see them: help, display data, metrics, lineage, and memory after many pipelines."""

from __future__ import annotations

import gc
import inspect
import typing
from collections.abc import Callable
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.metrics.metric import Lineage, MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.display import DisplayData

from beam_dis import (
    Credentials,
    DISClient,
    DISConnection,
    PutRecord,
    ReadAllFromDIS,
    ReadFromDIS,
    StartingPosition,
    StoppingPosition,
)
from beam_dis.errors import ConfigurationError
from beam_dis.read.process import registry

STOP = StoppingPosition.latest()
OPTIONS = [
    "start",
    "stop",
    "app",
    "commit",
    "decode",
    "metadata",
    "timestamp_fn",
    "watermark_lag",
    "dead_letters",
    "max_dead_letters",
    "on_expired",
    "on_missing",
    "partitions",
    "redistribute",
    "poll_interval",
    "discovery_interval",
    "connection",
]


@pytest.mark.parametrize(("transform", "first"), [(ReadFromDIS, ["stream"]), (ReadAllFromDIS, [])])
def test_help_explains_every_option_and_has_its_default(transform: Any, first: list[str]) -> None:
    parameters = inspect.signature(transform).parameters
    assert list(parameters) == [*first, *OPTIONS]
    assert parameters["poll_interval"].default == 1.0
    for name in [*first, *OPTIONS]:
        assert f"        {name}: " in transform.__doc__


def test_an_argument_that_is_misspelt_is_a_type_error_that_names_the_others() -> None:
    with pytest.raises(TypeError, match="ReadFromDIS has no argument 'strat'; it has stream, start, stop"):
        ReadFromDIS("flights", strat=StartingPosition.latest())
    with pytest.raises(TypeError, match="ReadAllFromDIS has no argument 'stream'; it has start, stop"):
        ReadAllFromDIS(stream="flights")


@pytest.mark.parametrize("decode", [42, None, "stream", beam.coders.BytesCoder])
def test_a_wrong_decode_is_refused_when_the_transform_is_made(decode: Any) -> None:
    with pytest.raises(ConfigurationError, match="decode="):
        ReadFromDIS("flights", decode=decode)


def test_types_of_the_options_can_be_read_at_run_time() -> None:
    assert typing.get_type_hints(ReadFromDIS.__init__)


def test_the_steps_show_the_completed_connection() -> None:
    """The endpoint may come from the pipeline's options."""
    pipeline = beam.Pipeline(options=PipelineOptions(["--dis_endpoint=http://127.0.0.1:7700", "--dis_project_id=p1"]))
    _ = pipeline | ReadFromDIS("flights", stop=STOP)
    assert "http://127.0.0.1:7700" in str(pipeline.to_runner_api())


def test_with_error_handler_returns_the_transform_itself() -> None:
    source = ReadFromDIS("flights", stop=STOP, dead_letters=True)
    assert source.with_error_handler(None) is source


def display(transform: Any) -> dict[str, Any]:
    return {item.key: item.value for item in DisplayData.create_from(transform).items}


def test_display_data_has_the_options_and_no_secret() -> None:
    connection = DISConnection(
        endpoint="https://dis.example",
        region="eu-de",
        project_id="p1",
        credentials=Credentials(access_key="AK-secret", secret_key="SK-secret"),
    )
    source = ReadFromDIS(
        "flights", start=StartingPosition.latest(), stop=STOP, app="delays", decode="bytes", connection=connection
    )
    shown = display(source)
    expected = {
        "stream": "flights",
        "start": "Latest()",
        "stop": "Latest()",
        "app": "delays",
        "decode": "bytes",
        "on_expired": "fail",
        "endpoint": "https://dis.example",
        "region": "eu-de",
        "project_id": "p1",
    }
    assert expected.items() <= shown.items()
    assert "secret" not in repr(shown)


def test_display_data_names_a_decoding_function_and_partitions() -> None:
    shown = display(ReadAllFromDIS(stop=STOP, decode=bytes.upper, partitions=[0, 1]))
    assert (shown["decode"], shown["partitions"]) == ("upper", "shardId-0000000000, shardId-0000000001")


@pytest.fixture
def filled(local_dis: Any, make_stream: Callable[..., str]) -> Callable[[], str]:
    def fill() -> str:
        stream = make_stream(partitions=2)
        with DISClient(local_dis.connection) as client:
            client.put_records(stream, [PutRecord(b"%d" % n, partition_key=str(n)) for n in range(10)])
        return stream

    return fill


@pytest.mark.integration
@pytest.mark.fnapi
def test_the_pipeline_result_has_metrics_and_lineage_of_the_read(local_dis: Any, filled: Callable[[], str]) -> None:
    streams = sorted([filled(), filled()])
    pipeline = beam.Pipeline(runner="FnApiRunner")
    _ = pipeline | beam.Create(streams) | ReadAllFromDIS(stop=STOP, connection=local_dis.connection)
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query(MetricsFilter().with_namespace("beam_dis.read"))["counters"]
    counts = {counter.key.metric.name: counter.committed for counter in counters}
    assert {"records_read": 20, "partitions": 4}.items() <= counts.items()
    assert counts["bytes_read"] == 20
    sources = Lineage.query(result.metrics(), Lineage.SOURCE)
    assert {source.rsplit(".", 1)[-1].strip("`") for source in sources} == set(streams)
    assert all(source.startswith("dis:") for source in sources)


@pytest.mark.integration
@pytest.mark.fnapi
def test_many_pipelines_in_one_process_keep_no_more_state_than_a_few(
    local_dis: Any, filled: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps that a runner doesn't tear down count until Python has collected them. The registry is new, because pipelines of other
    tests may run in this process.
    """
    monkeypatch.setattr(registry, "_REGISTRY", registry.Registry())
    monkeypatch.setattr(registry, "MOST_KEPT", 4)
    stream, sizes = filled(), []
    for _ in range(20):
        with beam.Pipeline(runner="FnApiRunner") as pipeline:
            _ = pipeline | ReadFromDIS(stream, stop=STOP, app="a", connection=local_dis.connection)
        gc.collect()
        sizes.append(registry.this_process().size)
    assert sizes[0] > 0
    assert max(sizes) <= 7, "one connection, four reads that are kept, and those of the last pipelines"
