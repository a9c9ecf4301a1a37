"""Holds positions until other steps have finished their records, in place of Beam's WaitOn.

Rules:

1. Beam's own WaitOn isn't used for positions. On Flink it never passes anything on, because nothing tells a step that an empty side
   input is complete. On Prism it doesn't look at the windows that it waits for, and passes positions on too early.
2. A position is moved to the end of the last window that its records can be in: of the collection that is waited for, and of the
   steps before it. There it is grouped, together with that collection emptied. So the runner passes it on when the watermarks of
   both are after that end, which is after all of the records have gone through.
3. Session windows can end at any time after a record, so they are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.pipeline import AppliedPTransform, PTransformOverride
from apache_beam.transforms.util import WaitOn
from apache_beam.transforms.window import (
    FixedWindows,
    GlobalWindows,
    NonMergingWindowFn,
    TimestampedValue,
    WindowFn,
)
from apache_beam.utils.timestamp import Timestamp

from beam_dis.errors import ConfigurationError
from beam_dis.read.values import ReadPositions

LATE_SECONDS = 600
"""A position that is late all the same is passed on too: dropped, it would stop all later commits of its partition."""

PCollections = Sequence[pvalue.PCollection[Any]]


def key_of(position: ReadPositions) -> str:
    """The key of a partition: stream ids have no colon."""
    return f"{position.stream_id}:{position.partition_id}"


def wait_in_windows(positions: pvalue.PCollection[Any]) -> pvalue.PCollection[Any] | None:
    """Replace each WaitOn that positions come through by one that works on every runner.

    Returns:
        The positions after that; None if they wait for nothing.
    """
    waiting = [node for node in _composites_before(positions) if isinstance(node.transform, WaitOn)]
    for node in waiting:
        replacement = _Replacement(node)
        positions.pipeline.replace_all([replacement])
        if positions in node.outputs.values():
            positions = replacement.after_windows.output
    return positions if waiting else None


class _Replacement(PTransformOverride):
    """Replaces one WaitOn, for all that follows it."""

    def __init__(self, waiting: AppliedPTransform) -> None:
        self._waiting = waiting
        self.after_windows = AfterWindows(_awaited(waiting))

    def matches(self, applied_ptransform: AppliedPTransform) -> bool:
        return applied_ptransform is self._waiting

    def get_replacement_transform_for_applied_ptransform(
        self, applied_ptransform: AppliedPTransform
    ) -> beam.PTransform[Any, Any]:
        return self.after_windows


class AfterWindows(beam.PTransform[Any, Any]):
    """Positions → the same, once the records have gone through all of some collections; ``output`` is the result."""

    output: pvalue.PCollection[Any]

    def __init__(self, awaited: PCollections) -> None:
        super().__init__()
        self._awaited = awaited

    def expand(self, positions: pvalue.PCollection[Any]) -> pvalue.PCollection[Any]:
        """Move, group with the emptied collections, and ungroup."""
        element_type = tuple[str, ReadPositions]
        moving = _MoveToWindowEndFn([window_fns_before(awaited) for awaited in self._awaited])
        parts = [positions | "MoveToWindowEnd" >> beam.ParDo(moving).with_output_types(element_type)]
        for index, awaited in enumerate(self._awaited):
            parts.append(awaited | f"Empty{index}" >> beam.FlatMap(_nothing).with_output_types(element_type))
        windows = [
            part | f"Windows{index}" >> beam.WindowInto(FixedWindows(1), allowed_lateness=LATE_SECONDS)
            for index, part in enumerate(parts)
        ]
        self.output = (
            windows
            | "Flatten" >> beam.Flatten()
            | "Group" >> beam.GroupByKey()
            | "Ungroup" >> beam.FlatMap(_positions).with_output_types(ReadPositions)
            | "NoWindows" >> beam.WindowInto(GlobalWindows())
        )
        return self.output


def window_fns_before(awaited: pvalue.PCollection[Any]) -> list[WindowFn]:
    """The windows of a collection and of all collections that it is made from, in the order in which records go through them.

    Raises:
        ConfigurationError: some are session windows, or others that merge.
    """
    found: list[WindowFn] = []
    for collection in _collections_before(awaited):
        window_fn = collection.windowing.windowfn
        if window_fn == GlobalWindows() or (found and found[-1] == window_fn):
            continue
        if not isinstance(window_fn, NonMergingWindowFn):
            raise ConfigurationError(
                f"WaitOn waits for {awaited}, whose records go through {window_fn}. Windows that merge can end at any time after a"
                " record, so nothing says when its position may be committed: use fixed or sliding windows, or commit="
                '"finalized"'
            )
        found.append(window_fn)
    return found


def last_end(time: Timestamp, window_fns: Iterable[WindowFn]) -> Timestamp:
    """The end of the last window that a record can be in, if it goes through some windows one after the other."""
    for window_fn in window_fns:
        windows = window_fn.assign(WindowFn.AssignContext(time))
        time = max([time, *(window.max_timestamp() for window in windows if window is not None)])
    return time


class _MoveToWindowEndFn(beam.DoFn):
    """Position → (key, position), at the end of the last window of its records."""

    def __init__(self, window_fns: list[list[WindowFn]]) -> None:
        self._window_fns = window_fns

    def process(self, position: ReadPositions, timestamp: Any = beam.DoFn.TimestampParam) -> Iterator[Any]:
        """Move a position."""
        end = max(last_end(timestamp, window_fns) for window_fns in self._window_fns)
        yield TimestampedValue((key_of(position), position), end)


def _awaited(waiting: AppliedPTransform) -> list[pvalue.PCollection[Any]]:
    """What a WaitOn waits for: it empties each collection, groups that, and has it as a side input."""
    (output,) = waiting.outputs.values()
    awaited = []
    for grouped in _side_inputs(output.producer):
        (emptied,) = grouped.producer.inputs
        awaited += emptied.producer.inputs
    return awaited


def _nothing(_element: Any) -> tuple[()]:
    return ()


def _positions(group: tuple[str, Iterable[ReadPositions]]) -> Iterable[ReadPositions]:
    return group[1]


def _collections_before(collection: pvalue.PCollection[Any]) -> list[pvalue.PCollection[Any]]:
    """A collection and all that it is made from, each after those before it."""
    ordered: dict[int, pvalue.PCollection[Any]] = {}
    stack = [(collection, False)]
    seen = set[int]()
    while stack:
        each, is_ready = stack.pop()
        if is_ready:
            ordered[id(each)] = each
        elif id(each) not in seen and isinstance(each, pvalue.PCollection):
            seen.add(id(each))
            stack.append((each, True))
            stack += [(before, False) for before in _inputs(each.producer)]
    return list(ordered.values())


def _inputs(node: AppliedPTransform | None) -> list[Any]:
    return [] if node is None else [*node.inputs, *_side_inputs(node)]


def _side_inputs(node: AppliedPTransform | None) -> list[Any]:
    return [] if node is None else [side.pvalue for side in node.side_inputs]


def _composites_before(positions: pvalue.PCollection[Any]) -> list[AppliedPTransform]:
    """The transforms, with those that contain them, through which a collection comes; the first ones first."""
    found: dict[int, AppliedPTransform] = {}
    for collection in _collections_before(positions):
        node = collection.producer
        while node is not None:
            found.setdefault(id(node), node)
            node = node.parent
    return list(found.values())
