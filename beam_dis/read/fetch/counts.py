"""Counts and sizes that are kept beside Beam's metrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from beam_dis.forks import ForkSafeLock
from beam_dis.stream_service import PageRecord

_ASSUMED_BYTES = 256


class PendingCounts:
    """Counts held until a step can report them: Beam drops increments from other threads, and counts in whole numbers.

    Each whole number is taken once; fractions stay until they are whole. Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._amounts: defaultdict[str, float] = defaultdict(float)

    def add(self, name: str, amount: float = 1) -> None:
        """Add to a count."""
        with self._lock:
            self._amounts[name] += amount

    def take(self) -> dict[str, int]:
        """Remove and return the whole numbers."""
        with self._lock:
            whole = {name: int(amount) for name, amount in self._amounts.items() if amount >= 1}
            for name, taken in whole.items():
                self._amounts[name] -= taken
            return whole


class RecordSize:
    """The mean size of the records that were read, and how many of their numbers have one; races only blur it.

    Runners weigh restrictions by it.
    """

    def __init__(self) -> None:
        self._records = 0
        self._bytes = 0
        self._numbers = 0

    def note(self, records: int, size: int, numbers: int) -> None:
        """Some records of together ``size`` bytes were read, the first and the last of so many numbers among them."""
        self._records += records
        self._bytes += size
        self._numbers += numbers

    def records_in(self, numbers: int) -> int:
        """How many records so many numbers may have, at least one."""
        return max(1, round(numbers * self._records / self._numbers)) if numbers and self._numbers else numbers

    def estimate(self, records: int) -> float:
        """The bytes that so many records may have."""
        return records * (self._bytes / self._records if self._records else _ASSUMED_BYTES)


def estimated_bytes(size: RecordSize | None, numbers: int) -> float:
    """The bytes that the records of so many numbers may have, also in a process that has read nothing yet."""
    known = size or RecordSize()
    return known.estimate(known.records_in(numbers))


def numbers_of(records: Sequence[PageRecord]) -> int:
    """How many numbers there are from the first record of a page to its last one; some of them may have no record."""
    return records[-1].sequence_number - records[0].sequence_number + 1
