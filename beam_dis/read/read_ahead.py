"""Fetching the next page while the pipeline works on this one.

Law: what is fetched ahead is a cache. It is keyed by its place, handed out once, never committed for having been fetched,
and dropped at no cost when nobody comes for it; an error in the background is forgotten and met again, by the caller,
in the foreground. Pages held and under way never exceed the budget of bytes. Thread-safe, process-wide.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from beam_dis.read.poller import Place
from beam_dis.service import Page

BUDGET_BYTES = 64 * 1024 * 1024
IDLE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Ahead:
    page: Future[Page]
    since: float


class ReadAhead:
    """``fetch`` reads a page of at most ``page_bytes``; ``submit`` runs it in the background, as an executor does."""

    def __init__(
        self,
        fetch: Callable[[Place], Page],
        submit: Callable[[Callable[[Place], Page], Place], Future[Page]],
        *,
        page_bytes: int,
        budget: int = BUDGET_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fetch = fetch
        self._submit = submit
        self._slots = budget // page_bytes
        self._clock = clock
        self._ahead: OrderedDict[Place, _Ahead] = OrderedDict()
        self._lock = threading.Lock()

    def page(self, place: Place, *, stop: int | None) -> Page:
        """The page at a place; the one behind it is fetched unless it starts at or behind ``stop``."""
        page = self._waited_for(place) or self._fetch(place)
        following = place.after(page)
        if page.records and (stop is None or following.sequence_number < stop):
            self._prepare(following)
        return page

    def _waited_for(self, place: Place) -> Page | None:
        """A page that was fetched ahead, an empty one too; None where there is none or it failed."""
        with self._lock:
            ahead = self._ahead.pop(place, None)
        if ahead is None or ahead.page.exception() is not None:
            return None
        return ahead.page.result()

    def _prepare(self, place: Place) -> None:
        with self._lock:
            self._forget_idle()
            if place not in self._ahead and len(self._ahead) < self._slots:
                self._ahead[place] = _Ahead(self._submit(self._fetch, place), self._clock())

    def _forget_idle(self) -> None:
        now = self._clock()
        while self._ahead and next(iter(self._ahead.values())).since < now - IDLE_SECONDS:
            _, idle = self._ahead.popitem(last=False)
            idle.page.cancel()
