"""The part of a restriction that has been claimed, for Beam's runners.

Rules:

1. Claims only go forward, and a claim covers every number up to it: a gap is claimed with the record after it.
2. A claim at or after the end is refused, and a refused claim changes nothing.
3. A checkpoint (``try_split(0)``) is granted while work remains; any other split only for a range with an end.
4. Primary and residual together are the original, without a gap or an overlap.
5. ``check_done`` fails unless every number was claimed: of a range without an end, those up to LAST_NUMBER.
6. There is no I/O and no clock here: runners call a tracker from other threads, under a lock.
"""

from __future__ import annotations

from typing import final

from apache_beam.io.iobase import RestrictionProgress, RestrictionTracker

from beam_dis.read.values import LAST_NUMBER, SequenceRange

_NOTHING_CLAIMED = (
    ". Nothing was claimed at all: some runners end the call before it begins to read, such as the one that DirectRunner"
    " picks for processing-time timers and TestStream when Prism is missing. Name another with --runner=…"
)


@final
class OwnProgress(RestrictionProgress):
    """Work ``completed`` and ``remaining``, in the same unit, which Beam doesn't replace.

    Beam's worker puts the bytes of output in place of ``completed``, whatever the unit of ``remaining``. Until a bundle's
    first output has passed the following steps these bytes are not a number, and a runner that splits at that moment fails
    the job, as Prism does.
    """

    def __init__(self, *, completed: float, remaining: float) -> None:
        super().__init__(completed=completed, remaining=remaining)  # type: ignore[no-untyped-call]

    def with_completed(self, completed: float) -> OwnProgress:
        """The same, because output bytes don't measure this work."""
        return self


class SequenceRangeTracker(RestrictionTracker):
    """Tracks a SequenceRange; claims are sequence numbers.

    ``splittable=False`` refuses dynamic splits, for reads that must keep a partition in one piece.
    """

    def __init__(self, restriction: SequenceRange, *, splittable: bool = True) -> None:
        self._range = restriction
        self._next = restriction.start
        self._claimed = False
        self._splittable = splittable and restriction.stop is not None

    def current_restriction(self) -> SequenceRange:
        """The range after the claims and splits so far."""
        return self._range

    def try_claim(self, position: int) -> bool:
        """Claim every number up to and including ``position``; False if the range ends before it."""
        if position < self._next:
            raise ValueError(
                f"claimed {position}, but {self._range} is claimed up to {self._next - 1}: claims go forward"
            )
        if not self._range.contains(position):
            return False
        self._next = position + 1
        self._claimed = True
        return True

    def try_split(self, fraction_of_remainder: float) -> tuple[SequenceRange, SequenceRange] | None:
        """Give away the unclaimed part (0) or a fraction of it; None if there is nothing to give."""
        stop = self._range.stop
        if fraction_of_remainder == 0:
            split = self._next
        elif self._splittable and stop is not None:
            split = min(self._next + max(1, int((stop - self._next) * fraction_of_remainder)), stop)
        else:
            return None
        if split == self._end:
            return None
        self._range, residual = self._range.split_at(split)
        return self._range, residual

    def check_done(self) -> bool:
        """True once everything is claimed; a ValueError names the rest."""
        if self._next < self._end:
            raise ValueError(
                f"{self._range} was left with {self._next} and what follows unread: "
                "process() returned without claiming or deferring it" + ("" if self._claimed else _NOTHING_CLAIMED)
            )
        return True

    def current_progress(self) -> OwnProgress:
        """Numbers claimed and numbers left; of an endless range none is said to be left."""
        stop = self._next if self._range.stop is None else self._range.stop
        return OwnProgress(completed=self._next - self._range.start, remaining=stop - self._next)

    def is_bounded(self) -> bool:
        """Whether the range has an end."""
        return self._range.stop is not None

    @property
    def _end(self) -> int:
        return LAST_NUMBER + 1 if self._range.stop is None else self._range.stop
