"""The memory that one server spends on bytes: the bodies of requests, and the answers that clients haven't taken yet.

Rules:

1. The room for a body is reserved whole before its first byte is read, first come, first served. Reserving whole bodies
   can't deadlock.
2. A connection without room isn't read from, so TCP slows the sender down. A reservation ends with its answer.
3. No answer waits for room. The more bytes are taken by clients that don't read, the smaller the pages for the others, down
   to a size that is always given: a consumer asks again for the rest.
4. A page is bounded in bytes as they are sent: a record counts with what JSON adds to its data.
5. A page is counted from before it is read until its answer is sent or its connection ends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from beam_dis.wire.limits import MAX_BODY_BYTES, MIB

BODIES_IN_FLIGHT = 64 * MIB
ANSWERS_IN_FLIGHT = 128 * MIB
LEAST_PAGE = MIB // 16
PIECE = MIB
"""The bytes that a connection is given at once: a larger answer isn't in memory twice."""

RECORD_BYTES = 128
"""What a record of a page takes besides its data and key: names, number and time."""

_PAGE_SHARE = 8
"""A page may take one eighth of the free room: more than any page while no other answer is in flight."""


class BodyBudget:
    """Room for bodies, in bytes; used on one event loop."""

    def __init__(self, total: int = BODIES_IN_FLIGHT, largest: int = MAX_BODY_BYTES) -> None:
        self._free = total
        self._largest = largest
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def room(self, length: int | None) -> AsyncIterator[None]:
        """Reserve room for a body of ``length`` bytes; None, an unknown length, reserves the largest body allowed."""
        size = self._largest if length is None else min(length, self._largest)
        await self._reserve(size)
        try:
            yield
        finally:
            self._free += size
            self._wake()

    async def _reserve(self, size: int) -> None:
        if size == 0 or (not self._waiting and size <= self._free):
            self._free -= size
            return
        reserved = asyncio.get_running_loop().create_future()
        self._waiting.append((size, reserved))
        try:
            await reserved
        except asyncio.CancelledError:
            if reserved.done() and not reserved.cancelled():
                self._free += size
            else:
                self._waiting.remove((size, reserved))
            self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            size, reserved = self._waiting.popleft()
            self._free -= size
            reserved.set_result(None)


class AnswerBudget:
    """Room for answers, in bytes; used on one event loop."""

    def __init__(self, total: int = ANSWERS_IN_FLIGHT, least: int = LEAST_PAGE) -> None:
        self._free = total
        self._least = least

    @contextmanager
    def page(self, wanted: int) -> Iterator[int]:
        """Count a page while it is read; gives its largest size in bytes, at most ``wanted``."""
        size = min(wanted, max(self._free // _PAGE_SHARE, self._least))
        with self.counted(size):
            yield size

    @contextmanager
    def counted(self, size: int) -> Iterator[None]:
        """Count an answer of ``size`` bytes while its client takes it."""
        self._free -= size
        try:
            yield
        finally:
            self._free += size
