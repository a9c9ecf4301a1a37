"""What a call has claimed, as the positions of the read.

Rules:

1. Every claim belongs to one position: pages, numbers without records, what expired, and the end of a range.
2. A position has the time of its newest record, and is never before the partition's watermark. So it isn't late, and the windows of
   its records end no later than its own.
"""

from __future__ import annotations

from beam_dis.read.partition.loop import Claims
from beam_dis.read.values import ReadPositions, SequenceRange, StreamPartition


class ClaimedRanges:
    """The claims of one call; passes each on to the tracker.

    Args:
        claims: the tracker.
        element: the partition that is read.
        app: the app for which it is read; None if nothing needs its positions.
    """

    def __init__(self, claims: Claims, element: StreamPartition, app: str | None) -> None:
        self._claims = claims
        self._element = element
        self._app = app
        self._taken = self._next = claims.current_restriction().start

    def current_restriction(self) -> SequenceRange:
        """The range as it is now."""
        return self._claims.current_restriction()

    def try_claim(self, position: int) -> bool:
        """Claim every number up to and including one."""
        claimed = self._claims.try_claim(position)
        if claimed:
            self._next = position + 1
        return claimed

    def take(self) -> ReadPositions | None:
        """Take what was claimed since the last call; None if that is nothing, or if nothing needs it."""
        start, self._taken = self._taken, self._next
        if self._app is None or start == self._next:
            return None
        element = self._element
        return ReadPositions(
            self._app, element.stream, element.stream_id, element.partition_id, start, self._next, element.start
        )
