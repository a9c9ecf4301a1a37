"""The step of CommitToDIS: it keeps each partition's progress in Beam's state, and commits at the end of a bundle."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from beam_dis.connection import Connection
from beam_dis.display import display_items
from beam_dis.errors import ConfigurationError, DISError
from beam_dis.outages import FailureSeries, is_missing
from beam_dis.read.commit_progress import CommitProgress
from beam_dis.read.partition.gauges import CommitGauges
from beam_dis.read.process.committer import LastCommit
from beam_dis.read.process.registry import Registry, this_process
from beam_dis.read.state import CommitProgressCoder
from beam_dis.read.values import ReadPositions
from beam_dis.request_counts import RequestCounts
from beam_dis.request_metrics import RequestMetrics

NAMESPACE = "beam_dis.commit"
_log = logging.getLogger(__name__)


class CommitPositionsFn(beam.DoFn):
    """``(partition, position)`` → nothing; commits to ``app``."""

    PROGRESS = ReadModifyWriteStateSpec("progress", CommitProgressCoder())

    def __init__(
        self,
        connection: Connection,
        app: str,
        *,
        registry: Callable[[], Registry] = this_process,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._connection = connection
        self._app = app
        self._registry = registry
        self._clock = clock
        self._sleep = sleep
        self._wall = wall
        self._commits = Metrics.counter(NAMESPACE, "commits")
        self._waiting = Metrics.distribution(NAMESPACE, "ranges_waiting")
        self._metrics = RequestMetrics(NAMESPACE)
        self._gauges = CommitGauges()

    def display_data(self) -> dict[str, Any]:
        return display_items(self._connection, app=self._app)

    def setup(self) -> None:
        self._shared = self._registry().enter_connection(self._connection, self)
        self._requests = RequestCounts()

    def teardown(self) -> None:
        self._registry().leave(self)

    def start_bundle(self) -> None:
        self._due: dict[str, tuple[ReadPositions, int]] = {}

    def process(
        self,
        element: tuple[str, ReadPositions],
        progress: Any = beam.DoFn.StateParam(PROGRESS),  # noqa: B008 - Beam reads parameters from defaults
    ) -> None:
        """Note what is finished."""
        key, position = element
        if position.app != self._app:
            raise ConfigurationError(
                f"CommitToDIS({self._app!r}) received a position of app {position.app!r}, in stream {position.stream!r}: give both"
                " transforms the same app"
            )
        before = progress.read() or self._begin(position)
        after = before.after([(position.start, position.stop)])
        progress.write(after)
        self._waiting.update(len(after.waiting))
        if after.next_number > before.next_number:
            self._due[key] = position, after.next_number

    def finish_bundle(self) -> None:
        """Commit each partition once, all at the same time."""
        commits: list[tuple[ReadPositions, int, Future[bool]]] = [
            (*due, self._shared.in_background(partial(self._commit, *due))) for due in self._due.values()
        ]
        try:
            for position, number, commit in commits:
                if commit.result():
                    partition = (position.stream, position.partition_id)
                    self._gauges.report(partition, LastCommit(number, self._wall()))
                self._commits.inc()
        finally:
            self._metrics.report(self._requests)

    def _begin(self, position: ReadPositions) -> CommitProgress:
        """The app's checkpoint, or the start of the read if that is later."""
        committed = self._persistently(
            position,
            "its checkpoint wasn't read",
            lambda: self._shared.service.committed(self._app, position.stream, position.partition_id),
        )
        return CommitProgress(next_number=max(position.origin, committed or 0))

    def _commit(self, position: ReadPositions, number: int) -> bool:
        """Commit a number; whether it was, because the partition may be gone."""
        commit = self._shared.service.commit
        committed = self._persistently(
            position,
            f"{number} wasn't committed",
            lambda: commit(self._app, position.stream, position.partition_id, number) or True,
        )
        return committed is True

    def _persistently(self, position: ReadPositions, failure: str, request: Callable[[], Any]) -> Any:
        """Send a request until it succeeds; return None if the partition is gone, and raise any other failure that doesn't pass."""
        series = FailureSeries(endless=False, clock=self._clock)
        part = (self._app, position.stream_id, position.partition_id)
        pause: float | None = 0.0
        while pause is not None:
            self._sleep(pause)
            try:
                result = self._requests.counted(request)()
            except DISError as error:
                self._shared.note_failure(position.stream, part, error)
                pause, last = series.pause_after(error, worked=True), error
            else:
                self._shared.note_success(position.stream, part)
                return result
        where = f"app {self._app}, stream {position.stream}, partition {position.partition_id}"
        if not is_missing(last):
            raise DISError(f"{where}: {failure}: {last}") from last
        _log.warning("%s: it is gone, so nothing is committed to it any more: %s", where, last)
        return None
