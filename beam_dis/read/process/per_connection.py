"""What the reads over one connection share in a process: the service, the pages fetched ahead, and the known ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, TypeVar

from beam_dis.forks import FORKS
from beam_dis.outages import OutageLog, is_outage
from beam_dis.read.fetch.counts import RecordSize
from beam_dis.read.fetch.ends import Ends
from beam_dis.read.fetch.page_sizes import PageSizes
from beam_dis.read.fetch.prefetch import BUDGET_BYTES, Prefetch
from beam_dis.read.fetch.segments import Segments
from beam_dis.read.process.app_readers import AppReaders
from beam_dis.read.watermark.service_clock import ServiceClock

if TYPE_CHECKING:
    from beam_dis.stream_service import Page, PartitionDescription, ReadPosition, StreamListing, StreamService

T = TypeVar("T")

PAGE_BYTES = 2 * 1024 * 1024
"""The most data of one page: the service's own default, and above any single record."""


class PerConnection:
    """The shared state of one connection; thread-safe.

    Runners move partitions between instances of a step, so pages and ends are kept here. ``subject`` names the service in the
    log. ``budget`` bounds the bytes of all pages fetched ahead.
    """

    def __init__(
        self,
        service: StreamService,
        executor: Executor,
        *,
        subject: str = "the service",
        budget: int = BUDGET_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service = service
        self._executor = executor
        self._clock = clock
        self._service_clock = ServiceClock(subject, clock=clock)
        self.record_size = RecordSize()
        self.prefetch = Prefetch(
            self._read,
            executor.submit,
            page_bytes=PAGE_BYTES,
            budget=budget,
            clock=clock,
        )
        self.segments = Segments(self.prefetch, PageSizes(PAGE_BYTES), clock=clock)
        self.ends = Ends(clock=clock)
        self.app_readers = AppReaders(clock=clock)
        self.answer_seconds = 0.0
        """How long a page takes lately; races only blur it."""
        self._refusals: dict[str, OutageLog] = {}
        self._being_listed: set[str] = set()
        FORKS.register(self)

    def after_fork(self) -> None:
        """Forget the listings under way: their threads don't exist in the child."""
        self._being_listed = set()

    def describe(self, stream: str) -> StreamListing:
        """List a stream, and note the ends of its partitions."""
        asked = self._clock()
        listing = self.service.describe(stream)
        listing = listing._replace(checked_as_of=self._service_clock.checked(listing.as_of, asked))
        self.ends.note_listing(listing, asked)
        return listing

    def describe_partition(self, position: ReadPosition) -> tuple[PartitionDescription | None, int]:
        """List what a partition holds, None if the stream no longer has it, with the service's clock (ms) at the request."""
        listing = self.describe(position.stream)
        return listing.partition(position.partition_id), listing.time

    def keep_ends(self, position: ReadPosition, interval: float) -> None:
        """List a stream in the background unless somebody did within the interval (s), or such a listing is still under way.

        A worker that reads partitions which another worker discovered would know no ends otherwise.
        """
        stream_id = position.stream_id
        if stream_id not in self._being_listed and self.ends.claim_refresh(stream_id, interval):
            self._being_listed.add(stream_id)
            try:
                listing = self._executor.submit(self.describe, position.stream)
            except RuntimeError:  # no thread can be started, or the process is ending
                self._being_listed.discard(stream_id)
            else:
                listing.add_done_callback(lambda _: self._being_listed.discard(stream_id))

    def in_background(self, task: Callable[[], T]) -> Future[T]:
        """Run a task in another thread."""
        return self._executor.submit(task)

    def forget_pages(self) -> None:
        """Drop what was fetched ahead, and fetch no more ahead of the readers that there were."""
        self.segments.clear()
        self.prefetch.clear()

    def _read(self, position: ReadPosition, max_bytes: int) -> Page:
        asked = self._clock()
        page = self.service.read(position, max_bytes)
        self.answer_seconds += (self._clock() - asked - self.answer_seconds) / 8
        return page._replace(checked_as_of=self._service_clock.checked(page.as_of, asked))

    def now(self) -> int | None:
        """The service's time (ms) now at least; None if no answer's clock is believed yet."""
        return self._service_clock.now()

    def note_failure(self, stream: str, part: Hashable, error: Exception) -> None:
        """Log that the service refuses a listing or a partition of a stream. The client logs its outages itself."""
        if not is_outage(error):
            self._refusals.setdefault(stream, OutageLog(f"stream {stream!r}", clock=self._clock)).note_failure(
                error, part
            )

    def note_success(self, stream: str, part: Hashable) -> None:
        """Log that a stream of which something was refused is read again."""
        if stream in self._refusals:
            self._refusals[stream].note_success(part)
