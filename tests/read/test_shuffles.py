"""A warning, once per pipeline, if an app's commits can run ahead of steps after a shuffle."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.coders import VarIntCoder
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from beam_dis import CommitToDIS, DISConnection, ReadFromDIS, WriteToDIS

CONNECTION = DISConnection(endpoint="http://127.0.0.1:7700", project_id="p")
PRISM = ["--runner=PrismRunner", "--prism_location=/opt/prism"]


class Stateful(beam.DoFn):
    COUNT = ReadModifyWriteStateSpec("count", VarIntCoder())

    def process(self, element: Any, count: Any = beam.DoFn.StateParam(COUNT)) -> Any:  # noqa: B008 - Beam reads parameters from defaults
        yield element


class Nested(beam.PTransform):
    def expand(self, keyed: Any) -> Any:
        return keyed | "Inner" >> beam.CombinePerKey(sum) | "Values" >> beam.Values()


def with_side_input(keyed: Any) -> Any:
    """The records as the side input of another collection."""
    one = keyed.pipeline | beam.Create([1])
    return one | "Side" >> beam.Map(lambda element, _: element, beam.pvalue.AsIter(keyed))


SHUFFLES: dict[str, Callable[[Any], Any]] = {
    "GroupByKey": lambda keyed: keyed | beam.GroupByKey(),
    "CoGroupByKey": lambda keyed: {"a": keyed, "b": keyed} | beam.CoGroupByKey(),
    "CombinePerKey": lambda keyed: keyed | beam.CombinePerKey(sum),
    "Reshuffle": lambda keyed: keyed | beam.Reshuffle(),
    "GroupIntoBatches": lambda keyed: keyed | beam.GroupIntoBatches(10),
    "state": lambda keyed: keyed | beam.ParDo(Stateful()),
    "a composite": lambda keyed: keyed | Nested(),
    "a side input": with_side_input,
}


def warnings_of(
    following: Callable[[Any], Any], caplog: pytest.LogCaptureFixture, flags: list[str], **reading: Any
) -> list[str]:
    """The warnings while a pipeline is translated twice."""
    pipeline = beam.Pipeline(options=PipelineOptions(flags))
    read = pipeline | ReadFromDIS("s", stop="latest", connection=CONNECTION, **reading)
    records = read.records if "commit" in reading else read
    keyed = records | beam.Map(lambda record: (record.partition_id, 1)).with_output_types(tuple[str, int])
    written = following(keyed) | beam.Map(lambda each: repr(each).encode()) | WriteToDIS("t", connection=CONNECTION)
    if "commit" in reading:
        _ = read.positions | beam.WaitOn(written.done) | CommitToDIS(reading["app"], connection=CONNECTION)
    with caplog.at_level(logging.WARNING, logger="beam_dis"):
        pipeline.to_runner_api()
        pipeline.to_runner_api()
    return [record.getMessage() for record in caplog.records if "after the shuffle" in record.getMessage()]


def test_the_shuffle_of_redistribute_is_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    (warning,) = warnings_of(lambda keyed: keyed, caplog, PRISM, app="a", redistribute=4)
    assert "after the shuffle of 'ReadFromDIS/Redistribute/Shuffle" in warning


@pytest.mark.parametrize("shuffle", SHUFFLES)
@pytest.mark.parametrize("flags", [["--runner=FnApiRunner"], PRISM, ["--runner=DirectRunner"]], ids=" ".join)
def test_a_shuffle_after_a_read_for_an_app_is_warned_about_once(
    shuffle: str, flags: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    (warning,) = warnings_of(SHUFFLES[shuffle], caplog, flags, app="a")
    assert warning.startswith("app a: ")
    assert 'Use commit="manual" with CommitToDIS' in warning


def test_steps_without_a_shuffle_are_not_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    """The read itself shuffles its partitions, which says nothing about the records."""
    assert warnings_of(lambda keyed: keyed | beam.Filter(bool), caplog, PRISM, app="a") == []


def test_reads_without_finalizers_are_not_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    assert warnings_of(SHUFFLES["GroupByKey"], caplog, PRISM) == []
    assert warnings_of(SHUFFLES["GroupByKey"], caplog, PRISM, app="a", commit="manual") == []


def test_flink_is_not_warned_about_because_its_checkpoints_hold_the_shuffle(caplog: pytest.LogCaptureFixture) -> None:
    flags = ["--runner=FlinkRunner", "--streaming", "--checkpointing_interval=2000"]
    assert warnings_of(SHUFFLES["GroupByKey"], caplog, flags, app="a") == []
