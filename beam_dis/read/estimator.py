"""The watermark estimator of the source, with a state of its own.

Law: what is set never goes back. A partition's own watermark, which the times of its elements agree with, is kept beside the
one that was reported of it, which is the lowest of several partitions; both are part of what a runner stores, never pickled.
"""

from __future__ import annotations

from typing import Any

from apache_beam import coders
from apache_beam.io.iobase import WatermarkEstimator
from apache_beam.transforms.core import WatermarkEstimatorProvider
from apache_beam.utils.timestamp import Timestamp

from beam_dis.read.event_time import timestamp_of
from beam_dis.read.state_coders import WatermarkStateCoder
from beam_dis.read.watermark import START_OF_TIME_MS, WatermarkState


class ForwardWatermark(WatermarkEstimator):
    """A watermark that is told, and ignores what would take it back; milliseconds, but what Beam asks for."""

    def __init__(self, state: WatermarkState) -> None:
        self._state = state

    def own(self) -> int:
        """How far the partition itself has come."""
        return self._state.own

    def advance(self, own: int, reported: int) -> None:
        """Move on to a time, and report one."""
        self._state = WatermarkState(max(self._state.own, own), max(self._state.reported, reported))

    def current_watermark(self) -> Timestamp:
        """What the runner is told."""
        return timestamp_of(self._state.reported)

    def get_estimator_state(self) -> WatermarkState:
        """What the next call goes on from."""
        return self._state

    def observe_timestamp(self, timestamp: Timestamp) -> None:
        """Elements say nothing; whoever reads them does."""


class ForwardWatermarkProvider(WatermarkEstimatorProvider):
    """Starts at the beginning of time: a partition's first page says where it is."""

    def initial_estimator_state(self, element: Any, restriction: Any) -> WatermarkState:
        """The beginning of time."""
        return WatermarkState(START_OF_TIME_MS, START_OF_TIME_MS)

    def create_watermark_estimator(self, estimator_state: WatermarkState) -> ForwardWatermark:
        """One that goes on from a state."""
        return ForwardWatermark(estimator_state)

    def estimator_state_coder(self) -> coders.Coder:
        """Our own, versioned."""
        return WatermarkStateCoder()
