"""Commits how far an app has read.

Rule 1: the committed number is the next one to read. For each partition it only goes up, even if bundles are finalised out of
order.
Rule 2: a finalizer only notes its number, so that a runner that waits for it never waits for the service. One background task
at a time commits the newest number of each partition. Without an executor the finalizer commits itself, for processes that
may end right after it.
Rule 3: a failed commit isn't an error of the pipeline, because the next one covers it. It is logged, and so is the recovery.
Rule 4: a position is registered again on each call until it is committed, because runners may lose finalizers. A runner that
finalises nothing is asked once a minute, because it keeps every bundle that has a finalizer.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

from beam_dis.forks import FORKS, ForkSafeLock
from beam_dis.request_counts import RequestCounts
from beam_dis.stream_service import StreamService

PATIENCE_SECONDS = 60.0
PATIENCE_TIMES = 10
_log = logging.getLogger(__name__)

Partition = tuple[str, str]
"""Stream and partition id."""


class LastCommit(NamedTuple):
    """The number that was committed last, and this machine's time (s since 1970) then."""

    number: int
    at: float


@dataclass(slots=True)
class _Progress:
    """One partition: numbers committed, registered and noted; and since when, when last and how often it was registered
    without a finalizer being called.
    """

    committed: int = -1
    registered: int = -1
    noted: int = -1
    asked_since: float = 0.0
    asked_last: float = 0.0
    asked_times: int = 0
    failing: bool = False
    last_commit: LastCommit | None = None


class Committer:
    """Commits the positions of one app; thread-safe, because runners call finalizers in any thread."""

    def __init__(
        self,
        service: StreamService,
        app: str,
        *,
        executor: Executor | None,
        requests: RequestCounts | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._requests = requests or RequestCounts()
        self._commit_number = self._requests.counted(service.commit)
        self._app = app
        self._executor = executor
        self._clock = clock
        self._wall = wall
        self._partitions: dict[Partition, _Progress] = {}
        self._queue: dict[Partition, None] = {}  # partitions with a noted number, the longest waiting first
        self._task_running = False
        self._lock = ForkSafeLock()
        self._committing = ForkSafeLock()  # never taken by register(), which must not wait for the service
        FORKS.register(self)

    def after_fork(self) -> None:
        """Forget the background task, which doesn't run in the child; the next finalizer starts one."""
        self._task_running = False

    def due(self, stream: str, partition_id: str, next_number: int) -> bool:
        """Whether to register a position: it isn't committed yet, and the runner runs finalizers, or wasn't asked lately."""
        with self._lock:
            progress, now = self._of((stream, partition_id)), self._clock()
            if next_number <= progress.committed:
                return False
            if progress.asked_times < PATIENCE_TIMES or now - progress.asked_since < PATIENCE_SECONDS:
                return True
            return now - progress.asked_last >= PATIENCE_SECONDS

    def register(self, stream: str, partition_id: str, next_number: int) -> Callable[[], None]:
        """Return a finalizer that has the position committed once it is called."""
        partition = (stream, partition_id)
        with self._lock:
            progress, now = self._of(partition), self._clock()
            progress.registered = max(next_number, progress.registered)
            if not progress.asked_times:
                progress.asked_since = now
            progress.asked_last = now
            progress.asked_times += 1
        return lambda: self._finalized(partition, next_number)

    def last_commit(self, stream: str, partition_id: str) -> LastCommit | None:
        """What this process committed last; None if it hasn't committed anything."""
        with self._lock:
            return self._of((stream, partition_id)).last_commit

    @property
    def unconfirmed(self) -> dict[Partition, int]:
        """The positions that were registered and aren't committed."""
        with self._lock:
            return {p: own.registered for p, own in self._partitions.items() if own.registered > own.committed}

    def log_unconfirmed(self) -> None:
        """Warn about positions that a runner has never finalised, at the end of a read."""
        for (stream, partition_id), number in self.unconfirmed.items():
            _log.warning(
                "app %s: %s of stream %s was read up to %s, but the runner never finalised the bundle, so that was not"
                " committed: the next run reads it again",
                self._app,
                partition_id,
                stream,
                number - 1,
            )

    def _of(self, partition: Partition) -> _Progress:
        return self._partitions.setdefault(partition, _Progress())

    def _finalized(self, partition: Partition, next_number: int) -> None:
        with self._lock:
            progress = self._of(partition)
            progress.asked_times = 0
            progress.noted = max(next_number, progress.noted)
            self._queue.setdefault(partition)
            if self._executor is not None:
                if self._task_running:
                    return  # the task will find the note
                self._task_running = True
        if self._executor is None:
            self._commit_noted()
            return
        try:
            self._executor.submit(self._commit_noted)
        except RuntimeError:  # no thread can be started, or the process is ending: the next finalizer tries again
            with self._lock:
                self._task_running = False

    def _commit_noted(self) -> None:
        with self._committing:
            while (note := self._take_note()) is not None:
                self._commit(*note)

    def _take_note(self) -> tuple[Partition, int] | None:
        """Take the note that has waited longest, so that a partition that keeps failing holds up no other."""
        with self._lock:
            while self._queue:
                partition = next(iter(self._queue))
                del self._queue[partition]
                progress = self._partitions[partition]
                number, progress.noted = progress.noted, -1
                if number > progress.committed:
                    return partition, number
            self._task_running = False  # under the lock: a later note starts a new task
            return None

    def _commit(self, partition: Partition, number: int) -> None:
        progress = self._partitions[partition]
        try:
            self._commit_number(self._app, *partition, number)
        except Exception as error:  # noqa: BLE001 - nothing reports an error of a background thread
            if not progress.failing:
                _log.warning("stream %s, partition %s: %s was not committed: %s", *partition, number, error)
            progress.failing = True
            return
        with self._lock:
            progress.committed = number
            progress.last_commit = LastCommit(number, self._wall())
        if progress.failing:
            progress.failing = False
            _log.warning("stream %s, partition %s is committed again: %s", *partition, number)
