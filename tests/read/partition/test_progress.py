"""Progress of restrictions, as Beam's worker reads it."""

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
def test_the_bytes_of_output_change_nothing_of_a_fraction(tracker: Any, fraction: float, output_bytes: float) -> None:
    """Beam's worker says NaN of them while the first output of a bundle is in the steps behind."""
    assert tracker.current_progress().with_completed(output_bytes).fraction_completed == fraction
