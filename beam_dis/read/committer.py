"""Committing how far an app has read.

Law: what is committed is the next number to read, last + 1; per partition it only goes forward, also when bundles are
finalised out of order; a commit that fails is not an error of the pipeline, since the next one says more. What was
registered and never confirmed is known, so that a runner that doesn't finalise can be told on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from beam_dis.errors import DISError

_log = logging.getLogger(__name__)


class Committer:
    """Commits through ``commit(stream, partition_id, next_number)``; thread-safe, since finalizers run anywhere."""

    def __init__(self, commit: Callable[[str, str, int], None]) -> None:
        self._commit = commit
        self._committed: dict[tuple[str, str], int] = {}
        self._registered: dict[tuple[str, str], int] = {}
        self._lock = threading.Lock()
        self._committing = threading.Lock()

    def register(self, stream: str, partition_id: str, next_number: int) -> Callable[[], None]:
        """A callback that commits a position once it is called."""
        partition = (stream, partition_id)
        with self._lock:
            self._registered[partition] = max(next_number, self._registered.get(partition, 0))
        return lambda: self._confirm(partition, next_number)

    def confirmed(self, stream: str, partition_id: str, next_number: int) -> bool:
        """Whether a position was committed, or one behind it."""
        with self._lock:
            return next_number <= self._committed.get((stream, partition_id), -1)

    @property
    def unconfirmed(self) -> dict[tuple[str, str], int]:
        """Positions that were registered and not committed, by stream and partition."""
        with self._lock:
            return {p: n for p, n in self._registered.items() if n > self._committed.get(p, -1)}

    def _confirm(self, partition: tuple[str, str], next_number: int) -> None:
        with self._committing:  # a lock of its own: whoever registers never waits for the service
            if next_number <= self._committed.get(partition, -1):
                return
            try:
                self._commit(*partition, next_number)
            except DISError as error:
                _log.warning("stream %s, partition %s: %s was not committed: %s", *partition, next_number, error)
                return
            with self._lock:
                self._committed[partition] = next_number
