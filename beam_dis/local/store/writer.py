"""The one thread that changes the store.

Rule 1: it takes the waiting changes as a group, makes them in order, commits once, and only then sets their futures.
Rule 2: a refused change changes nothing and affects no other change. A failed commit fails the whole group.
Rule 3: housekeeping runs in slices. While changes come in, it takes at most a quarter of the time.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from beam_dis.local.store.change_queue import ChangeQueue, ChangeRequest
from beam_dis.local.store.expiry_times import ExpiryTimes
from beam_dis.local.store.failures import ProblemLog, StoreUnavailable
from beam_dis.local.store.housekeeping import HousekeepingRound, Step
from beam_dis.local.store.usage import store_usage
from beam_dis.local.store.writer_connection import Transaction, WriterConnection
from beam_dis.wire.error_codes import Refusal

_log = logging.getLogger(__name__)

_PAUSE_FACTOR = 3
"""After a slice of housekeeping, changes have the thread to themselves for this many times as long as the slice took."""

_IDLE_SECONDS = 3600.0
"""How long the thread waits for changes if there is no housekeeping to do."""

Outcome = tuple[Future[Any], Any, Exception | None]


class Writer:
    """Commits changes in groups, and does housekeeping every ``interval`` seconds, or on demand only if that is None.

    ``steps`` are further steps of each round of housekeeping.
    """

    def __init__(self, connection: WriterConnection, interval: float | None, steps: Sequence[Step] = ()) -> None:
        self._connection = connection
        self._expiry = ExpiryTimes()
        self._interval = interval
        self._steps = steps
        self._queue = ChangeQueue()
        self._round: HousekeepingRound | None = None
        self._next_round_futures: list[Future[None]] = []
        self._round_futures: list[Future[None]] = []
        self._next_round = time.monotonic() + (interval or 0)
        self._next_slice = 0.0
        self._changes_since_slice = False
        self._problem = ProblemLog(_log, "changes are stored again")
        self._thread = threading.Thread(target=self._work, name="store writer", daemon=True)
        self._thread.start()

    def submit(self, request: ChangeRequest) -> Future[Any]:
        """Queue a change and return its future, which fails with StoreUnavailable if the store is closed."""
        if not self._queue.put(request):
            request.future.set_exception(StoreUnavailable("the store is closed: open it again"))
        return request.future

    def housekeep(self) -> Future[None]:
        """Ask for a whole round of housekeeping, which begins after the changes that are queued now."""
        done: Future[None] = Future()
        queued = self.submit(ChangeRequest(apply=lambda _: self._next_round_futures.append(done)))
        queued.result()
        return done

    def close(self) -> None:
        """Finish the queued changes, then end the thread and close the connection."""
        self._queue.close()
        self._thread.join()
        self._connection.close()

    def _work(self) -> None:
        while not self._queue.finished:
            group = self._queue.take(self._timeout())
            if group:
                self._changes_since_slice = True
                self._commit(group)
            self._housekeep()
            self._connection.shorten_wal()
        self._end_round(StoreUnavailable("the store was closed before its housekeeping was done"))
        self._commit([ChangeRequest(apply=store_usage)])

    def _timeout(self) -> float:
        """How many seconds the thread may wait for changes before it has housekeeping to do."""
        now = time.monotonic()
        if self._round is not None:
            return max(0.0, self._next_slice - now) if self._changes_since_slice else 0.0
        if self._next_round_futures:
            return 0.0
        return _IDLE_SECONDS if self._interval is None else max(0.0, self._next_round - now)

    def _commit(self, group: list[ChangeRequest]) -> None:
        try:
            outcomes = self._connection.run(lambda transaction: [_attempt(request, transaction) for request in group])
            self._problem.succeeded()
        except StoreUnavailable as error:
            self._problem.failed(error)
            outcomes = [(request.future, None, error) for request in group]
        except Exception as error:  # noqa: BLE001 - logged; the thread must survive a bug in a change
            _log.exception("a group of %d changes failed", len(group))
            failure = StoreUnavailable(f"nothing was stored: {error!r}")
            outcomes = [(request.future, None, failure) for request in group]
        for outcome in outcomes:
            _resolve(*outcome)

    def _housekeep(self) -> None:
        """Begin a round if one is due or asked for, and run a slice of it if it is time for one."""
        now = time.monotonic()
        due = self._interval is not None and now >= self._next_round
        if self._round is None and (self._next_round_futures or due):
            self._round = HousekeepingRound(self._expiry, self._steps)
            self._next_round = now + (self._interval or 0)
            self._round_futures, self._next_round_futures = self._next_round_futures, []
        if self._round is not None and (now >= self._next_slice or not self._changes_since_slice):
            self._run_slice(self._round)
            self._next_slice = now + (1 + _PAUSE_FACTOR) * (time.monotonic() - now)
            self._changes_since_slice = False

    def _run_slice(self, current: HousekeepingRound) -> None:
        try:
            if not self._connection.run(current.run_slice):
                self._end_round(None)
        except StoreUnavailable as error:
            self._problem.failed(error)
            self._end_round(error)
        except Exception as error:  # noqa: BLE001 - as above
            _log.exception("housekeeping failed")
            self._end_round(error)

    def _end_round(self, failure: Exception | None) -> None:
        """Resolve the futures of the round. After a failure the next round finds again what is left to do."""
        self._round = None
        futures, self._round_futures = self._round_futures, []
        for future in futures:
            _resolve(future, None, failure)


def _attempt(request: ChangeRequest, transaction: Transaction) -> Outcome:
    try:
        result = request.apply(transaction)
    except Refusal as refusal:
        return request.future, None, refusal
    if not request.appends:
        transaction.records.forget_writable_partitions()
    return request.future, result, None


def _resolve(future: Future[Any], result: Any, error: Exception | None) -> None:
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
