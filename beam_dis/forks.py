"""What a forked child process starts afresh: locks, connections and threads, which it can't share with its parent.

Rules:

1. An object that has such parts registers itself. Its ``after_fork`` makes them again in each child, before any other code.
2. A lock of the parent isn't used in a child: another thread of the parent may have held it at the fork, and that thread
   doesn't exist in the child.
3. Registering an object doesn't keep it alive.
4. On Windows, which has no fork, nothing is called.
"""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Protocol
from weakref import WeakSet


class AfterFork(Protocol):
    """An object with parts that a child process can't share with its parent."""

    def after_fork(self) -> None:
        """Make these parts again; called in the child, while it has one thread."""
        ...


class Forks:
    """The objects of this process that start afresh in a child."""

    def __init__(self) -> None:
        self._registered: WeakSet[AfterFork] = WeakSet()

    def register(self, part: AfterFork) -> None:
        """Have ``after_fork`` of an object called in each child."""
        self._registered.add(part)

    def run_in_child(self) -> None:
        """Call ``after_fork`` of all registered objects."""
        for part in list(self._registered):
            part.after_fork()


FORKS = Forks()
"""The objects of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=FORKS.run_in_child)


class ForkSafeLock:
    """A lock that is free in a forked child, whichever thread held it in the parent."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        FORKS.register(self)

    def after_fork(self) -> None:
        """Replace the lock."""
        self._lock = threading.Lock()

    def acquire(self, seconds: float = -1) -> bool:
        """Take the lock; False if that took longer than ``seconds``."""
        return self._lock.acquire(timeout=seconds)

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
