"""The second output of the steps that read: their positions."""

from __future__ import annotations

from typing import Any

from apache_beam.pvalue import TaggedOutput
from apache_beam.transforms.window import TimestampedValue
from apache_beam.utils.timestamp import Timestamp

from beam_dis.read.values import ReadPositions

POSITIONS = "positions"


def position_output(read: ReadPositions, micros: int) -> TaggedOutput[str, Any]:
    """A position as an output with its time (µs)."""
    return TaggedOutput(POSITIONS, TimestampedValue(read, Timestamp(micros=micros)))
