"""How far a partition may be committed: up to the first number that isn't finished.

Rules:

1. A range that follows a missing one waits until the missing one is there.
2. Ranges may come in any order, overlap, and come again, because runners repeat bundles. The number never goes back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitProgress:
    """One partition: every number below ``next_number`` is finished, and so are the ``waiting`` ranges after a missing one.

    A range is ``(start, stop)``, exclusive. The waiting ones are in order and don't touch.
    """

    next_number: int
    waiting: tuple[tuple[int, int], ...] = ()

    def after(self, finished: Iterable[tuple[int, int]]) -> CommitProgress:
        """The progress once more ranges are finished."""
        next_number, waiting = self.next_number, list[tuple[int, int]]()
        for start, stop in sorted([*self.waiting, *finished]):
            if start <= next_number:
                next_number = max(next_number, stop)
            elif waiting and start <= waiting[-1][1]:
                waiting[-1] = waiting[-1][0], max(waiting[-1][1], stop)
            else:
                waiting.append((start, stop))
        return CommitProgress(next_number=next_number, waiting=tuple(waiting))
