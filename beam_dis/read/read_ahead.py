"""Fetching the next pages while the pipeline works on this one.

Law: what is fetched ahead is a cache. It is keyed by its place, handed out once, never committed for having been fetched,
and dropped at no cost when nobody comes for it. A partition has up to four pages ahead, one fetched behind the other as
long as they are full; those behind the first take half of the budget at most, so that every partition gets its first. An
error in the background is forgotten and met again, by the caller, in the foreground; but throttling is an answer: it is
handed out once, since asking again at once would make it worse. An empty page is an answer for a while. Pages held and under
way stay within the budget, by what they take in memory; one that is under way counts as those that came lately, as half of
the budget while none has, and at most eight are. Nobody need wait for a page of one partition while one of another lies
ready. Thread-safe, process-wide.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import NamedTuple

from beam_dis.errors import ThrottledError
from beam_dis.stream_service import Page, ReadPosition

BUDGET_BYTES = 64 * 1024 * 1024
PAGES_AHEAD = 4
UNDER_WAY = 8
RECORD_BYTES = 240
"""What a record takes beside its data: 230 to 245 bytes of resident memory where it was measured (CPython 3.11)."""
IDLE_SECONDS = 60.0
_THROTTLED_SECONDS = 1.0


class _Fetched(NamedTuple):
    """``full``: there is likely to be more behind the page; ``weight``: bytes that it takes in memory."""

    page: Page
    full: bool
    weight: int


class _Ahead(NamedTuple):
    fetched: Future[_Fetched]
    since: float

    def came(self) -> _Fetched | None:
        """What came, None where nothing has or it failed."""
        fetched = self.fetched
        return fetched.result() if fetched.done() and not fetched.cancelled() and not fetched.exception() else None

    def weight(self, unknown: int) -> int:
        """What it takes, ``unknown`` where it isn't there."""
        came = self.came()
        return unknown if came is None else came.weight

    def lies_ready(self) -> bool:
        """Whether there are records to take."""
        came = self.came()
        return came is not None and bool(came.page.records)


class ReadAhead:
    """``fetch`` reads a page of at most ``page_bytes``; ``submit`` runs it in the background, as an executor does."""

    def __init__(
        self,
        fetch: Callable[[ReadPosition], Page],
        submit: Callable[[Callable[[ReadPosition], _Fetched], ReadPosition], Future[_Fetched]],
        *,
        page_bytes: int,
        budget: int = BUDGET_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._submit = submit
        self._page_bytes = page_bytes
        self._budget = budget
        self._weight = budget // 2  # what a page is expected to take
        self._has_come = False
        self._clock = clock
        self._ahead: OrderedDict[ReadPosition, _Ahead] = OrderedDict()
        self._at_work: dict[object, tuple[str, str]] = {}
        self._lock = threading.RLock()  # an executor may run at once what is submitted

    def page(self, place: ReadPosition, stop: int | None, *, fresh: float = IDLE_SECONDS) -> Page:
        """The page at a place; those behind it are fetched unless they start at or behind ``stop``.

        One that was empty up to ``fresh`` seconds ago is an answer.
        """
        page = self._waited_for(place, fresh) or self._fetched(place).page
        if page.records:
            self._chain(place.after(page.records), stop, 0)
        return page

    def expect(self, place: ReadPosition) -> None:
        """Somebody will want the page at a place soon."""
        self._submitted(place, self._budget)

    def forget_idle(self) -> None:
        """Let go of what nobody came for."""
        with self._lock:
            while self._ahead and next(iter(self._ahead.values())).since < self._clock() - IDLE_SECONDS:
                _, idle = self._ahead.popitem(last=False)
                idle.fetched.cancel()

    @contextlib.contextmanager
    def at_work(self, place: ReadPosition) -> Iterator[None]:
        """Somebody is taking the pages of this partition meanwhile: nobody else need make way for it.

        Without a lock: a turn that is left behind ends where garbage is collected, in a thread that may hold any.
        """
        turn = object()
        self._at_work[turn] = _partition(place)
        try:
            yield
        finally:
            del self._at_work[turn]

    def better_elsewhere(self, place: ReadPosition) -> bool:
        """Whether the page at a place isn't there yet, but one of a partition that nobody is at work on is."""
        with self._lock:
            here = self._ahead.get(place)
            if here is None or here.fetched.done():
                return False
            busy = set(self._at_work.values())
            return any(ahead.lies_ready() and _partition(other) not in busy for other, ahead in self._ahead.items())

    def _waited_for(self, place: ReadPosition, fresh: float) -> Page | None:
        """A page that was fetched ahead; None where there is none, it failed or was empty too long ago."""
        self.forget_idle()
        with self._lock:
            ahead = self._ahead.pop(place, None)
        if ahead is None:
            return None
        error, age = ahead.fetched.exception(), self._clock() - ahead.since
        if isinstance(error, ThrottledError) and age < _THROTTLED_SECONDS:
            raise error
        page = None if error else ahead.fetched.result().page
        return None if page is None or (not page.records and age > fresh) else page

    def _chain(self, place: ReadPosition, stop: int | None, depth: int, behind: ReadPosition | None = None) -> None:
        """Fetch the page at a place and, once it is there and full, those behind it."""
        if depth == PAGES_AHEAD or (stop is not None and place.sequence_number >= stop):
            return
        fetched = self._submitted(place, self._budget if depth == 0 else self._budget // 2, behind)
        if fetched is not None:
            fetched.add_done_callback(lambda done: self._go_on(place, done, stop, depth + 1))

    def _go_on(self, place: ReadPosition, done: Future[_Fetched], stop: int | None, depth: int) -> None:
        """Fetch what is behind a page that has come, unless somebody took it, who goes on then."""
        if not done.cancelled() and not done.exception() and done.result().full:
            self._chain(place.after(done.result().page.records), stop, depth, behind=place)

    def _submitted(
        self, place: ReadPosition, budget: int, behind: ReadPosition | None = None
    ) -> Future[_Fetched] | None:
        """The page at a place under way, perhaps there already; None where that would be more than so many bytes."""
        with self._lock:
            if behind is not None and behind not in self._ahead:
                return None
            if place not in self._ahead:
                if self._taken() + self._weight > budget or self._under_way() >= UNDER_WAY:
                    return None
                try:
                    self._ahead[place] = _Ahead(self._submit(self._fetched, place), self._clock())
                except RuntimeError:  # there are no threads to be had, or the process is ending
                    return None
            return self._ahead[place].fetched

    def _under_way(self) -> int:
        return sum([not ahead.fetched.done() for ahead in self._ahead.values()])

    def _taken(self) -> int:
        return sum([ahead.weight(self._weight) for ahead in self._ahead.values()])

    def _fetched(self, place: ReadPosition) -> _Fetched:
        page = self._fetch(place)
        data = sum([len(record.data) for record in page.records])
        weight = data + RECORD_BYTES * (len(page.records) + 1)
        if page.records:
            self._expect_such(weight, data)
        return _Fetched(page, full=data > self._page_bytes // 2, weight=weight)

    def _expect_such(self, weight: int, data: int) -> None:
        """What a page may take after one that came. The first tells what a full one of such records would."""
        with self._lock:
            before = self._weight * 9 // 10 if self._has_come else weight * self._page_bytes // max(data, 1)
            self._weight = max(self._page_bytes, weight, min(before, self._budget // 2))
            self._has_come = True


def _partition(place: ReadPosition) -> tuple[str, str]:
    return place.stream_id, place.partition_id
