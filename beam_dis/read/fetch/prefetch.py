"""Fetches the next pages while the pipeline works on the present one.

Rule 1: a prefetched page is a cache entry under its position. It is taken once, and dropped if nobody asks for it.
Rule 2: an endless read has up to four pages of a partition ahead, each fetched after the one before, as long as pages are full.
Those after the first use at most half of the budget, so that every partition gets its first. Bounded reads fetch ahead in
``segments``.
Rule 3: an error in the background is dropped, and the caller meets it again in the foreground. Throttling is passed on once,
because asking again at once would make it worse. An empty page is an answer for a while.
Rule 4: pages held and under way stay within the budget, by the memory that they take. A page under way counts as much as
recent pages did, or as half of the budget before the first one, and at most eight are under way.
Rule 5: a page that probably has few records counts as ``PAGE_MEMORY_BYTES`` while it is under way. Pages that are there are summed up
once, because there may be one for each of a thousand partitions.
Rule 6: nobody needs to wait for a page of one partition while a page of another one is there.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextvars import copy_context
from typing import NamedTuple

from beam_dis.errors import ThrottledError
from beam_dis.forks import FORKS
from beam_dis.read.fetch.page_sizes import memory_of
from beam_dis.stream_service import PAGE_MEMORY_BYTES, Page, ReadPosition

BUDGET_BYTES = 64 * 1024 * 1024
PAGES_AHEAD = 4
UNDER_WAY = 8
IDLE_SECONDS = 60.0
FAILED_SECONDS = 1.0


class Fetched(NamedTuple):
    """A page, and the memory that it takes in bytes."""

    page: Page
    weight: int


class _Ahead(NamedTuple):
    """A page that is under way or there."""

    fetched: Future[Fetched]
    since: float

    def result_if_done(self) -> Fetched | None:
        """The page; None if it isn't there, or failed."""
        fetched = self.fetched
        return fetched.result() if fetched.done() and not fetched.cancelled() and not fetched.exception() else None

    def failed_before(self, time: float) -> bool:
        """Whether the page failed, and was requested before a time."""
        fetched = self.fetched
        return fetched.done() and (fetched.cancelled() or fetched.exception() is not None) and self.since <= time

    def has_records(self) -> bool:
        """Whether the page is there and has records."""
        fetched = self.result_if_done()
        return fetched is not None and bool(fetched.page.records)


class Prefetch:
    """The pages ahead of one connection; thread-safe.

    ``fetch`` reads a page of at most so many bytes, by default ``page_bytes``. ``submit`` runs it in the background, as an executor
    does.
    """

    def __init__(
        self,
        fetch: Callable[[ReadPosition, int], Page],
        submit: Callable[[Callable[[ReadPosition, int], Fetched], ReadPosition, int], Future[Fetched]],
        *,
        page_bytes: int,
        budget: int = BUDGET_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read = fetch
        self._submit = submit
        self._page_bytes = page_bytes
        self._budget = budget
        self._expected_weight = budget // 2
        self._any_fetched = False
        self._clock = clock
        self._being_read: dict[object, tuple[str, str]] = {}
        self._lock = threading.RLock()  # an executor may run a task at once
        self._forget_all()
        FORKS.register(self)

    def after_fork(self) -> None:
        """Forget the pages: the threads that fetch those under way don't exist in the child."""
        self._lock = threading.RLock()
        self._forget_all()
        self._being_read = {}

    def _forget_all(self) -> None:
        self._ahead: OrderedDict[ReadPosition, _Ahead] = OrderedDict()
        self._under_way: dict[ReadPosition, int | None] = {}  # with the memory to expect; None: as much as recent pages
        self._held: dict[ReadPosition, int] = {}
        self._held_bytes = 0

    def page(self, position: ReadPosition, stop: int | None, *, fresh: float = IDLE_SECONDS) -> Page:
        """The page at a position; the pages after it are fetched unless they start at or after ``stop``.

        A page that was empty up to ``fresh`` seconds ago is an answer.
        """
        page = self._take(position, fresh) or self._fetch(position, self._page_bytes).page
        if page.records:
            self._fetch_ahead(position.after(page.records), stop, 0)
        return page

    def expect(self, position: ReadPosition, *, few_records: bool = False) -> None:
        """Somebody will want the page at a position soon; ``few_records`` if it probably is at the end of the partition."""
        self._start(position, self._budget, weight=PAGE_MEMORY_BYTES if few_records else None)

    def take(self, position: ReadPosition, max_bytes: int) -> Page:
        """The page at a position, prefetched or fetched now; nothing after it is fetched."""
        return self._take(position, IDLE_SECONDS) or self._fetch(position, max_bytes).page

    def start(self, position: ReadPosition, *, max_bytes: int, urgent: bool) -> Future[Fetched] | None:
        """Start to fetch a page, or find it; None if there is no room. Only an ``urgent`` one may take more than half of it."""
        return self._start(position, self._budget if urgent else self._budget // 2, max_bytes=max_bytes)

    def holds(self, position: ReadPosition) -> bool:
        """Whether the page at a position is under way or there."""
        return position in self._ahead

    def waited(self, position: ReadPosition) -> float:
        """The seconds since the page at a position was requested, if it is there already; otherwise 0."""
        ahead = self._ahead.get(position)
        return self._clock() - ahead.since if ahead is not None and ahead.fetched.done() else 0.0

    def forget_idle(self) -> None:
        """Drop the pages that nobody asked for."""
        dropped = []
        with self._lock:
            while self._ahead and next(iter(self._ahead.values())).since < self._clock() - IDLE_SECONDS:
                dropped.append(self._remove(next(iter(self._ahead))))
        for idle in dropped:
            idle.fetched.cancel()

    def clear(self) -> None:
        """Drop all pages."""
        with self._lock:
            ahead = self._ahead
            self._forget_all()
        for dropped in ahead.values():
            dropped.fetched.cancel()

    @contextlib.contextmanager
    def reading(self, position: ReadPosition) -> Iterator[None]:
        """Meanwhile somebody takes the pages of this partition, so nobody else needs to switch to it.

        This takes no lock: an abandoned generator ends during garbage collection, in a thread that may hold any lock.
        """
        reader = object()
        self._being_read[reader] = position.partition
        try:
            yield
        finally:
            self._being_read.pop(reader, None)  # a forked child has forgotten it

    def other_partition_ready(self, position: ReadPosition) -> bool:
        """Whether the page at a position is still under way, but one of a partition that nobody reads is there."""
        with self._lock:
            here = self._ahead.get(position)
            if here is None or here.fetched.done():
                return False
            busy = set(self._being_read.values())
            return any(ahead.has_records() and other.partition not in busy for other, ahead in self._ahead.items())

    def _take(self, position: ReadPosition, fresh: float) -> Page | None:
        """A prefetched page, waited for if it is under way; None if there is none, it failed, or was empty too long ago."""
        self.forget_idle()
        with self._lock:
            ahead = self._remove(position) if position in self._ahead else None
        if ahead is None:
            return None
        error, age = ahead.fetched.exception(), self._clock() - ahead.since
        if isinstance(error, ThrottledError) and age < FAILED_SECONDS:
            raise error
        page = None if error else ahead.fetched.result().page
        return None if page is None or (not page.records and age > fresh) else page

    def _fetch_ahead(
        self, position: ReadPosition, stop: int | None, depth: int, after: ReadPosition | None = None
    ) -> None:
        """Fetch the page at a position and, once it is there and full, those after it."""
        if depth == PAGES_AHEAD or (stop is not None and position.sequence_number >= stop):
            return
        fetched = self._start(position, self._budget if depth == 0 else self._budget // 2, after)
        if fetched is not None:
            context = copy_context()  # the requests that follow have the same cause
            fetched.add_done_callback(lambda done: context.run(self._continue, position, done, stop, depth + 1))

    def _continue(self, position: ReadPosition, done: Future[Fetched], stop: int | None, depth: int) -> None:
        """Fetch what follows a page that is there, unless somebody took the page, who then continues."""
        if not done.cancelled() and not done.exception() and done.result().page.full:
            self._fetch_ahead(position.after(done.result().page.records), stop, depth, after=position)

    def _start(
        self,
        position: ReadPosition,
        budget: int,
        after: ReadPosition | None = None,
        *,
        max_bytes: int | None = None,
        weight: int | None = None,
    ) -> Future[Fetched] | None:
        """Start fetching the page at a position unless it is there; None if that would exceed the budget in bytes."""
        with self._lock:
            if after is not None and after not in self._ahead:
                return None
            if position not in self._ahead or self._ahead[position].failed_before(self._clock() - FAILED_SECONDS):
                expected = self._expected_weight if weight is None else weight
                if self._weight() + expected > budget or len(self._under_way) >= UNDER_WAY:
                    return None
                try:
                    fetched = self._submit(self._fetch, position, max_bytes or self._page_bytes)
                    self._ahead[position] = _Ahead(fetched, self._clock())
                    self._ahead.move_to_end(position)
                    self._under_way[position] = weight
                except RuntimeError:  # no thread can be started, or the process is ending
                    return None
            return self._ahead[position].fetched

    def _remove(self, position: ReadPosition) -> _Ahead:
        """Take a page out, with the lock held."""
        self._under_way.pop(position, None)
        self._held_bytes -= self._held.pop(position, 0)
        return self._ahead.pop(position)

    def _weight(self) -> int:
        """The memory of all pages ahead; those under way by expectation. It looks at those only, however many are there."""
        for position in [position for position in self._under_way if self._ahead[position].fetched.done()]:
            del self._under_way[position]
            page = self._ahead[position].result_if_done()
            self._held[position] = 0 if page is None else page.weight
            self._held_bytes += self._held[position]
        expected = [self._expected_weight if weight is None else weight for weight in self._under_way.values()]
        return self._held_bytes + sum(expected)

    def _fetch(self, position: ReadPosition, max_bytes: int) -> Fetched:
        page = self._read(position, max_bytes)
        weight = memory_of(page)
        if page.records:
            self._expect_weight(weight, page.data_bytes)
        return Fetched(page, weight)

    def _expect_weight(self, weight: int, data: int) -> None:
        """Learn from a page what others may take. The first one shows what a full page of such records would take."""
        with self._lock:
            scaled = min(weight * self._page_bytes // max(data, 1), PAGE_MEMORY_BYTES)
            before = self._expected_weight * 9 // 10 if self._any_fetched else scaled
            self._expected_weight = max(self._page_bytes, weight, min(before, self._budget // 2))
            self._any_fetched = True
