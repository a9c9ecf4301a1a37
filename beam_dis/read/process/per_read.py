"""What the steps of one read share in a process: its watermarks, its pace, its commits, how far it is behind, and its alarms."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Executor

from beam_dis.forks import ForkSafeLock
from beam_dis.read.fetch.counts import PendingCounts
from beam_dis.read.fetch.upcoming import UpcomingRanges
from beam_dis.read.process.board import WatermarkBoard
from beam_dis.read.process.committer import Committer
from beam_dis.read.process.due_polls import DuePolls
from beam_dis.read.process.empty_page_alarm import EmptyPageAlarm
from beam_dis.read.process.expiry_alarm import ExpiryAlarm
from beam_dis.read.process.lags import Lags
from beam_dis.read.process.pace import Pace
from beam_dis.read.process.progress import Progress
from beam_dis.read.process.stream_claims import StreamClaims
from beam_dis.read.process.unread_alarm import UnreadAlarm
from beam_dis.request_counts import RequestCounts
from beam_dis.stream_service import StreamService


class PerRead:
    """The shared state of one read; thread-safe. It ends with its read."""

    def __init__(self, executor: Executor, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._executor = executor
        self._clock = clock
        self._committer: Committer | None = None
        self._lock = ForkSafeLock()
        self._warned: set[Hashable] = set()
        self.pending = PendingCounts()
        self.requests = RequestCounts()
        self.board = WatermarkBoard(clock=clock)
        self.pace = Pace(clock=clock)
        self.due_polls = DuePolls(clock=clock)
        self.alarm = UnreadAlarm(clock=clock)
        self.empty_pages = EmptyPageAlarm(clock=clock)
        self.expiry = ExpiryAlarm(clock=clock)
        self.lags = Lags()
        self.progress = Progress(clock=clock)
        self.claims = StreamClaims(clock=clock)
        self.upcoming = UpcomingRanges()

    def committer(self, service: StreamService, app: str) -> Committer:
        """The commits of the read's app: bundles of a partition go through many instances, finalised in any order."""
        with self._lock:
            if self._committer is None:
                self._committer = Committer(
                    service, app, executor=self._executor, requests=self.requests, clock=self._clock
                )
            return self._committer

    def claim_warning(self, partition: Hashable) -> bool:
        """Whether a warning about a partition is still to be logged; True once."""
        with self._lock:
            claimed = partition not in self._warned
            self._warned.add(partition)
            return claimed
