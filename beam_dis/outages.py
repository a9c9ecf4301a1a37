"""What pipelines do about failed requests: the table of failures that pass, how long each is waited out, and their log.

Rules:

1. The source, the sink and bounded reads use this table; nothing else decides whether a failure passes.
2. A failure is waited out for the seconds of its row, counted from the first of its kind in a row. Then it is raised.
3. If nothing has worked before, the address or the name may be wrong, so those failures are raised early.
4. A refusal that contradicts earlier answers is believed after it was given for a minute without a break, because a service of
   many servers may give a wrong answer for a while.
5. A failure is logged within five seconds, then at growing intervals, and once more when it is over.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import NamedTuple

from beam_dis.backoff import full_jitter, own_random
from beam_dis.errors import (
    AccessDeniedError,
    AuthenticationError,
    CredentialsError,
    CursorRefusedError,
    OutOfRangeError,
    PartitionExpiredError,
    PartitionNotFoundError,
    ServerError,
    ServiceError,
    StreamNotFoundError,
    StreamNotRunningError,
    StreamRecreatedError,
    ThrottledError,
    TransportError,
)
from beam_dis.forks import FORKS, ForkSafeLock
from beam_dis.wire.error_codes import Remedy

FOREVER = float("inf")
FIRST_LINE_SECONDS = 4.0
LONGEST_INTERVAL_SECONDS = 300.0
_TICK_SECONDS = 0.25
_IDLE_TICKS = 40

_log = logging.getLogger(__name__)


class Failure(Enum):
    """The kinds of failed requests."""

    THROTTLED = "too much traffic"
    NO_ANSWER = "no answer: refused, unknown host, cut, timed out, HTTP 5xx without a DIS code"
    NOT_A_DIS = "an answer, but not of a DIS: an untrusted certificate, HTML, HTTP 4xx without a DIS code"
    FAILING = "the service fails: HTTP 5xx with a DIS code, or it refuses one new cursor after the other"
    NOT_RUNNING = "the stream isn't running (DIS.4205): it is being created or deleted, or is frozen"
    REFUSED = "stream, partition or sequence number not found or expired, credentials refused or not found"
    RECREATED = "the stream has another id than before"
    FINAL = "everything else"


class WaitLimits(NamedTuple):
    """Seconds from the first failure of a kind in a row until it is raised.

    ``first`` bounds both uses while nothing has worked before. ``bounded`` is for sinks and bounded reads, ``endless`` for endless
    reads.
    """

    first: float
    bounded: float
    endless: float


WAIT_LIMITS = {
    Failure.THROTTLED: WaitLimits(first=FOREVER, bounded=120, endless=FOREVER),
    Failure.NO_ANSWER: WaitLimits(first=30, bounded=120, endless=FOREVER),
    Failure.NOT_A_DIS: WaitLimits(first=0, bounded=120, endless=FOREVER),
    Failure.FAILING: WaitLimits(first=FOREVER, bounded=120, endless=FOREVER),
    Failure.NOT_RUNNING: WaitLimits(first=FOREVER, bounded=120, endless=FOREVER),
    Failure.REFUSED: WaitLimits(first=0, bounded=60, endless=60),
    Failure.RECREATED: WaitLimits(first=0, bounded=10, endless=10),
    Failure.FINAL: WaitLimits(first=0, bounded=0, endless=0),
}
"""The table. docs/troubleshooting.md shows it, and a test compares the two."""

_BY_CLASS: tuple[tuple[type[Exception], Failure], ...] = (
    (ThrottledError, Failure.THROTTLED),
    (CursorRefusedError, Failure.FAILING),
    (StreamNotRunningError, Failure.NOT_RUNNING),
    (StreamRecreatedError, Failure.RECREATED),  # before its base class
    (StreamNotFoundError, Failure.REFUSED),
    (PartitionNotFoundError, Failure.REFUSED),
    (PartitionExpiredError, Failure.REFUSED),
    (OutOfRangeError, Failure.REFUSED),
    (AuthenticationError, Failure.REFUSED),
    (AccessDeniedError, Failure.REFUSED),
    (CredentialsError, Failure.REFUSED),
)


_PAGES_OF_OTHERS = frozenset(range(400, 429)) | {451}
"""Statuses of proxies and web servers, if the answer has no code. 429 and 441 are DIS's own or those of its gateway."""


def failure_of(error: Exception) -> Failure:
    """Return the kind of failure that an error is."""
    if isinstance(error, TransportError):
        return Failure.NOT_A_DIS if error.not_a_dis else Failure.NO_ANSWER
    if isinstance(error, ServiceError) and not error.code and error.status in _PAGES_OF_OTHERS:
        return Failure.NOT_A_DIS
    for error_class, failure in _BY_CLASS:
        if isinstance(error, error_class):
            return failure
    if not isinstance(error, ServiceError):
        return Failure.FINAL
    if not error.is_of_service:
        return Failure.NO_ANSWER if isinstance(error, ServerError) else Failure.NOT_A_DIS
    return Failure.FAILING if isinstance(error, ServerError) or error.remedy is Remedy.RETRY else Failure.FINAL


def is_outage(error: Exception) -> bool:
    """Whether the service gave no answer, or fails itself; an answer that refuses a request is no outage."""
    return isinstance(error, TransportError | ServerError) or failure_of(error) is Failure.NOT_A_DIS


def is_missing(error: Exception) -> bool:
    """Whether an error says that a stream or a partition isn't there, or is no longer the one that was read."""
    return isinstance(error, StreamNotFoundError | PartitionNotFoundError | PartitionExpiredError)


def wait_limit(failure: Failure, *, endless: bool, worked: bool) -> float:
    """Return the seconds for which a failure is waited out: 0 if it is raised at once, infinity if it is never raised.

    Args:
        failure: its kind.
        endless: the request is one of an endless read, otherwise of a bounded read or a sink.
        worked: requests for the same stream have succeeded before, in this process or, by a runner's state, in another one.
    """
    limits = WAIT_LIMITS[failure]
    later = limits.endless if endless else limits.bounded
    return later if worked else min(limits.first, later)


class Refusals:
    """The refusals among the failures of one piece of work: the error that ends it names them, whatever failed last."""

    def __init__(self) -> None:
        self.count = 0
        self._last = ""

    def note(self, error: Exception) -> None:
        """Count a failure if the service, or something between, refused the request."""
        if isinstance(error, ServiceError):
            self.note_answer(error.code or f"HTTP {error.status}", error.service_message)

    def note_answer(self, code: str, message: str) -> None:
        """Count an answer that refused something."""
        self.count += 1
        self._last = f"{code} {message}".rstrip(" .")

    def among(self, failures: int, *, named: bool) -> str:
        """Say how many of so many failures were refusals, and which was the last one, unless the message has ``named`` it."""
        if not self.count or (named and self.count == failures):
            return ""
        return f", {self.count} of them refused" + ("" if named else f", the last with {self._last}")


class FailureSeries:
    """The failures in a row of one piece of work, such as a partition that is read; used by one thread at a time.

    Args:
        endless: see ``wait_limit``.
        first_pause: the bound (s) of the first pause.
        longest_pause: the bound (s) of every pause.
        longest_pause_if_throttled: the same after throttling, which allows some traffic in each second.
        clock: seconds that never go back.
        random: uniform in [0, 1).
    """

    def __init__(
        self,
        *,
        endless: bool,
        first_pause: float = 1.0,
        longest_pause: float = 30.0,
        longest_pause_if_throttled: float = 4.0,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = own_random,
    ) -> None:
        self._endless = endless
        self._first_pause = first_pause
        self._longest_pause = longest_pause
        self._longest_pause_if_throttled = longest_pause_if_throttled
        self._clock = clock
        self._random = random
        self.note_success()

    def note_success(self) -> None:
        """Something has succeeded: later failures are a new series."""
        self._failure: Failure | None = None
        self._failures = 0
        self._refusals = Refusals()
        self._began: float | None = None
        self._kind_began = 0.0
        self._pauses: dict[bool, Iterator[float]] = {}

    def pause_after(self, error: Exception, *, worked: bool, took: float = 0.0) -> float | None:
        """Note a failure, and return the seconds to pause before the next attempt; None if the error is to be raised.

        The message of an error that is to be raised then says how many requests failed, and names the last refusal.
        ``took`` is the time (s) of the attempt that failed, which belongs to the series.
        Without an end, failures that change their kind are a new series. With an end, all kinds together have the time of the
        longest row, so that they end.
        """
        failure, now = failure_of(error), self._clock()
        self._failures += 1
        self._refusals.note(error)
        if self._began is None:
            self._began = now - took
        if failure is not self._failure:
            self._failure, self._kind_began = failure, now - took
        left = self._kind_began + wait_limit(failure, endless=self._endless, worked=worked) - now
        if not self._endless:
            left = min(left, self._began + max(limits.bounded for limits in WAIT_LIMITS.values()) - now)
        if left <= 0:
            if self._failures > 1:
                refused = self._refusals.among(self._failures, named=isinstance(error, ServiceError))
                error.args = (f"{error} ({self._failures} requests in {now - self._began:.1f} s{refused})",)
            return None
        asked = error.retry_after or 0.0 if isinstance(error, ServiceError) else 0.0
        return min(left, max(asked, next(self._pauses_of(throttled=failure is Failure.THROTTLED))))

    def _pauses_of(self, *, throttled: bool) -> Iterator[float]:
        if throttled not in self._pauses:
            longest = self._longest_pause_if_throttled if throttled else self._longest_pause
            self._pauses[throttled] = full_jitter(self._first_pause, longest, random=self._random)
        return self._pauses[throttled]


class OutageLog:
    """Logs that something fails, and that it works again; thread-safe.

    Parts of it, such as the partitions of a stream, may fail alone. It works again when no part fails any more. A part of which
    nothing was heard for five minutes doesn't count: it may be read by another process now.

    Args:
        subject: what fails, for the message: an endpoint, or a stream.
        clock: seconds that never go back.
        watcher: watches the requests under way.
    """

    def __init__(
        self, subject: str, *, clock: Callable[[], float] = time.monotonic, watcher: Watcher | None = None
    ) -> None:
        self._subject = subject
        self._clock = clock
        self._watcher = watcher or _WATCHER
        self._lock = ForkSafeLock()
        self._under_way: dict[object, float] = {}
        self._failed_at: dict[Hashable, float] = {}
        self._worked_at = -FOREVER
        self._since = 0.0
        self._error: Exception | None = None
        self._next_line = 0.0
        self._logged = False
        FORKS.register(self)

    def after_fork(self) -> None:
        """Forget the requests under way: they are the parent's."""
        self._under_way = {}

    @property
    def busy(self) -> bool:
        """Whether a request is under way."""
        return bool(self._under_way)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch a request, with all its attempts, until the block ends: it is logged even if there is no answer at all."""
        request = object()
        self._under_way[request] = self._clock()
        self._watcher.watch(self)
        try:
            yield
        finally:
            self._under_way.pop(request, None)

    def note_failure(self, error: Exception, part: Hashable = None) -> None:
        """An attempt has failed, because of an outage or because of a refusal that may pass."""
        with self._lock:
            now = self._clock()
            self._failed_at = {p: at for p, at in self._failed_at.items() if now - at < LONGEST_INTERVAL_SECONDS}
            if not self._failed_at:
                self._begin(self._began() or now)
            self._failed_at[part] = now
            self._error = error
        self.log_if_due()

    def note_success(self, part: Hashable = None) -> None:
        """An attempt has succeeded. An outage that was logged is over if no other part fails."""
        self._worked_at = self._clock()
        if part not in self._failed_at:
            return
        with self._lock:
            self._failed_at.pop(part, None)
            over = self._logged and not self._failed_at
            self._logged = self._logged and not over
        if over:
            _log.warning("%s works again after %.1f s", self._subject, self._worked_at - self._since)

    def log_if_due(self) -> None:
        """Log a failure if its next line is due; intervals double up to five minutes."""
        with self._lock:
            now = self._clock()
            if not self._failed_at:
                began = self._began()
                if began is None or now - began < FIRST_LINE_SECONDS:
                    return
                self._begin(began)
                self._failed_at[None] = now
            seconds = now - self._since
            if seconds < self._next_line:
                return
            self._next_line = seconds + min(seconds, LONGEST_INTERVAL_SECONDS)
            self._logged = True
            reason = "no answer" if self._error is None else self._error
        _log.warning("%s has not worked for %.0f s, and is tried again: %s", self._subject, seconds, reason)

    def _begin(self, since: float) -> None:
        self._since, self._error, self._next_line, self._logged = since, None, FIRST_LINE_SECONDS, False

    def _began(self) -> float | None:
        """When the oldest request under way began, or the last success if that was later; None if none is under way."""
        oldest = min(list(self._under_way.values()), default=None)
        return None if oldest is None else max(oldest, self._worked_at)


class Watcher:
    """The thread that watches the requests under way in a process; it ends when there are none for ten seconds."""

    def __init__(self, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._sleep = sleep
        self._lock = ForkSafeLock()
        self.after_fork()
        FORKS.register(self)

    def after_fork(self) -> None:
        """Start without a thread: the parent's doesn't run in the child."""
        self._logs: set[OutageLog] = set()
        self._thread: threading.Thread | None = None

    def watch(self, log: OutageLog) -> None:
        """Watch the requests of a log, until it has none."""
        with self._lock:
            self._logs.add(log)
            if self.running:
                return
            self._thread = threading.Thread(target=self._run, name="beam_dis outages", daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # no thread can be started: failed attempts are logged all the same
                self._thread = None

    @property
    def running(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        idle_ticks = 0
        while True:
            self._sleep(_TICK_SECONDS)
            with self._lock:
                self._logs = {log for log in self._logs if log.busy}
                idle_ticks = 0 if self._logs else idle_ticks + 1
                if idle_ticks > _IDLE_TICKS:
                    self._thread = None
                    return
                logs = list(self._logs)
            for log in logs:
                log.log_if_due()


_WATCHER = Watcher()
