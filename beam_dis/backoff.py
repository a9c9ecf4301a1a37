"""Delays between attempts: exponential backoff with full jitter.

Rules:

1. The n-th delay is uniform in [0, min(ceiling, first * 2**n)].
2. The caller keeps the deadline.
3. The generator of random numbers is our own, so that a program that seeds Python's still gets the numbers it expects.
   A forked child seeds it again: otherwise parent and children would pause for the same times and call together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from beam_dis.forks import FORKS


class _Generator(Random):
    def after_fork(self) -> None:
        self.seed()


_GENERATOR = _Generator()
FORKS.register(_GENERATOR)

own_random = _GENERATOR.random
"""Returns random numbers, uniform in [0, 1), from a generator that nothing else uses."""


def full_jitter(
    first: float = 0.05, ceiling: float = 5.0, *, random: Callable[[], float] = own_random
) -> Iterator[float]:
    """Yield delays in seconds, without end.

    Args:
        first: the bound of the first delay, in seconds.
        ceiling: the bound of every delay, in seconds.
        random: uniform in [0, 1).
    """
    bound = min(ceiling, first)
    while True:
        yield random() * bound
        bound = min(ceiling, bound * 2)
