"""The restriction of the source: which sequence numbers of a partition are still to be read.

Law: ``[start, stop)`` in absolute sequence numbers, ``stop=None`` without end; a value, always truthy (a falsy residual
is dropped by runners without a word). Splitting never loses or repeats a number: the parts stand side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SequenceRange:
    """The sequence numbers ``start <= n < stop``; all from ``start`` on where ``stop`` is None."""

    start: int
    stop: int | None

    def __post_init__(self) -> None:
        if self.start < 0 or (self.stop is not None and self.stop < self.start):
            raise ValueError(f"{self} is no range: 0 <= start <= stop must hold")

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"[{self.start}, {'…' if self.stop is None else self.stop})"

    @property
    def size(self) -> int | None:
        """How many numbers there are; None without end."""
        return None if self.stop is None else self.stop - self.start

    def holds(self, sequence_number: int) -> bool:
        """Whether a number belongs to the range."""
        return self.start <= sequence_number and (self.stop is None or sequence_number < self.stop)

    def split_at(self, sequence_number: int) -> tuple[SequenceRange, SequenceRange]:
        """The part below a number and the part from it on."""
        return SequenceRange(self.start, sequence_number), SequenceRange(sequence_number, self.stop)

    def chunks(self, size: int) -> Iterator[SequenceRange]:
        """The range cut into parts of ``size`` numbers, the last one smaller; an empty or endless one stays whole."""
        if self.stop is None or self.stop - self.start <= size:
            yield self
            return
        for start in range(self.start, self.stop, size):
            yield SequenceRange(start, min(start + size, self.stop))
