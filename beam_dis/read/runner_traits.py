"""What the runner of a pipeline can do for an endless read.

Law: known while the pipeline is built, from the runner's class and the options; nothing is started or downloaded to find
out. FnApiRunner, and DirectRunner where it has no Prism, starve what stands behind an endless step, keep the watermark
where it is while anything is deferred, and never return: partitions are listed once there, and the log says what won't
happen and what to do. DirectRunner with Prism at hand decides by the whole pipeline, once that is built and run: what
the options say of it is known here, the rest is told as what may happen. Flink may hand nothing out where checkpoints cut
bundles: that is told too.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple
from weakref import WeakSet

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.runners.portability.prism_runner import PrismJobServer
from apache_beam.utils.interactive_utils import is_in_ipython

from beam_dis.errors import ConfigurationError

_log = logging.getLogger(__name__)

_IN_PROCESS = {"FnApiRunner", "BundleBasedDirectRunner"}
_SWITCHING = "SwitchingDirectRunner"
_SAFE_BUNDLES = 20
_FLINK_MILLISECONDS = {"checkpointing_interval": -1, "max_bundle_time_mills": 1000}


_RETURNING = {"PrismRunner", _SWITCHING}
_KEPT_FROM_PRISM = ("allow_unsafe_triggers", "update_compatibility_version")
_told: WeakSet[object] = WeakSet()  # one runner each: a pipeline of many reads hears of it once, the next one again


class RunnerTraits(NamedTuple):
    """``streams``: windows fire and partitions are found while an endless read runs. ``returns_at_once``: a call that asked
    for no delay has its next one as soon as its bundle is through; on Flink a timer has to fire first, up to a second later.
    """

    streams: bool = False
    returns_at_once: bool = False


def runs_endless_steps(runner: object, options: PipelineOptions) -> bool:
    """Whether windows fire and partitions are found while an endless read runs."""
    name = type(runner).__name__
    return name not in _IN_PROCESS and (name != _SWITCHING or _given_to_prism(options))


def check(runner: object, options: PipelineOptions, *, app: str | None = None) -> RunnerTraits:
    """What it can do; warns where that isn't all, and refuses what would lose data without a word."""
    if runs_endless_steps(runner, options):
        _tell_of_the_switch(runner)
        _check_flink(runner, options, app)
        return RunnerTraits(streams=True, returns_at_once=type(runner).__name__ in _RETURNING)
    workers = options.view_as(DirectOptions).direct_num_workers
    if workers != 1:
        raise ConfigurationError(
            f"--direct_num_workers={workers} drops what an endless read leaves for later, without a word: leave it at 1,"
            " or use Prism (--runner=PrismRunner --prism_location=…)"
        )
    _log.warning(
        "an endless read on %s: elements flow through steps fused to the read, but no window fires, nothing behind a"
        " GroupByKey runs, new partitions aren't found and run() never returns. Use Prism for that: install it with"
        " `go install github.com/apache/beam/sdks/v2/go/cmd/prism@latest` and run with --runner=PrismRunner"
        " --prism_location=PATH",
        type(runner).__name__,
    )
    return RunnerTraits()


def _tell_of_the_switch(runner: object) -> None:
    """Beam looks at the steps only when the pipeline is run, too late to list partitions once instead."""
    if type(runner).__name__ != _SWITCHING or runner in _told:
        return
    _told.add(runner)
    _log.warning(
        "DirectRunner takes Prism for an endless read, unless Prism doesn't start or the pipeline has one of these anywhere:"
        " session windows, with_exception_handling, TestStream, a timer in processing time, combining state, a combiner with"
        " side inputs, a cross-language step. Then it takes FnApiRunner, without a warning, and nothing is read."
        " --runner=PrismRunner makes sure"
    )


def _check_flink(runner: object, options: PipelineOptions, app: str | None) -> None:
    """A bundle that a checkpoint cuts holds its output back till the next begins, which may be never.

    Seen on Flink 1.19 with bundles of one second: nothing came out with checkpoints every 1, 2 and 5 s; with bundles of a
    twentieth of the interval it did.
    """
    if type(runner).__name__ != "FlinkRunner":
        return
    known = options.get_all_options(retain_unknown_options=True)
    interval, bundle = (int(known.get(name) or default) for name, default in _FLINK_MILLISECONDS.items())
    if interval <= 0 and app is not None:
        _log.warning(
            "app %s: without --checkpointing_interval Flink finalises nothing, so nothing is ever committed to the app."
            " Add --checkpointing_interval=2000 --finish_bundle_before_checkpointing",
            app,
        )
    if 0 < interval < _SAFE_BUNDLES * bundle and not known.get("finish_bundle_before_checkpointing"):
        _log.warning(
            "--checkpointing_interval=%d cuts bundles of %d ms (--max_bundle_time_mills): on Flink such a read may never hand"
            " anything out, without an error. Add --finish_bundle_before_checkpointing",
            interval,
            bundle,
        )


def _given_to_prism(options: PipelineOptions) -> bool:
    """As far as the options say; the steps have their say when the pipeline is run."""
    known = options.get_all_options()
    return _prism_found(options) and not is_in_ipython() and not any(known.get(name) for name in _KEPT_FROM_PRISM)


def _prism_found(options: PipelineOptions) -> bool:
    location = options.get_all_options().get("prism_location")
    cache = Path(PrismJobServer.BIN_CACHE)
    return bool(location) or (cache.is_dir() and any(cache.iterdir()))
