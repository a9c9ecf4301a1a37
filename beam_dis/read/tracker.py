"""Which part of a restriction has been claimed, for Beam's runners.

Law:

* claims only go forward, and claim every number up to theirs: a gap is claimed with the record behind it;
* a claim at or behind the end is refused, and a refused claim changes nothing;
* a checkpoint (``try_split(0)``) is granted while work remains; any other split only of a range with an end;
* primary and residual are the original, without a gap and without an overlap;
* ``check_done`` fails unless every number was claimed.

It does no I/O and reads no clock: runners call it from other threads, under a lock.
"""

from __future__ import annotations

from apache_beam.io.iobase import RestrictionTracker

from beam_dis.read.progress import OwnProgress
from beam_dis.read.sequence_range import SequenceRange

_NEVER_CLAIMED = (
    ". Nothing was claimed at all: some runners end the call before it begins to read, such as the one that DirectRunner"
    " picks for processing-time timers and TestStream where Prism is missing. Name another with --runner=…"
)


class SequenceRangeTracker(RestrictionTracker):
    """Tracks a :class:`SequenceRange`; the position of a claim is a sequence number.

    ``splittable=False`` leaves dynamic splits out, for reads that must keep a partition in one piece.
    """

    def __init__(self, restriction: SequenceRange, *, splittable: bool = True) -> None:
        self._range = restriction
        self._next = restriction.start
        self._claimed = False
        self._splittable = splittable and restriction.stop is not None

    def current_restriction(self) -> SequenceRange:
        """The range as it is after claims and splits so far."""
        return self._range

    def try_claim(self, position: int) -> bool:
        """Claim every number up to and including ``position``; False where the range ends before it."""
        if position < self._next:
            raise ValueError(
                f"claimed {position}, but {self._range} is claimed up to {self._next - 1}: claims go forward"
            )
        if not self._range.holds(position):
            return False
        self._next = position + 1
        self._claimed = True
        return True

    def try_split(self, fraction_of_remainder: float) -> tuple[SequenceRange, SequenceRange] | None:
        """Give away the unclaimed part (0) or a fraction of it; None where there is nothing to give."""
        split = self._next if fraction_of_remainder == 0 else self._split_point(fraction_of_remainder)
        if split is None or split == self._range.stop:
            return None
        self._range, residual = self._range.split_at(split)
        return self._range, residual

    def check_done(self) -> bool:
        """True once everything is claimed; ValueError names what isn't."""
        if self._range.stop is None or self._next < self._range.stop:
            raise ValueError(
                f"{self._range} was left with {self._next} and what follows unread: "
                "process() returned without claiming or deferring it" + ("" if self._claimed else _NEVER_CLAIMED)
            )
        return True

    def current_progress(self) -> OwnProgress:
        """Numbers claimed and numbers left; without an end, nothing is said to be left."""
        stop = self._next if self._range.stop is None else self._range.stop
        return OwnProgress(completed=self._next - self._range.start, remaining=stop - self._next)

    def is_bounded(self) -> bool:
        """Whether the range has an end."""
        return self._range.stop is not None

    def _split_point(self, fraction: float) -> int | None:
        if not self._splittable or self._range.stop is None:
            return None
        left = self._range.stop - self._next
        return min(self._next + max(1, int(left * fraction)), self._range.stop)
