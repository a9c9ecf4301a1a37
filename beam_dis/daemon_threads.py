"""A pool of daemon threads, which never keep a process from ending.

Rules:
1. Nothing joins the threads when the process ends. Python joins those of its own ThreadPoolExecutor, so that a process
   that is interrupted goes on for as long as its longest request.
2. A thread is started when work finds none idle, and ends after a minute without work.
3. A forked child has none of its parent's threads: its first work starts new ones, and what the parent had queued is
   the parent's.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

from beam_dis.forks import FORKS

IDLE_SECONDS = 60.0

P = ParamSpec("P")
T = TypeVar("T")

_Work = tuple[Future[Any], Callable[[], Any]]


class DaemonThreads(Executor):
    """Runs work on up to ``most`` daemon threads; thread-safe.

    Args:
        most: how many threads there may be.
        name: the beginning of their names.
    """

    def __init__(self, most: int, name: str) -> None:
        self._most = most
        self._name = name
        self.after_fork()
        FORKS.register(self)

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run a function in the background. Raises RuntimeError after ``shutdown``, or if no thread can be started."""
        future: Future[T] = Future()
        work = (future, lambda: function(*args, **kwargs))
        with self._changed:
            if self._ended:
                raise RuntimeError("the threads have ended: no work can be submitted")
            self._queue.append(work)
            another = self._idle < len(self._queue) and self._threads < self._most
            self._threads += another
            self._changed.notify()
        if another:
            self._start_thread(work)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads once the queue is empty; ``wait`` for them, and ``cancel_futures`` that haven't begun."""
        with self._changed:
            self._ended = True
            while cancel_futures and self._queue:
                self._queue.popleft()[0].cancel()
            self._changed.notify_all()
            while wait and self._threads:
                self._changed.wait()

    def after_fork(self) -> None:
        """Begin without threads and without work."""
        self._changed = threading.Condition()
        self._queue: deque[_Work] = deque()
        self._threads = 0
        self._idle = 0
        self._ended = False

    def _start_thread(self, work: _Work) -> None:
        try:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()
        except RuntimeError:
            with self._changed:
                self._threads -= 1
                if self._threads:
                    return  # the other threads will do it
                self._queue.remove(work)
            raise

    def _work(self) -> None:
        while (work := self._next()) is not None:
            future, call = work
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001 - the future carries it to whoever asks for the result
                    future.set_exception(error)
            del work, future, call  # an idle thread keeps nothing alive

    def _next(self) -> _Work | None:
        """The work that has waited longest; None when the thread is to end."""
        with self._changed:
            self._idle += 1
            self._changed.wait_for(lambda: self._queue or self._ended, timeout=IDLE_SECONDS)
            self._idle -= 1
            if self._queue:
                return self._queue.popleft()
            self._threads -= 1
            self._changed.notify_all()
            return None
