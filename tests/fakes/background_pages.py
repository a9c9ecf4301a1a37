"""A source of pages for what is fetched ahead: each fetch runs at once, or when the test says so."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from typing import Any

from beam_dis.errors import DISError
from beam_dis.read.fetch.page_sizes import RECORD_BYTES
from beam_dis.read.fetch.prefetch import Prefetch
from beam_dis.stream_service import Page, PageRecord, ReadPosition

PAGE_WEIGHT = 10 + 11 * RECORD_BYTES
START = ReadPosition("flights", "id", "shardId-0000000000", 0)


def at(number: int, partition: str = START.partition_id) -> ReadPosition:
    return START._replace(sequence_number=number, partition_id=partition)


class _WatchedFuture(Future[Any]):
    """A future that sets an event when somebody waits for it."""

    def __init__(self, waited_for: threading.Event) -> None:
        super().__init__()
        self._waited_for = waited_for

    def exception(self, timeout: float | None = None) -> BaseException | None:
        self._waited_for.set()
        return super().exception(timeout)


class Background:
    """A source of pages with up to ten records of one byte each. ``fetched`` are the numbers at which pages began.

    A submitted fetch runs at once, in the context of the one who submits it. If ``under_way`` is a list, it waits there until ``answer`` is called.
    """

    def __init__(self) -> None:
        self.fetched: list[int] = []
        self.fails: dict[int, DISError] = {}
        self.end = 1000
        self.now = 0.0
        self.under_way: list[Callable[[], None]] | None = None
        self.waited_for = threading.Event()

    def fetch(self, position: ReadPosition, max_bytes: int) -> Page:
        number = position.sequence_number
        self.fetched.append(number)
        if number in self.fails:
            raise self.fails.pop(number)
        page = range(number, min(number + min(max_bytes, 10), self.end))
        return Page([PageRecord(n, b".", 0) for n in page], 0, data_bytes=len(page), full=len(page) == 10)

    def submit(self, fetch: Callable[..., Any], position: ReadPosition, max_bytes: int) -> Future[Any]:
        future = _WatchedFuture(self.waited_for)

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fetch(position, max_bytes))
            except DISError as error:
                future.set_exception(error)

        if self.under_way is None:
            run()
        else:
            self.under_way.append(partial(copy_context().run, run))
        return future

    def answer(self) -> None:
        """Run the fetches that are under way, but not those that they submit."""
        waiting, self.under_way = self.under_way or [], []
        for run in waiting:
            run()

    def ahead(self, **options: Any) -> Prefetch:
        return Prefetch(self.fetch, self.submit, page_bytes=10, clock=lambda: self.now, **options)
