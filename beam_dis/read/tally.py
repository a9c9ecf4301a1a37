"""Counts that are made where Beam's counters don't count: on other threads, or in fractions of a second.

Law: what is added is taken once, by whoever runs in a step and can tell Beam; fractions stay until they are whole.
Thread-safe.
"""

from __future__ import annotations

import threading
from collections import defaultdict


class Tally:
    """Numbers by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._amounts: defaultdict[str, float] = defaultdict(float)

    def add(self, name: str, amount: float = 1) -> None:
        """Count something."""
        with self._lock:
            self._amounts[name] += amount

    def take(self) -> dict[str, int]:
        """The whole numbers that were not taken yet."""
        with self._lock:
            whole = {name: int(amount) for name, amount in self._amounts.items() if amount >= 1}
            for name, taken in whole.items():
                self._amounts[name] -= taken
            return whole
