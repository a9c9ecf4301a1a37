"""Logs how far a read has come, because the metrics of a running pipeline can't be read on every runner.

Rules:

1. There is one line a minute for each read and process, at INFO, if a partition was read in that minute.
2. It counts the records of the last minute. A partition that wasn't read in that minute isn't in the line: it may have moved
   to another worker.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from beam_dis.forks import ForkSafeLock
from beam_dis.read.values import START_OF_TIME_MS

REPORT_SECONDS = 60.0
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_log = logging.getLogger(__name__)


class _Minute(NamedTuple):
    """The records of a minute and the last value of each partition."""

    records: int
    seconds: float
    values: tuple[int, ...]

    def __str__(self) -> str:
        partitions = len(self.values)
        return f"{self.records} records in {self.seconds:.0f} s from {partitions} partition{'' if partitions == 1 else 's'}"


class Progress:
    """The progress of one read in one process; thread-safe. ``clock`` in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = ForkSafeLock()
        self._since = clock()
        self._records = 0
        self._values: dict[Hashable, int] = {}

    def note(self, stream: str, partition: Hashable, *, records: int, millis_behind: int, watermark: int) -> None:
        """A partition was polled.

        Args:
            stream: the stream's name or id.
            partition: tells it from other partitions of the read.
            records: how many records the poll returned.
            millis_behind: by how much its last record is older than the service's clock; 0 once it has no more.
            watermark: the watermark (ms) that was reported for it.
        """
        minute = self._note(partition, records, millis_behind)
        if minute is not None:
            _log.info(
                "stream %s: %s, at most %.1f s behind, watermark %s",
                stream,
                minute,
                max(minute.values) / 1000,
                "not known yet" if watermark <= START_OF_TIME_MS else _EPOCH + timedelta(milliseconds=watermark),
            )

    def note_range(self, stream: str, partition: Hashable, *, records: int, arrived: int | None) -> None:
        """Records of a read with an end were read.

        Args:
            stream: the stream's name or id.
            partition: tells it from other partitions of the read.
            records: how many.
            arrived: the arrival time (ms) of the last one; None if there are none.
        """
        minute = self._note(partition, records, START_OF_TIME_MS if arrived is None else arrived)
        if minute is not None:
            newest, up_to = max(minute.values), ""
            if newest > START_OF_TIME_MS:
                up_to = f", up to those that arrived at {_EPOCH + timedelta(milliseconds=newest)}"
            _log.info("stream %s: %s%s", stream, minute, up_to)

    def _note(self, partition: Hashable, records: int, value: int) -> _Minute | None:
        """Add to this minute; return it if it is over, and begin the next one."""
        with self._lock:
            self._records += records
            self._values[partition] = value
            seconds = self._clock() - self._since
            if seconds < REPORT_SECONDS:
                return None
            minute = _Minute(self._records, seconds, tuple(self._values.values()))
            self._since, self._records, self._values = self._clock(), 0, {}
            return minute
