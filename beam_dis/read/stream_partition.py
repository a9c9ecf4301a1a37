"""The element of the source: one partition of one stream, with its ends resolved.

Law: a value that says everything ``initial_restriction`` needs, so that a runner may ask for it again without I/O.
"""

from __future__ import annotations

from typing import NamedTuple

from beam_dis.read.sequence_range import SequenceRange
from beam_dis.stream_service import ReadPosition


class StreamPartition(NamedTuple):
    """One partition to read: sequence numbers ``start`` to ``stop`` (exclusive; None without end).

    ``stream`` is its name or id, as the user gave it; ``stream_id`` tells a stream from one made anew under its name.
    ``incarnation`` is 0: a partition that expires and comes back keeps its reader. It is part of the stored form.
    """

    stream: str
    stream_id: str
    partition_id: str
    incarnation: int
    start: int
    stop: int | None

    @property
    def range(self) -> SequenceRange:
        """What is to be read of it."""
        return SequenceRange(self.start, self.stop)

    def at(self, sequence_number: int) -> ReadPosition:
        """Where a number of it is."""
        return ReadPosition(self.stream, self.stream_id, self.partition_id, sequence_number)
