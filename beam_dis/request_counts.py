"""Counts requests for those who cause them: how long each took, and which failed.

Rules:

1. A request is counted once, where the code runs that caused it: during a ``with`` block of ``counting``. Nobody else sees it, so
   that pipelines of one process that share a connection have numbers of their own.
2. A task that is started in the block belongs to it, if its executor runs it in the context of the one who submits it.
3. Each attempt is a request: what the client repeats is counted again.
4. Operations and codes are words of two tables, so there are few of them, even if a service invents codes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, ParamSpec, TypeVar

from beam_dis.errors import DISError, ServiceError, TransportError, is_known_code
from beam_dis.forks import ForkSafeLock

P = ParamSpec("P")
T = TypeVar("T")

OPERATIONS = ("read", "put", "list", "commit", "other")
"""What requests are counted as."""
_OPERATION_OF = {
    "get_records": "read",
    "put_records": "put",
    "describe_stream": "list",
    "list_streams": "list",
    "commit_checkpoint": "commit",
}
_NO_CODE = "none"


class CountedRequests(NamedTuple):
    """The milliseconds that each request took, by operation, and how many failed, by code."""

    millis: dict[str, list[int]]
    failed: dict[str, int]


class RequestCounts:
    """The requests of one reader or writer since they were last taken; thread-safe."""

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._millis: defaultdict[str, list[int]] = defaultdict(list)
        self._failed: Counter[str] = Counter()

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the requests of a block here. A generator must not yield inside it."""
        before = _COUNTS.set(self)
        try:
            yield
        finally:
            _COUNTS.reset(before)

    def counted(self, function: Callable[P, T]) -> Callable[P, T]:
        """The same function, whose requests are counted here, whichever thread calls it."""

        def call(*args: P.args, **kwargs: P.kwargs) -> T:
            with self.counting():
                return function(*args, **kwargs)

        return call

    def counted_items(self, items: Iterable[T]) -> Iterator[T]:
        """The same items; what is requested to make them is counted here."""
        iterator, end = iter(items), object()
        following = self.counted(lambda: next(iterator, end))
        while (item := following()) is not end:
            yield item  # type: ignore[misc]

    def take(self) -> CountedRequests:
        """Remove and return what was counted."""
        if not self._millis and not self._failed:
            return CountedRequests({}, {})
        with self._lock:
            taken = CountedRequests(dict(self._millis), dict(self._failed))
            self._millis, self._failed = defaultdict(list), Counter()
        return taken

    def note(self, operation: str, seconds: float, error: DISError | None) -> None:
        """A request was answered or has failed; ``operation`` is one of the routes' table."""
        word = _OPERATION_OF.get(operation, "other")
        with self._lock:
            self._millis[word].append(round(seconds * 1000))
            if error is not None:
                self._failed[failure_code(error)] += 1


_COUNTS: ContextVar[RequestCounts | None] = ContextVar("beam_dis_request_counts", default=None)


def note_request(operation: str, seconds: float, error: DISError | None = None) -> None:
    """Count a request for the one who caused it, if anybody counts."""
    if (counts := _COUNTS.get()) is not None:
        counts.note(operation, seconds, error)


def failure_code(error: DISError) -> str:
    """The word for a failed request: its code in the table, or its HTTP status, or that there was no answer or no connection."""
    if isinstance(error, TransportError):
        return "no_answer" if error.maybe_done else "no_connection"
    if not isinstance(error, ServiceError):
        return _NO_CODE
    if is_known_code(error.code):
        return error.code
    return f"HTTP.{error.status}" if 100 <= error.status <= 599 else _NO_CODE
