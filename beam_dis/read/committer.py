"""Committing how far an app has read.

Law: what is committed is the next number to read, last + 1; per partition it only goes forward, also when bundles are
finalised out of order. A callback notes its number, the newest of a partition replaces older ones, and one task at a time
commits what is noted: on an executor, so that runners, which wait for callbacks, never wait for the service, or, without
one, within the callback. A commit that fails is not an error of the pipeline, since the next note says more. Who never
calls back is asked once a minute; what was registered and not committed is known.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from typing import NamedTuple

PATIENCE_SECONDS = 60.0
PATIENCE_TIMES = 10
_log = logging.getLogger(__name__)

Partition = tuple[str, str]
"""Stream and partition id."""


class _Unanswered(NamedTuple):
    """Registrations of a partition that nobody called back since."""

    first: float
    last: float
    times: int


class Committer:
    """Commits through ``commit(stream, partition_id, next_number)``; thread-safe, since finalizers run anywhere.

    ``executor=None`` commits within the callback, for processes that may end right after the last one.
    """

    def __init__(
        self,
        commit: Callable[[str, str, int], None],
        *,
        executor: Executor | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._commit = commit
        self._executor = executor
        self._clock = clock
        self._committed: dict[Partition, int] = {}
        self._registered: dict[Partition, int] = {}
        self._notes: dict[Partition, int] = {}
        self._unanswered: dict[Partition, _Unanswered] = {}
        self._failing: set[Partition] = set()
        self._under_way = False
        self._lock = threading.Lock()
        self._committing = threading.Lock()  # never taken by whoever registers, who doesn't wait for the service

    def due(self, stream: str, partition_id: str, next_number: int) -> bool:
        """Whether to register a position: it isn't committed, and the runner calls back, or hasn't been asked lately.

        Runners keep what belongs to a bundle until it is finalised: one that finalises nothing would keep ever more.
        """
        with self._lock:
            if next_number <= self._committed.get((stream, partition_id), -1):
                return False
            asked, now = self._unanswered.get((stream, partition_id)), self._clock()
            if asked is None or asked.times < PATIENCE_TIMES or now - asked.first < PATIENCE_SECONDS:
                return True
            return now - asked.last >= PATIENCE_SECONDS

    def register(self, stream: str, partition_id: str, next_number: int) -> Callable[[], None]:
        """A callback that has a position committed once it is called."""
        partition = (stream, partition_id)
        with self._lock:
            self._registered[partition] = max(next_number, self._registered.get(partition, 0))
            now = self._clock()
            asked = self._unanswered.get(partition) or _Unanswered(now, now, 0)
            self._unanswered[partition] = asked._replace(last=now, times=asked.times + 1)
        return lambda: self._called(partition, next_number)

    @property
    def unconfirmed(self) -> dict[Partition, int]:
        """Positions that were registered and not committed, by stream and partition."""
        with self._lock:
            return {p: n for p, n in self._registered.items() if n > self._committed.get(p, -1)}

    def _called(self, partition: Partition, next_number: int) -> None:
        with self._lock:
            self._unanswered.pop(partition, None)
            self._notes[partition] = max(next_number, self._notes.get(partition, -1))
        if self._executor is None:
            self._drain()
        else:
            self._wake(self._executor)

    def _wake(self, executor: Executor) -> None:
        """Have the notes committed, unless a task is at it, which will find them."""
        with self._lock:
            if self._under_way:
                return
            self._under_way = True
        try:
            executor.submit(self._drain)
        except RuntimeError:  # there are no threads to be had, or the process is ending: the next note tries again
            with self._lock:
                self._under_way = False

    def _drain(self) -> None:
        with self._committing:
            while (note := self._next()) is not None:
                self._carry_out(*note)

    def _next(self) -> tuple[Partition, int] | None:
        """The note that waits longest, so that a partition that fails again and again holds up no other."""
        with self._lock:
            while self._notes:
                partition = next(iter(self._notes))
                number = self._notes.pop(partition)
                if number > self._committed.get(partition, -1):
                    return partition, number
            self._under_way = False  # under the lock: a note that comes later finds nobody at it
            return None

    def _carry_out(self, partition: Partition, number: int) -> None:
        try:
            self._commit(*partition, number)
        except Exception as error:  # noqa: BLE001 - in a background thread nobody would hear of it
            if partition not in self._failing:
                _log.warning("stream %s, partition %s: %s was not committed: %s", *partition, number, error)
            self._failing.add(partition)
            return
        with self._lock:
            self._committed[partition] = number
        if partition in self._failing:
            self._failing.discard(partition)
            _log.warning("stream %s, partition %s is committed again: %s", *partition, number)
