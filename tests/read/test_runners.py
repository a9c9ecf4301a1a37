"""The checks of a runner while the pipeline is built: traits, warnings and refusals."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.prism_runner import PrismJobServer
from apache_beam.runners.portability.prism_runner import PrismRunner as BeamsPrismRunner
from apache_beam.transforms.window import Sessions

from beam_dis.errors import ConfigurationError
from beam_dis.read import runners
from beam_dis.read.process.registry import Registry
from beam_dis.read.runners import RunnerTraits, check_runner, has_one_process

PRISM = "--prism_location=/opt/prism"
REGISTRY = Registry()


class FlinkRunner:
    pass


class PrismRunner:
    pass


class PortableRunner:
    pass


class FnApiRunner:
    pass


class SwitchingDirectRunner:
    pass


def warnings(runner: object, *flags: str, caplog: pytest.LogCaptureFixture) -> str:
    with caplog.at_level(logging.WARNING, logger="beam_dis"):
        check_runner(runner, PipelineOptions(list(flags)), registry=REGISTRY)
    return "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("beam_dis"))


def test_a_runner_that_streams_is_not_warned_about(caplog: pytest.LogCaptureFixture) -> None:
    assert warnings(PrismRunner(), caplog=caplog) == ""


@pytest.fixture
def no_prism(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which Beam has no downloaded Prism."""
    monkeypatch.setattr(PrismJobServer, "BIN_CACHE", str(tmp_path / "none"))


@pytest.mark.usefixtures("no_prism")
def test_direct_runner_streams_only_if_it_finds_prism() -> None:
    assert check_runner(SwitchingDirectRunner(), PipelineOptions([PRISM]), registry=REGISTRY).streams
    assert not check_runner(SwitchingDirectRunner(), PipelineOptions([]), registry=REGISTRY).streams


@pytest.mark.parametrize("flag", ["--allow_unsafe_triggers", "--update_compatibility_version=2.76.0"])
def test_direct_runner_with_options_that_exclude_prism_cannot_stream(
    flag: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert "no window fires" in warnings(SwitchingDirectRunner(), PRISM, flag, caplog=caplog)
    assert not check_runner(SwitchingDirectRunner(), PipelineOptions([PRISM, flag]), registry=REGISTRY).streams


class InteractiveRunner:
    pass


@pytest.mark.parametrize("runner", [SwitchingDirectRunner, FnApiRunner, InteractiveRunner])
def test_an_endless_read_in_a_notebook_is_refused_where_it_never_returns(
    runner: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DirectRunner doesn't take Prism in IPython, even if it is installed."""
    monkeypatch.setattr(runners, "is_in_ipython", lambda: True)
    with pytest.raises(
        ConfigurationError, match=rf"on {runner.__name__.removeprefix('Switching')} never returns: give the read an end"
    ):
        check_runner(runner(), PipelineOptions([PRISM]), registry=REGISTRY)


@pytest.mark.parametrize(("runner", "endless"), [(PrismRunner, True), (InteractiveRunner, False)])
def test_a_notebook_may_use_prism_or_a_read_with_an_end(
    runner: type, endless: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runners, "is_in_ipython", lambda: True)
    traits = check_runner(runner(), PipelineOptions([]), registry=REGISTRY, endless=endless)
    assert traits.streams == endless


def test_direct_runner_warns_once_about_steps_that_exclude_prism(
    caplog: pytest.LogCaptureFixture,
) -> None:
    first, second = SwitchingDirectRunner(), SwitchingDirectRunner()
    said = warnings(first, PRISM, caplog=caplog)
    assert "session windows" in said
    assert "--runner=PrismRunner makes sure" in said
    assert warnings(first, PRISM, caplog=caplog) == said
    assert warnings(second, PRISM, caplog=caplog) == f"{said}\n{said}"


STEPS: dict[str, tuple[bool, Callable[[Any], Any]]] = {
    "plain": (True, lambda ones: ones | beam.Map(str)),
    "sessions": (False, lambda ones: ones | beam.WindowInto(Sessions(10))),
    "exceptions": (False, lambda ones: (ones | beam.Map(str).with_exception_handling())[0]),
}


@pytest.mark.parametrize("step", STEPS)
def test_direct_runner_takes_prism_except_for_pipelines_with_these_steps(
    step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []
    monkeypatch.setattr(
        BeamsPrismRunner, "run_pipeline", lambda *given: tried.append(given)
    )  # has no result, so Beam falls back
    goes_to_prism, add_step = STEPS[step]
    with beam.Pipeline(runner="DirectRunner", options=PipelineOptions([PRISM])) as pipeline:
        add_step(pipeline | beam.Create([1]))
    assert bool(tried) == goes_to_prism


def test_prism_resumes_a_call_at_once_and_flink_holds_watermarks() -> None:
    assert check_runner(PrismRunner(), PipelineOptions([]), registry=REGISTRY) == RunnerTraits(
        streams=True, resumes_at_once=True, holds_watermarks=False
    )
    assert check_runner(FlinkRunner(), PipelineOptions([]), registry=REGISTRY) == RunnerTraits(
        streams=True, resumes_at_once=False, holds_watermarks=True
    )


def test_a_job_server_that_is_not_known_may_hold_watermarks_or_not() -> None:
    assert check_runner(PortableRunner(), PipelineOptions([]), registry=REGISTRY).holds_watermarks is None


def test_a_runner_that_cannot_stream_is_warned_about_with_the_remedy(caplog: pytest.LogCaptureFixture) -> None:
    said = warnings(FnApiRunner(), caplog=caplog)
    assert "no window fires" in said
    assert "--runner=PrismRunner" in said


@pytest.mark.parametrize("endless", [True, False])
@pytest.mark.parametrize(("flags", "warned"), [([], True), (["--checkpointing_interval=60000"], False)])
def test_an_app_on_flink_without_checkpoints_is_warned_about(
    flags: list[str], warned: bool, endless: bool, caplog: pytest.LogCaptureFixture
) -> None:
    flags = [*flags, "--streaming"]
    with caplog.at_level(logging.WARNING, logger="beam_dis"):
        check_runner(FlinkRunner(), PipelineOptions(flags), app="delays", endless=endless, registry=REGISTRY)
    assert ("nothing is ever committed" in caplog.text) == warned


@pytest.mark.parametrize("endless", [True, False])
def test_an_app_in_flinks_batch_mode_is_warned_about(endless: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Flink chooses batch mode for a job without an endless collection unless it is told otherwise."""
    options = PipelineOptions(["--checkpointing_interval=60000"])
    with caplog.at_level(logging.WARNING, logger="beam_dis"):
        check_runner(FlinkRunner(), options, app="delays", endless=endless, registry=REGISTRY)
    assert ("Flink fails on finalizers in batch mode" in caplog.text) == (not endless)


def test_workers_that_drop_deferred_work_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="direct_num_workers=4 silently drops"):
        check_runner(FnApiRunner(), PipelineOptions(["--direct_num_workers=4"]), registry=REGISTRY)


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
def test_flink_checkpoints_in_the_middle_of_a_bundle_are_warned_about(
    flags: list[str], warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    assert ("--finish_bundle_before_checkpointing" in warnings(FlinkRunner(), *flags, caplog=caplog)) == warned


@pytest.mark.parametrize(
    ("runner", "flags", "expected"),
    [
        (FnApiRunner(), [], True),
        (PrismRunner(), [], True),
        (SwitchingDirectRunner(), [], True),
        (FnApiRunner(), ["--direct_num_workers=2"], False),
        (FlinkRunner(), [], False),
        (PortableRunner(), [], False),
    ],
)
def test_all_bundles_run_in_one_process_on_local_runners_with_one_worker(
    runner: object, flags: list[str], expected: bool
) -> None:
    assert has_one_process(runner, PipelineOptions(flags)) is expected
