"""Changes that wait for the writer.

Rule 1: first in, first out.
Rule 2: changes that are taken together are committed together. A group is everything that waits, up to 8 MB: a larger group
makes the commit no cheaper for each of its changes.
Rule 3: a change can't be cancelled, because it may be done already.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from beam_dis.local.store.writer_connection import Transaction

GROUP_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """One change: ``apply`` makes it in a transaction, and ``future`` gets its result after the commit.

    ``size`` is about how many bytes it writes. ``appends`` says that it appends records and changes nothing else.
    """

    apply: Callable[[Transaction], Any]
    size: int = 0
    appends: bool = False
    future: Future[Any] = field(default_factory=Future)


class ChangeQueue:
    """A queue that many threads put into, and that one thread takes groups from."""

    def __init__(self) -> None:
        self._waiting: deque[ChangeRequest] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, request: ChangeRequest) -> bool:
        """Queue a request; False if the queue is closed."""
        request.future.set_running_or_notify_cancel()
        with self._changed:
            if not self._closed:
                self._waiting.append(request)
                self._changed.notify()
            return not self._closed

    def take(self, timeout: float) -> list[ChangeRequest]:
        """Take the next group; it is empty if nothing came within ``timeout`` seconds."""
        with self._changed:
            if not self._waiting and not self._closed and timeout > 0:
                self._changed.wait(timeout)
            group: list[ChangeRequest] = []
            size = 0
            while self._waiting and (not group or size + self._waiting[0].size <= GROUP_BYTES):
                group.append(self._waiting.popleft())
                size += group[-1].size
            return group

    def close(self) -> None:
        """Accept no more requests; those that wait can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    @property
    def finished(self) -> bool:
        """Whether the queue is closed and empty."""
        return self._closed and not self._waiting
