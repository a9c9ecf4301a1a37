"""The one thread that changes the store.

Law: it takes what waits as a group, makes each change in order, commits once, and only then answers all. A refused change
changes nothing and harms no other; a failed commit fails the whole group. Housekeeping runs in slices; while requests come,
for at most a quarter of the time.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import Future
from typing import Any

from beam_dis.local.store.catalogue import Catalogue
from beam_dis.local.store.failures import StoreUnavailable, Trouble
from beam_dis.local.store.housekeeping import Round
from beam_dis.local.store.inbox import Inbox, Request
from beam_dis.local.store.session import Session, Transaction
from beam_dis.wire.error_codes import Refusal

_log = logging.getLogger(__name__)

_PUTS_SHARE = 3
"""How many times as long as a slice took puts have the thread to themselves."""

Outcome = tuple[Future[Any], Any, Exception | None]


class Writer:
    """Commits requests in groups, and does the housekeeping every ``interval`` seconds; never where that is None."""

    def __init__(self, session: Session, catalogue: Catalogue, interval: float | None) -> None:
        self._session = session
        self._catalogue = catalogue
        self._interval = interval
        self._inbox = Inbox()
        self._round: Round | None = None
        self._wanted: list[Future[None]] = []
        self._awaiting: list[Future[None]] = []
        self._next_round = time.monotonic() + (interval or 0)
        self._next_slice = 0.0
        self._pressed = False
        self._trouble = Trouble(_log, "changes are stored again")
        self._thread = threading.Thread(target=self._work, name="store writer", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> Future[Any]:
        """The future of a request that is queued now; it fails with StoreUnavailable once the store is closed."""
        if not self._inbox.put(request):
            request.future.set_exception(StoreUnavailable("the store is closed: open it again"))
        return request.future

    def housekeep(self) -> Future[None]:
        """A whole round of housekeeping, begun after what is queued now."""
        done: Future[None] = Future()
        asked = self.submit(Request(apply=lambda _: self._wanted.append(done)))
        asked.result()
        return done

    def close(self) -> None:
        """Finish what is queued, then the thread and the session."""
        self._inbox.close()
        self._thread.join()
        self._session.close()

    def _work(self) -> None:
        while not self._inbox.finished:
            group = self._inbox.take(self._patience())
            if group:
                self._pressed = True
                self._commit(group)
            self._tidy()
            self._session.tend()
        self._end_round(StoreUnavailable("the store was closed before its housekeeping was done"))

    def _patience(self) -> float:
        """How long to wait for requests."""
        now = time.monotonic()
        if self._round is not None:
            return max(0.0, self._next_slice - now) if self._pressed else 0.0
        if self._wanted:
            return 0.0
        return 3600.0 if self._interval is None else max(0.0, self._next_round - now)

    def _commit(self, group: list[Request]) -> None:
        try:
            outcomes = self._session.run(lambda transaction: [_attempt(request, transaction) for request in group])
            self._trouble.over()
        except StoreUnavailable as error:
            self._trouble.met(error)
            outcomes = [(request.future, None, error) for request in group]
        except Exception as error:  # noqa: BLE001 - logged; the thread outlives a fault of the program
            _log.exception("a group of %d changes failed", len(group))
            failure = StoreUnavailable(f"nothing was stored: {error!r}")
            outcomes = [(request.future, None, failure) for request in group]
        for outcome in outcomes:
            _answer(*outcome)

    def _tidy(self) -> None:
        now = time.monotonic()
        if self._round is None and (self._wanted or (self._interval is not None and now >= self._next_round)):
            self._begin_round(now)
        if self._round is not None and (now >= self._next_slice or not self._pressed):
            self._slice(self._round)
            self._next_slice = now + (1 + _PUTS_SHARE) * (time.monotonic() - now)
            self._pressed = False

    def _begin_round(self, now: float) -> None:
        self._round = Round(self._catalogue)
        self._next_round = now + (self._interval or 0)
        self._awaiting, self._wanted = self._wanted, []

    def _slice(self, work: Round) -> None:
        try:
            if not self._session.run(work.slice):
                self._end_round(None)
        except StoreUnavailable as error:
            self._trouble.met(error)
            self._end_round(error)
        except Exception as error:  # noqa: BLE001 - as above
            _log.exception("housekeeping failed")
            self._end_round(error)

    def _end_round(self, failure: Exception | None) -> None:
        """Answer who waited for it. After a failure the next round finds again what is left to do."""
        self._round = None
        awaiting, self._awaiting = self._awaiting, []
        for future in awaiting:
            _answer(future, None, failure)


def _attempt(request: Request, transaction: Transaction) -> Outcome:
    try:
        result = request.apply(transaction)
    except Refusal as refusal:
        return request.future, None, refusal
    if not request.appends:
        transaction.tails.reconsider()
    return request.future, result, None


def _answer(future: Future[Any], result: Any, error: Exception | None) -> None:
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
