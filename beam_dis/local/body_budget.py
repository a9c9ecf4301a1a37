"""The bytes of request bodies that may be in memory at once.

Law: a body's room is reserved whole before its first byte is taken, first come first served; who has none isn't read
from, so TCP holds the sender back. A reservation ends with its answer. Reserving whole bodies can't deadlock.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from beam_dis.wire.limits import MAX_BODY_BYTES, MIB

BODIES_IN_FLIGHT = 64 * MIB


class BodyBudget:
    """Room for bodies, in bytes; used on one event loop."""

    def __init__(self, total: int = BODIES_IN_FLIGHT, largest: int = MAX_BODY_BYTES) -> None:
        self._free = total
        self._largest = largest
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def room(self, length: int | None) -> AsyncIterator[None]:
        """Hold room for a body of ``length`` bytes, for the largest allowed one where nobody says."""
        size = self._largest if length is None else min(length, self._largest)
        await self._take(size)
        try:
            yield
        finally:
            self._free += size
            self._wake()

    async def _take(self, size: int) -> None:
        if size == 0 or (not self._waiting and size <= self._free):
            self._free -= size
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            self._leave(size, turn)
            raise

    def _leave(self, size: int, turn: asyncio.Future[None]) -> None:
        if turn.done() and not turn.cancelled():
            self._free += size
        else:
            self._waiting.remove((size, turn))
        self._wake()

    def _wake(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            size, turn = self._waiting.popleft()
            self._free -= size
            turn.set_result(None)
