"""Counts and sizes that are kept beside Beam's metrics."""

from __future__ import annotations

from collections import defaultdict

from beam_dis.forks import ForkSafeLock

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
    """The mean size of the records that were read, by which runners weigh restrictions; races only blur it."""

    def __init__(self) -> None:
        self._records = 0
        self._bytes = 0

    def note(self, records: int, size: int) -> None:
        """Some records of together ``size`` bytes were read."""
        self._records += records
        self._bytes += size

    def estimate(self, records: int) -> float:
        """The bytes that so many records may have."""
        return records * (self._bytes / self._records if self._records else _ASSUMED_BYTES)


def estimated_bytes(size: RecordSize | None, records: int) -> float:
    """The same, also in a process that has read nothing yet."""
    return (size or RecordSize()).estimate(records)
