"""The ranges of a bounded read that this process will probably read next.

Rules:

1. The ranges are known when the runner has them split in this process. A runner with one worker process gives them to it
   in that order; other runners give most of them to other processes.
2. With one worker process eight ranges are expected after one that is read. Otherwise two are, and with each one that comes, one more, up
   to eight.
3. A range that is expected and doesn't come stays expected. So a process fetches at most eight ranges in vain in a read, and two
   if it is never given what it expects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from beam_dis.forks import ForkSafeLock
from beam_dis.stream_service import ReadPosition

FIRST_EXPECTED = 2
MOST_EXPECTED = 8


class Expected(NamedTuple):
    """A range that will probably be read; ``proven`` if such a guess was right before."""

    position: ReadPosition
    stop: int
    proven: bool


Following = Callable[[], Expected | None]
"""Takes the ranges that are expected after another one, one at a time."""


def nothing_follows() -> None:
    """Nothing is expected."""


class UpcomingRanges:
    """The ranges of one read in one process; thread-safe."""

    def __init__(self) -> None:
        self.is_only_process = False
        self._lock = ForkSafeLock()
        self._numbers: dict[ReadPosition, int] = {}
        self._waiting: dict[int, tuple[ReadPosition, int]] = {}
        self._expected: set[int] = set()
        self._came = 0

    def note(self, position: ReadPosition, stop: int) -> None:
        """A range was split; somebody will read it."""
        with self._lock:
            if position not in self._numbers:
                number = self._numbers[position] = len(self._numbers)
                self._waiting[number] = position, stop

    def begin(self, position: ReadPosition) -> Following:
        """The range at a position is read now. Returns a function that takes the ranges after it, one at a time."""
        with self._lock:
            number = self._numbers.get(position, -1)
            self._waiting.pop(number, None)
            if number in self._expected:
                self._expected.remove(number)
                self._came += 1
        return lambda: self._expect(number)

    def _expect(self, number: int) -> Expected | None:
        """The next range that is waiting after the one with a number; None if there is none, or enough are expected."""
        with self._lock:
            most = MOST_EXPECTED if self.is_only_process else min(FIRST_EXPECTED + self._came, MOST_EXPECTED)
            if len(self._expected) >= most:
                return None
            following = next((n for n in range(number + 1, len(self._numbers)) if n in self._waiting), None)
            if following is None:
                return None
            self._expected.add(following)
            return Expected(*self._waiting.pop(following), self._came > 0 or self.is_only_process)
