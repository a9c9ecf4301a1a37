"""Trackers report their progress in the form that Beam's worker expects."""

from __future__ import annotations

from typing import Any

import pytest

from beam_dis.read.discovery.watch import WatchTracker
from beam_dis.read.partition.tracker import SequenceRangeTracker
from beam_dis.read.values import KnownPartitions, SequenceRange


def claimed(stop: int | None) -> SequenceRangeTracker:
    tracker = SequenceRangeTracker(SequenceRange(0, stop))
    assert tracker.try_claim(24)
    return tracker


TRACKERS = [
    pytest.param(claimed(100), 0.25, id="a range with an end"),
    pytest.param(claimed(None), 1.0, id="a range without an end"),
    pytest.param(WatchTracker(KnownPartitions()), 1.0, id="a watch"),
]


@pytest.mark.parametrize("output_bytes", [0, 5000, float("nan")])
@pytest.mark.parametrize(("tracker", "fraction"), TRACKERS)
def test_the_output_bytes_do_not_change_the_fraction(tracker: Any, fraction: float, output_bytes: float) -> None:
    """Beam's worker gives NaN while the following steps process the first output of a bundle."""
    assert tracker.current_progress().with_completed(output_bytes).fraction_completed == fraction
