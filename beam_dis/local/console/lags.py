"""How far apps are behind, now and over the last minutes.

Rules:

1. An app is behind by the records after its checkpoint that are still there, in the partitions in which it has a checkpoint.
2. Lags are sampled when a page asks for them, at most once a second. So a trend is that of the time in which pages were open.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from beam_dis.local.store import Partition, Store, StoredCheckpoint

SAMPLE_SECONDS = 1.0
KEPT_SAMPLES = 600
TREND_SECONDS = 300.0

LagKey = tuple[str, str, str]
"""A project, an app in it, and the id of a stream."""


class LagSample(NamedTuple):
    """The records by which each app is behind in each stream, at a time in seconds since 1970."""

    time: float
    behind: dict[LagKey, int]


class Trend(NamedTuple):
    """How a lag has changed: records for each second, over a number of seconds."""

    per_second: float
    seconds: float


class LagHistory:
    """The last samples; thread-safe. ``clock`` gives the time in epoch seconds."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._samples: deque[LagSample] = deque(maxlen=KEPT_SAMPLES)

    def now(self) -> LagSample:
        """A sample that is at most a second old."""
        with self._lock:
            now = self._clock()
            if not self._samples or not 0 <= now - self._samples[-1].time < SAMPLE_SECONDS:
                self._samples.append(LagSample(now, _behind(self._store)))
            return self._samples[-1]

    def trend(self, key: LagKey) -> Trend | None:
        """How a lag has changed within the last minutes; None if that isn't known yet."""
        latest = self.now()
        with self._lock:
            known = [s for s in self._samples if key in s.behind and latest.time - s.time <= TREND_SECONDS]
        if key not in latest.behind or len(known) < 2 or latest.time <= known[0].time:
            return None
        seconds = latest.time - known[0].time
        return Trend((latest.behind[key] - known[0].behind[key]) / seconds, seconds)

    def series(self, key: LagKey) -> list[tuple[float, int]]:
        """The times and lags of all samples."""
        with self._lock:
            return [(sample.time, sample.behind[key]) for sample in self._samples if key in sample.behind]


def records_behind(partition: Partition, checkpoint: StoredCheckpoint) -> int:
    """How many records of a partition an app hasn't committed and can still read."""
    return max(0, partition.next - max(checkpoint.sequence_number, partition.earliest))


def _behind(store: Store) -> dict[LagKey, int]:
    found: dict[LagKey, int] = {}
    streams = {stream.stream_id: stream for stream in store.streams()}
    for app in store.apps():
        for (stream_id, number), checkpoint in store.checkpoints(app.project, app).items():
            stream = streams.get(stream_id)
            partition = None if stream is None else stream.partition(number)
            if partition is not None:
                key = (app.project, app.name, stream_id)
                found[key] = found.get(key, 0) + records_behind(partition, checkpoint)
    return found
