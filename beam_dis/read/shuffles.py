"""Warns if an app's commits can run ahead of steps after a shuffle.

Rules:

1. FnApiRunner and Prism finalise a bundle once the steps fused to the read have processed it. Elements that wait after a shuffle are
   in memory: they are committed already, and lost if the process ends.
2. A shuffle is a GroupByKey, a Reshuffle, a step with state, or a side input. Other steps belong to the same bundle.
3. The whole pipeline is known only when it is translated to be run, so it is looked at then, once.
"""

from __future__ import annotations

import logging
from typing import Any

from apache_beam import pvalue
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.runners.common import DoFnSignature
from apache_beam.transforms.core import GroupByKey, ParDo
from apache_beam.transforms.util import ReshufflePerKey

from beam_dis.read.process.registry import Registry
from beam_dis.read.runners import finalizes_before_shuffles

_log = logging.getLogger(__name__)


def warn_about_a_shuffle(pages: pvalue.PCollection[Any], app: str, registry: Registry) -> None:
    """Warn once per pipeline if its runner finalises bundles early and a shuffle follows the pages of a read."""
    pipeline = pages.pipeline
    if not finalizes_before_shuffles(pipeline.runner):
        return
    shuffle = _shuffle_after(pages)
    if shuffle is None or not registry.claim_warning(pipeline):
        return
    _log.warning(
        "app %s: %s commits records that still wait after the shuffle of %r; if the process ends, they are lost. Use"
        ' commit="manual" with CommitToDIS, which commits what is written',
        app,
        type(pipeline.runner).__name__,
        shuffle.full_label,
    )


def _shuffle_after(records: pvalue.PCollection[Any]) -> AppliedPTransform | None:
    """The first shuffle that follows a collection; None if there is none."""
    steps = _Steps()
    records.pipeline.visit(steps)
    reached: set[pvalue.PValue] = {records}
    for step in steps.in_order:
        if any(side.pvalue in reached for side in step.side_inputs):
            return step
        if reached.isdisjoint(step.inputs):
            continue
        if _shuffles(step):
            return step
        reached |= set(step.outputs.values())
    return None


def _shuffles(step: AppliedPTransform) -> bool:
    transform = step.transform
    if isinstance(transform, ParDo):
        return bool(DoFnSignature(transform.fn).is_stateful_dofn())
    return isinstance(transform, GroupByKey | ReshufflePerKey)


class _Steps(PipelineVisitor):
    """The steps of a pipeline without the composites that contain them; each after the steps before it."""

    def __init__(self) -> None:
        self.in_order: list[AppliedPTransform] = []

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        self.in_order.append(transform_node)
