"""The watermark estimator of the source, with a coder of its own.

Law: what is set never goes back; the state is a timestamp, written as version and microseconds, never pickled.
"""

from __future__ import annotations

from typing import Any

from apache_beam import coders
from apache_beam.io.iobase import WatermarkEstimator
from apache_beam.transforms.core import WatermarkEstimatorProvider
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Timestamp

from beam_dis.read.state_coders import WatermarkStateCoder


class ForwardWatermark(WatermarkEstimator):
    """A watermark that is told, and ignores what would take it back."""

    def __init__(self, watermark: Timestamp) -> None:
        self._watermark = watermark

    def set_watermark(self, timestamp: Timestamp) -> None:
        """Move on to a time."""
        self._watermark = max(self._watermark, timestamp)

    def current_watermark(self) -> Timestamp:
        """The time up to which everything was handed out."""
        return self._watermark

    def get_estimator_state(self) -> Timestamp:
        """What the next call goes on from."""
        return self._watermark

    def observe_timestamp(self, timestamp: Timestamp) -> None:
        """Elements say nothing; whoever reads them does."""


class ForwardWatermarkProvider(WatermarkEstimatorProvider):
    """Starts at the beginning of time: a partition's first page says where it is."""

    def initial_estimator_state(self, element: Any, restriction: Any) -> Timestamp:
        """The beginning of time."""
        return MIN_TIMESTAMP

    def create_watermark_estimator(self, estimator_state: Timestamp) -> ForwardWatermark:
        """One that goes on from a state."""
        return ForwardWatermark(estimator_state)

    def estimator_state_coder(self) -> coders.Coder:
        """Our own, versioned."""
        return WatermarkStateCoder()
