"""The watermark estimator of the source, whose state Beam stores.

Rules:

1. A watermark that is set never goes back.
2. A partition's own watermark, with which the times of its elements agree, is kept beside the reported one, which is the
   lowest of several partitions.
"""

from __future__ import annotations

from typing import Any

from apache_beam import coders
from apache_beam.io.iobase import WatermarkEstimator
from apache_beam.transforms.core import WatermarkEstimatorProvider
from apache_beam.utils.timestamp import Timestamp

from beam_dis.read.state import WatermarkStateCoder
from beam_dis.read.values import START_OF_TIME_MS, WatermarkState
from beam_dis.read.watermark.event_time import timestamp_of


class ForwardWatermark(WatermarkEstimator):
    """A monotonic watermark that the reader sets, in milliseconds except where Beam wants a Timestamp."""

    def __init__(self, state: WatermarkState) -> None:
        self._state = state

    def own(self) -> int:
        """The partition's own watermark (ms)."""
        return self._state.own

    def reported(self) -> int:
        """The watermark (ms) that is reported to the runner."""
        return self._state.reported

    def advance(self, own: int, reported: int) -> None:
        """Move both watermarks (ms) forward."""
        self._state = WatermarkState(max(self._state.own, own), max(self._state.reported, reported))

    def current_watermark(self) -> Timestamp:
        """The reported watermark."""
        return timestamp_of(self._state.reported)

    def get_estimator_state(self) -> WatermarkState:
        """Where the next call continues."""
        return self._state

    def observe_timestamp(self, timestamp: Timestamp) -> None:
        """Ignored: the reader sets the watermark."""


class ForwardWatermarkProvider(WatermarkEstimatorProvider):
    """Starts at the beginning of time, because only a partition's first page shows where it is."""

    def initial_estimator_state(self, element: Any, restriction: Any) -> WatermarkState:
        return WatermarkState(START_OF_TIME_MS, START_OF_TIME_MS)

    def create_watermark_estimator(self, estimator_state: WatermarkState) -> ForwardWatermark:
        return ForwardWatermark(estimator_state)

    def estimator_state_coder(self) -> coders.Coder:
        return WatermarkStateCoder()
