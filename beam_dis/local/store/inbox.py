"""Requests on their way to the writer.

Law: first in, first out, and what is taken together is committed together: everything that waits, up to a size at which
one more request would no longer make the commit cheaper for each. Requests can't be cancelled: they may be done already.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from beam_dis.local.store.session import Transaction

GROUP_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One change: ``apply`` makes it in a transaction.

    ``size`` is about what it writes, in bytes; ``appends`` says that it changes nothing but the ends of partitions.
    """

    apply: Callable[[Transaction], Any]
    size: int = 0
    appends: bool = False
    future: Future[Any] = field(default_factory=Future)


class Inbox:
    """A queue that is taken from in groups."""

    def __init__(self) -> None:
        self._waiting: deque[Request] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def put(self, request: Request) -> bool:
        """Queue a request; False where the inbox is closed."""
        request.future.set_running_or_notify_cancel()
        with self._changed:
            if not self._closed:
                self._waiting.append(request)
                self._changed.notify()
            return not self._closed

    def take(self, timeout: float) -> list[Request]:
        """The next group, empty where ``timeout`` seconds brought none."""
        with self._changed:
            if not self._waiting and not self._closed and timeout > 0:
                self._changed.wait(timeout)
            return self._group()

    def wake(self) -> None:
        """End a wait."""
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        """Take nothing more in; what waits can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    @property
    def finished(self) -> bool:
        """Closed and empty."""
        return self._closed and not self._waiting

    def _group(self) -> list[Request]:
        group: list[Request] = []
        size = 0
        while self._waiting and (not group or size + self._waiting[0].size <= GROUP_BYTES):
            group.append(self._waiting.popleft())
            size += group[-1].size
        return group
