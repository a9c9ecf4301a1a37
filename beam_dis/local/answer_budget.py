"""The bytes of answers that clients haven't taken yet.

Law: nobody waits for room. The more of it is held by clients that don't read, the smaller the pages that others get, down
to a size that is always given: a consumer asks again for the rest. What is held ends with the answer or its connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from beam_dis.wire.limits import MIB

ANSWERS_IN_FLIGHT = 128 * MIB
LEAST_PAGE = MIB // 16

_SHARE = 8
"""A page may take this part of what is free: with nothing held that is more than any page."""


class AnswerBudget:
    """Room for answers, in bytes; used on one event loop."""

    def __init__(self, total: int = ANSWERS_IN_FLIGHT, least: int = LEAST_PAGE) -> None:
        self._free = total
        self._least = least

    def page_bytes(self) -> int:
        """How large the next page may be."""
        return max(self._free // _SHARE, self._least)

    @contextmanager
    def held(self, size: int) -> Iterator[None]:
        """Count an answer of ``size`` bytes while its client takes it."""
        self._free -= size
        try:
            yield
        finally:
            self._free += size
