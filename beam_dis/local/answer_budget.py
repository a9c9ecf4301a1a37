"""The bytes of answers that clients haven't taken yet.

Law: nobody waits for room. The more of it is held by clients that don't read, the smaller the pages that others get, down
to a size that is always given: a consumer asks again for the rest. A page is counted from before it is read; what is held
ends with the answer or its connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from beam_dis.wire.limits import MIB

ANSWERS_IN_FLIGHT = 128 * MIB
LEAST_PAGE = MIB // 16
PIECE = MIB
"""What is given to a connection at once: more than a piece isn't held twice."""

_SHARE = 8
"""A page may take this part of what is free: with nothing held that is more than any page."""


class AnswerBudget:
    """Room for answers, in bytes; used on one event loop."""

    def __init__(self, total: int = ANSWERS_IN_FLIGHT, least: int = LEAST_PAGE) -> None:
        self._free = total
        self._least = least

    @contextmanager
    def page(self, asked: int) -> Iterator[int]:
        """How large a page may be, no larger than ``asked``; counted while it is read."""
        size = min(asked, max(self._free // _SHARE, self._least))
        with self.held(size):
            yield size

    @contextmanager
    def held(self, size: int) -> Iterator[None]:
        """Count an answer of ``size`` bytes while its client takes it."""
        self._free -= size
        try:
            yield
        finally:
            self._free += size
