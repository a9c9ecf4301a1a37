"""What reading shares in one process: the service and the pages fetched ahead.

Law: one per connection, made at first use on the worker and kept until the process ends, because runners move partitions
between DoFn instances and some work through them one after the other. Nothing of it is pickled.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress

from beam_dis.connection import DISConnection
from beam_dis.read.background import THREADS
from beam_dis.read.committer import Committer
from beam_dis.read.ends import Ends
from beam_dis.read.poll_guard import PollGuard
from beam_dis.read.read_ahead import BUDGET_BYTES, ReadAhead
from beam_dis.read.tally import Tally
from beam_dis.read.vigil import Vigil
from beam_dis.read.watermark import WatermarkBoard
from beam_dis.services import shared_service
from beam_dis.stream_service import PartitionDescription, ReadPosition, StreamListing, StreamService

PAGE_BYTES = 2 * 1024 * 1024
"""Data of one page at most: what the service returns where nothing is asked for, above any single record."""


class Reader:
    """Pages of any partition of one service, read ahead, at most ``budget`` bytes of them."""

    def __init__(
        self,
        service: StreamService,
        executor: Executor,
        *,
        budget: int = BUDGET_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service = service
        self._clock = clock
        self.tally = Tally()
        self.ahead = ReadAhead(
            lambda position: service.read(position, PAGE_BYTES),
            executor.submit,
            page_bytes=PAGE_BYTES,
            budget=budget,
            clock=clock,
        )
        self._executor = executor
        self._boards: dict[str, WatermarkBoard] = {}
        self._committers: dict[tuple[str, str], Committer] = {}
        self.guard = PollGuard(clock=clock)
        self.ends = Ends(clock=clock)
        self.vigil = Vigil(clock=clock)

    def board(self, read: str, pause: float) -> WatermarkBoard:
        """The watermarks of one read in this process, whose steps are each called again after a ``pause`` at most."""
        board = self._boards.setdefault(read, WatermarkBoard(clock=self._clock))
        board.remember_for(2 * pause)
        return board

    def committer(self, read: str, app: str) -> Committer:
        """The commits of one read to an app; bundles of a partition go through many instances, finalised in any order."""
        committer = Committer(
            lambda stream, partition, number: self.service.commit(app, stream, partition, number),
            executor=self._executor,
            clock=self._clock,
        )
        return self._committers.setdefault((read, app), committer)

    def keep_ends(self, place: ReadPosition, interval: float) -> None:
        """List a stream in the background where nobody does, as on a worker that reads what another one discovered."""
        if self.ends.overdue(place.stream_id, interval):
            with suppress(RuntimeError):  # there are no threads to be had, or the process is ending
                self._executor.submit(self.held, place)

    def partition(self, place: ReadPosition) -> PartitionDescription | None:
        """What a partition holds now; None where the stream no longer has it."""
        return self.held(place)[0]

    def listing(self, stream: str) -> StreamListing:
        """What a stream holds now; its ends are noted."""
        asked = self._clock()
        listing = self.service.describe(stream)
        self.ends.listed(listing, asked)
        return listing

    def held(self, place: ReadPosition) -> tuple[PartitionDescription | None, int]:
        """What a partition holds, with the service's clock (ms) when it was asked."""
        listing = self.listing(place.stream)
        return next((p for p in listing.partitions if p.partition_id == place.partition_id), None), listing.as_of


_readers: dict[DISConnection, Reader] = {}
_lock = threading.Lock()


def reader_of(connection: DISConnection) -> Reader:
    """The reader of this process for a connection."""
    with _lock:
        reader = _readers.get(connection)
        if reader is None:
            reader = _readers[connection] = Reader(shared_service(connection), THREADS)
        return reader
