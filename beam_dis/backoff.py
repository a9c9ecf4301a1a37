"""Waiting between attempts: exponential with full jitter.

Law: pure. The n-th delay is uniform in [0, min(ceiling, first * 2**n)]; randomness is a parameter; whoever uses the
delays keeps the deadline. The randomness is our own: whoever seeds Python's for a program of theirs gets what they seeded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

own_random = Random().random
"""Uniform in [0, 1), from a generator that nobody else draws from."""


def full_jitter(
    first: float = 0.05, ceiling: float = 5.0, *, random: Callable[[], float] = own_random
) -> Iterator[float]:
    """Delays in seconds, without end."""
    bound = min(ceiling, first)
    while True:
        yield random() * bound
        bound = min(ceiling, bound * 2)
