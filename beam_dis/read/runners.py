"""What the runner of a pipeline can do for an endless read, and warnings about what it can't.

Rules:

1. It is decided while the pipeline is built, from the runner's class and the options. Nothing is started or downloaded.
2. FnApiRunner, and DirectRunner without Prism, starve the steps after an endless step, keep the watermark while anything is
   deferred, and never return. Partitions are listed once there, and a warning says what won't happen and what to do.
3. DirectRunner with Prism decides by the whole pipeline when it is run. The options are known here; the rest is a warning about
   what may happen.
4. In IPython DirectRunner never takes Prism, and InteractiveRunner collects what has ended: an endless read is refused there.
5. Flink may output nothing if checkpoints cut bundles, and finalises nothing without checkpoints: both are warned about.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions, StandardOptions
from apache_beam.runners.portability.prism_runner import PrismJobServer
from apache_beam.utils.interactive_utils import is_in_ipython

from beam_dis.errors import ConfigurationError
from beam_dis.read.process.registry import Registry

_log = logging.getLogger(__name__)

_IN_PROCESS = {"FnApiRunner", "BundleBasedDirectRunner"}
_SWITCHING = "SwitchingDirectRunner"
_INTERACTIVE = "InteractiveRunner"
_SAFE_BUNDLES = 20
_FLINK_MILLISECONDS = {"checkpointing_interval": -1, "max_bundle_time_mills": 1000}


_RESUMING = {"PrismRunner", _SWITCHING}
_HOLDS_WATERMARKS = {"PrismRunner": False, _SWITCHING: False, "FlinkRunner": True, "DataflowRunner": True}
_KEPT_FROM_PRISM = ("allow_unsafe_triggers", "update_compatibility_version")


class RunnerTraits(NamedTuple):
    """What a runner can do.

    ``streams``: windows fire and partitions are found while an endless read runs. ``resumes_at_once``: a call that asked for
    no delay is followed by the next one as soon as its bundle ends; on Flink a timer has to fire first, up to a second later.
    ``holds_watermarks``: a step's watermark is the lowest of its elements' watermarks and of the steps before it. If it is
    False, the step has the watermark of its last bundle; PortableRunner may be either, so it is None there.
    """

    streams: bool = False
    resumes_at_once: bool = False
    holds_watermarks: bool | None = None


def runs_endless_steps(runner: object, options: PipelineOptions) -> bool:
    """Whether windows fire and partitions are found while an endless read runs."""
    name = type(runner).__name__
    return name not in _IN_PROCESS and (name != _SWITCHING or _given_to_prism(options))


def finalizes_every_bundle(runner: object) -> bool:
    """Whether a runner finalises every bundle of a stage that has a step with finalizers, also bundles without any."""
    return type(runner).__name__ in _RESUMING


def has_one_process(runner: object, options: PipelineOptions) -> bool:
    """Whether all bundles of a step run in one worker process."""
    one_worker = options.view_as(DirectOptions).direct_num_workers == 1
    return one_worker and type(runner).__name__ in _IN_PROCESS | _RESUMING


def finalizes_before_shuffles(runner: object) -> bool:
    """Whether a runner finalises a bundle before the steps after a shuffle have run, and keeps what waits there in memory."""
    return type(runner).__name__ in _IN_PROCESS | _RESUMING


def check_runner(
    runner: object, options: PipelineOptions, *, registry: Registry, app: str | None = None, endless: bool = True
) -> RunnerTraits:
    """Find out what a runner can do, warn if that isn't everything, and refuse what would lose data silently.

    Args:
        runner: the pipeline's.
        options: the pipeline's.
        registry: knows which runners were warned about.
        app: the app to which finalizers commit, if there is one.
        endless: whether the read has no end; of a bounded read only the finalizers matter.

    Raises:
        ConfigurationError: several workers in one process, which drop what an endless read defers; or an endless read in IPython on
            a runner that never returns from it.
    """
    if app is not None:
        _check_finalizers(runner, options, app, endless=endless)
    if not endless:
        return RunnerTraits()
    _refuse_in_notebooks(runner, options)
    if runs_endless_steps(runner, options):
        _warn_about_the_switch(runner, registry)
        _check_flink(runner, options)
        name = type(runner).__name__
        return RunnerTraits(
            streams=True,
            resumes_at_once=name in _RESUMING,
            holds_watermarks=_HOLDS_WATERMARKS.get(name),
        )
    workers = options.view_as(DirectOptions).direct_num_workers
    if workers != 1:
        raise ConfigurationError(
            f"--direct_num_workers={workers} silently drops what an endless read leaves for later: leave it at 1,"
            " or use Prism (--runner=PrismRunner --prism_location=…)"
        )
    _log.warning(
        "an endless read on %s: elements flow through steps fused to the read, but no window fires, nothing after a"
        " GroupByKey runs, new partitions aren't found and run() never returns. Use Prism for that: install it with"
        " `go install github.com/apache/beam/sdks/v2/go/cmd/prism@latest` and run with --runner=PrismRunner"
        " --prism_location=PATH",
        type(runner).__name__,
    )
    return RunnerTraits()


def _refuse_in_notebooks(runner: object, options: PipelineOptions) -> None:
    """Refuse what would block a cell forever: Beam's own limits of a recording are for its own sources only."""
    name = type(runner).__name__
    if name != _INTERACTIVE and (runs_endless_steps(runner, options) or not is_in_ipython()):
        return
    name = "DirectRunner" if name == _SWITCHING else name
    raise ConfigurationError(
        f"an endless read in IPython on {name} never returns: give the read an end, such as"
        ' stop=StoppingPosition.after(records=1000, seconds=10) or stop="latest", or run the pipeline on Prism, with'
        " --runner=PrismRunner --prism_location=PATH"
    )


def _warn_about_the_switch(runner: object, registry: Registry) -> None:
    """Warn once per runner: Beam looks at the steps when the pipeline is run, too late to list partitions only once."""
    if type(runner).__name__ != _SWITCHING or not registry.claim_warning(runner):
        return
    _log.warning(
        "DirectRunner takes Prism for an endless read, unless Prism doesn't start or the pipeline has one of these anywhere:"
        " session windows, with_exception_handling, TestStream, a timer in processing time, combining state, a combiner with"
        " side inputs, a cross-language step. Then it takes FnApiRunner, without a warning, and nothing is read."
        " --runner=PrismRunner makes sure"
    )


def _check_flink(runner: object, options: PipelineOptions) -> None:
    """A checkpoint in the middle of a bundle withholds its output until the next bundle starts, which may never happen.

    Seen on Flink 1.19 with bundles of one second: there was no output with checkpoints every 1, 2 and 5 s; with bundles of a
    twentieth of the interval there was.
    """
    if type(runner).__name__ != "FlinkRunner":
        return
    interval, bundle = (_flink_milliseconds(options, name) for name in _FLINK_MILLISECONDS)
    known = options.get_all_options(retain_unknown_options=True)
    if 0 < interval < _SAFE_BUNDLES * bundle and not known.get("finish_bundle_before_checkpointing"):
        _log.warning(
            "--checkpointing_interval=%d cuts bundles of %d ms (--max_bundle_time_mills): on Flink such a read may never output"
            " anything, without an error. Add --finish_bundle_before_checkpointing",
            interval,
            bundle,
        )


def _check_finalizers(runner: object, options: PipelineOptions, app: str, *, endless: bool) -> None:
    """Warn if Flink won't run the finalizers that commit to an app: in batch mode it fails, without checkpoints it runs none."""
    if type(runner).__name__ != "FlinkRunner":
        return
    if not endless and not options.view_as(StandardOptions).streaming:
        _log.warning(
            'app %s: Flink fails on finalizers in batch mode. Use commit="manual" with CommitToDIS, or add --streaming'
            " --checkpointing_interval=2000 --finish_bundle_before_checkpointing --shutdown_sources_after_idle_ms=0",
            app,
        )
    elif _flink_milliseconds(options, "checkpointing_interval") <= 0:
        _log.warning(
            "app %s: without --checkpointing_interval Flink finalises nothing, so nothing is ever committed to the app."
            " Add --checkpointing_interval=2000 --finish_bundle_before_checkpointing",
            app,
        )


def _flink_milliseconds(options: PipelineOptions, name: str) -> int:
    """An option that only Flink's job server knows, or its default."""
    known = options.get_all_options(retain_unknown_options=True)
    return int(known.get(name) or _FLINK_MILLISECONDS[name])


def _given_to_prism(options: PipelineOptions) -> bool:
    """Whether Beam chooses Prism, as far as that depends on the options; it also depends on the steps."""
    known = options.get_all_options()
    return _prism_found(options) and not is_in_ipython() and not any(known.get(name) for name in _KEPT_FROM_PRISM)


def _prism_found(options: PipelineOptions) -> bool:
    location = options.get_all_options().get("prism_location")
    cache = Path(PrismJobServer.BIN_CACHE)
    return bool(location) or (cache.is_dir() and any(cache.iterdir()))
