"""Logs how far an endless read has come, because the metrics of a running pipeline can't be read on every runner.

Rules:

1. There is one line a minute for each read and process, at INFO, if a partition was polled in that minute.
2. It counts the records of the last minute. A partition that wasn't polled in that minute isn't in the line: it may have moved
   to another worker.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta, timezone

from beam_dis.forks import ForkSafeLock
from beam_dis.read.values import START_OF_TIME_MS

REPORT_SECONDS = 60.0
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_log = logging.getLogger(__name__)


class Progress:
    """The progress of one read in one process; thread-safe. ``clock`` in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = ForkSafeLock()
        self._since = clock()
        self._records = 0
        self._behind: dict[Hashable, int] = {}

    def note(self, stream: str, partition: Hashable, *, records: int, millis_behind: int, watermark: int) -> None:
        """A partition was polled.

        Args:
            stream: the stream's name or id.
            partition: tells it from other partitions of the read.
            records: how many records the poll returned.
            millis_behind: by how much its last record is older than the service's clock; 0 once it has no more.
            watermark: the watermark (ms) that was reported for it.
        """
        with self._lock:
            self._records += records
            self._behind[partition] = millis_behind
            seconds = self._clock() - self._since
            if seconds < REPORT_SECONDS:
                return
            count, behind = self._records, self._behind
            self._since, self._records, self._behind = self._clock(), 0, {}
        _log.info(
            "stream %s: %d records in %.0f s from %d partition%s, at most %.1f s behind, watermark %s",
            stream,
            count,
            seconds,
            len(behind),
            "" if len(behind) == 1 else "s",
            max(behind.values()) / 1000,
            "not known yet" if watermark <= START_OF_TIME_MS else _EPOCH + timedelta(milliseconds=watermark),
        )
