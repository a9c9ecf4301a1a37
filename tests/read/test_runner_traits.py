"""What is said of a runner while the pipeline is built."""

from __future__ import annotations

import logging

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from beam_dis.errors import ConfigurationError
from beam_dis.read.runner_traits import RunnerTraits, check


class FlinkRunner:
    pass


class PrismRunner:
    pass


class FnApiRunner:
    pass


class SwitchingDirectRunner:
    pass


def warnings(runner: object, *flags: str, caplog: pytest.LogCaptureFixture) -> str:
    with caplog.at_level(logging.WARNING, logger="beam_dis"):
        check(runner, PipelineOptions(list(flags)))
    return "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("beam_dis"))


def test_a_runner_that_streams_is_not_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    assert warnings(PrismRunner(), caplog=caplog) == ""


def test_direct_runner_is_what_it_finds(caplog: pytest.LogCaptureFixture) -> None:
    assert warnings(SwitchingDirectRunner(), "--prism_location=/opt/prism", caplog=caplog) == ""
    assert check(SwitchingDirectRunner(), PipelineOptions(["--prism_location=/opt/prism"])).streams


def test_prism_comes_back_at_once_to_what_a_call_left_and_flink_with_its_timers() -> None:
    assert check(PrismRunner(), PipelineOptions([])) == RunnerTraits(streams=True, returns_at_once=True)
    assert check(FlinkRunner(), PipelineOptions([])) == RunnerTraits(streams=True, returns_at_once=False)


def test_a_runner_that_cannot_stream_is_told_on_and_so_is_the_way_out(caplog: pytest.LogCaptureFixture) -> None:
    said = warnings(FnApiRunner(), caplog=caplog)
    assert "no window fires" in said
    assert "--runner=PrismRunner" in said


@pytest.mark.parametrize(("flags", "warned"), [([], True), (["--checkpointing_interval=60000"], False)])
def test_an_app_on_flink_without_checkpoints_is_warned_about(
    flags: list[str], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="beam_dis"):
        check(FlinkRunner(), PipelineOptions(flags), app="delays")
    assert ("nothing is ever committed" in caplog.text) == warned


def test_workers_that_drop_what_is_left_for_later_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="direct_num_workers=4 drops"):
        check(FnApiRunner(), PipelineOptions(["--direct_num_workers=4"]))


@pytest.mark.parametrize(
    ("flags", "warned"),
    [
        (["--checkpointing_interval=1000"], True),
        (["--checkpointing_interval=1000", "--finish_bundle_before_checkpointing"], False),
        (["--checkpointing_interval=5000"], True),
        (["--checkpointing_interval=2000", "--max_bundle_time_mills=100"], False),
        (["--checkpointing_interval=3000", "--max_bundle_time_mills=5000"], True),
        ([], False),
    ],
)
def test_flink_checkpoints_that_come_before_a_bundle_ends_are_warned_about(
    flags: list[str], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    assert ("--finish_bundle_before_checkpointing" in warnings(FlinkRunner(), *flags, caplog=caplog)) == warned
