"""What an endless discovery has claimed, for Beam's runners.

Law: a claim is the knowledge after one listing, and only grows; a checkpoint is always granted and hands the whole watch
on; nothing else is split. It does no I/O and reads no clock.
"""

from __future__ import annotations

from dataclasses import replace

from apache_beam.io.iobase import RestrictionTracker

from beam_dis.read.known_partitions import KnownPartitions
from beam_dis.read.progress import OwnProgress


class WatchTracker(RestrictionTracker):
    """Tracks :class:`KnownPartitions`."""

    def __init__(self, restriction: KnownPartitions) -> None:
        self._known = restriction

    def current_restriction(self) -> KnownPartitions:
        """What is known so far."""
        return self._known

    def try_claim(self, position: KnownPartitions) -> bool:
        """Take over what a listing taught; False where another call goes on with the watch."""
        if self._known.over:
            return False
        self._known = position
        return True

    def try_split(self, fraction_of_remainder: float) -> tuple[KnownPartitions, KnownPartitions] | None:
        """Hand the watch on (0); None for any fraction."""
        if self._known.over or fraction_of_remainder != 0:
            return None
        residual, self._known = self._known, replace(self._known, over=True)
        return self._known, residual

    def check_done(self) -> bool:
        """True once the watch was handed on; it has no other end."""
        if not self._known.over:
            raise ValueError("the watch over a stream's partitions was left: process() returned without deferring it")
        return True

    def current_progress(self) -> OwnProgress:
        """Nothing is left between two listings."""
        return OwnProgress(completed=len(self._known.partitions), remaining=0)

    def is_bounded(self) -> bool:
        """Never."""
        return False
