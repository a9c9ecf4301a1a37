"""The share of a partition's records that is refused however slowly they are sent.

A limit refuses nothing below some rate, and a record that it has no room for is followed by others that it has no room for either.
Refusals at random, or by a service that sheds load, don't become fewer if the rate is lowered: that is of no use.

Rules:
1. A share is found when the rate was lowered to half because of refusals that came each time before it had regrown by half of
   what it had lost; when no smaller share was refused at the last rate than at the first; and when a record was accepted after
   a refused one in the same request.
2. Refusals are expected as long as there are no more than the share makes likely: four standard deviations.
3. What is refused after the rate was lowered corrects the share downwards: there, a limit refuses nothing. If it is less than
   half of the share, or if any number of records is refused that much less, it is the share from then on.
4. More than half of the records isn't a share that is refused at any rate: that is a partition that takes little.
5. Not thread-safe.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

_LOWERED = 0.5
_MOST = 0.5
_DEVIATIONS = 4.0
_SAMPLE_REFUSALS = 5.0
_WINDOW_REFUSALS = 40.0
"""How many refusals are expected among the records that correct the share, and among those that are judged together."""


class SentRecords(NamedTuple):
    """How many records were answered and refused. ``passed``: one was accepted after a refused one that is no larger."""

    sent: int = 0
    refused: int = 0
    passed: bool = False

    @property
    def share(self) -> float:
        """The share that was refused."""
        return self.refused / max(1, self.sent)

    def plus(self, other: SentRecords) -> SentRecords:
        """Both together."""
        return SentRecords(self.sent + other.sent, self.refused + other.refused, self.passed or other.passed)


class _Fall(NamedTuple):
    """A rate that was lowered again and again: the rate and the share refused at first, and all records."""

    rate: float
    share: float
    records: SentRecords


_NONE = SentRecords()


class RefusedShare:
    """The ``share`` of a partition's records that is refused at any rate; 0 as long as none is known."""

    def __init__(self) -> None:
        self.share = 0.0
        self._known_by = 0
        self._regrown = 0.0
        self._fall: _Fall | None = None
        self._step = self._sample = self._window = _NONE

    def expects(self, rate: float, records: SentRecords) -> bool:
        """Note the answers to the records of a request; return whether a lower rate wouldn't have changed them."""
        self._step = self._step.plus(records)
        self._window = self._window.plus(records)
        if rate < self._regrown:
            self._sample = self._sample.plus(records)
        else:
            self._end_sample()
        sent, refused, _ = self._window
        expected = self.share * sent
        variance = expected * (1.0 - self.share) * (1.0 + sent / max(1, self._known_by))
        likely = refused <= expected + _DEVIATIONS * sqrt(variance)
        if expected >= _WINDOW_REFUSALS:
            self._end_window()
        return likely or not records.refused

    def lowered(self, before: float, after: float) -> None:
        """Note that the rate was lowered, because of refusals that weren't expected."""
        self._end_sample()
        step, fall = self._step, self._fall
        if fall is None or before >= self._regrown or step.share < fall.share / 2:
            fall = _Fall(before, step.share, _NONE)
        records = fall.records.plus(step)
        self._fall = fall._replace(records=records)
        if before < _LOWERED * fall.rate and records.passed:
            self._know(records.share, records.sent)
            self._fall = None
        self._step = self._window = _NONE
        self._regrown = (before + after) / 2

    def _end_sample(self) -> None:
        found, self._sample = self._sample, _NONE
        if self.share * found.sent < _SAMPLE_REFUSALS or found.share >= self.share:
            return
        if found.share < self.share / 2:
            self._know(found.share, found.sent)
        else:
            known = self._known_by + found.sent
            self._know(self.share + (found.share - self.share) * found.sent / known, known)

    def _end_window(self) -> None:
        if self._window.share < self.share / 2:
            self._know(self._window.share, self._window.sent)
        self._window = _NONE

    def _know(self, share: float, known_by: int) -> None:
        self.share, self._known_by = (share, known_by) if share <= _MOST else (0.0, 0)
