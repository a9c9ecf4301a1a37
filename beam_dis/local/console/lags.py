"""How far apps are behind, now and over the last minutes.

Rules:

1. An app is behind by the records after its checkpoint that are still there, in the partitions in which it has a checkpoint.
2. Lags are computed when a page asks for them, at most once a second, and every 15 seconds for the trend, of which the last hour is kept.
3. A lag that is kept takes eight bytes, because a server may have thousands of them.
"""

from __future__ import annotations

import threading
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from beam_dis.local.store import Partition, Store, StoredCheckpoint

FRESH_SECONDS = 1.0
SAMPLE_SECONDS = 15.0
TREND_SECONDS = 300.0
KEPT_SAMPLES = 240

_UNKNOWN = -1

LagKey = tuple[str, str, str]
"""A project, an app in it, and the id of a stream."""

Lags = dict[LagKey, int]
"""The records by which each app is behind in each stream."""


class Trend(NamedTuple):
    """How a lag has changed: records for each second, over a number of seconds."""

    per_second: float
    seconds: float


class _Sample(NamedTuple):
    """The lags at a time, in the order of the places."""

    time: float
    lags: array[int]


class LagHistory:
    """The lags now and in the past; thread-safe. ``clock`` gives the time in epoch seconds."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._now: Lags = {}
        self._time = float("-inf")
        self._places: dict[LagKey, int] = {}
        self._samples: deque[_Sample] = deque(maxlen=KEPT_SAMPLES)

    def now(self) -> Lags:
        """The lags as they were at most a second ago."""
        with self._lock:
            self._refresh()
            return self._now

    def trend(self, key: LagKey) -> Trend | None:
        """How a lag has changed within the last minutes; None if that isn't known yet."""
        with self._lock:
            self._refresh()
            known = [point for point in self._points(key) if self._time - point[0] <= TREND_SECONDS]
            if key not in self._now or not known or known[0][0] >= self._time:
                return None
            seconds = self._time - known[0][0]
            return Trend((self._now[key] - known[0][1]) / seconds, seconds)

    @contextmanager
    def sampled(self, seconds: float = SAMPLE_SECONDS) -> Iterator[None]:
        """A block during which a thread takes samples at this interval."""
        ended = threading.Event()

        def sample() -> None:
            while not ended.wait(seconds):
                self.now()

        thread = threading.Thread(target=sample, name="lags", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def series(self, key: LagKey) -> list[tuple[float, int]]:
        """The times and lags of all samples, and the newest."""
        with self._lock:
            points = self._points(key)
            if key in self._now and (not points or points[-1][0] < self._time):
                points.append((self._time, self._now[key]))
            return points

    def _refresh(self) -> None:
        now = self._clock()
        if 0 <= now - self._time < FRESH_SECONDS:
            return
        self._now, self._time = _lags(self._store), now
        if not self._samples or not 0 <= now - self._samples[-1].time < SAMPLE_SECONDS:
            self._keep()

    def _keep(self) -> None:
        if len(self._places) > 2 * len(self._now) + 100:  # most of them are gone: begin again
            self._places.clear()
            self._samples.clear()
        for key in self._now:
            self._places.setdefault(key, len(self._places))
        self._samples.append(_Sample(self._time, array("q", [self._now.get(key, _UNKNOWN) for key in self._places])))

    def _points(self, key: LagKey) -> list[tuple[float, int]]:
        place = self._places.get(key)
        if place is None:
            return []
        known = [sample for sample in self._samples if place < len(sample.lags)]
        return [(sample.time, sample.lags[place]) for sample in known if sample.lags[place] != _UNKNOWN]


def records_behind(partition: Partition, checkpoint: StoredCheckpoint) -> int:
    """How many records of a partition an app hasn't committed and can still read."""
    return max(0, partition.next - max(checkpoint.sequence_number, partition.earliest))


def _lags(store: Store) -> Lags:
    found: Lags = {}
    streams = {stream.stream_id: stream for stream in store.streams()}
    for app in store.apps():
        for (stream_id, number), checkpoint in store.checkpoints(app.project, app).items():
            stream = streams.get(stream_id)
            partition = None if stream is None else stream.partition(number)
            if partition is not None:
                key = (app.project, app.name, stream_id)
                found[key] = found.get(key, 0) + records_behind(partition, checkpoint)
    return found
