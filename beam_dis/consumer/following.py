"""Reads what arrives in a stream from now on: polls its partitions, and lists the stream for those that are added.

Rules:

1. A partition without new records is polled every ``POLL_SECONDS``; if there are many, less often, ``POLLS_A_SECOND`` in all.
2. The stream is listed every ``LISTING_SECONDS``. Partitions that were added are read from their first record. Those that are closed
   are read to their end; if no others are wanted, the read ends there.
3. One page of a partition is under way at a time. Nobody waits for one partition while another one has records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from queue import Empty, SimpleQueue

from beam_dis.consumer.partition_pages import Done, PartitionPage, PartitionPages, start_read
from beam_dis.errors import DISError
from beam_dis.outages import FailureSeries
from beam_dis.stream_service import PartitionDescription, StreamListing

POLL_SECONDS = 0.15
POLLS_A_SECOND = 60
LISTING_SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class _Poll:
    """A partition that is polled: when next, unless a request is under way."""

    pages: PartitionPages
    due: float
    under_way: bool = False


class Following:
    """Reads a stream without an end.

    Args:
        describe: lists the stream.
        listing: the listing that the partitions come from.
        partitions: the partitions, at the positions to begin.
        added: begins to read a partition.
        others: whether partitions that are added are read too.
        executor: runs requests.
        clock: seconds that never go back.
        sleep: pauses.
    """

    def __init__(
        self,
        describe: Callable[[], StreamListing],
        listing: StreamListing,
        partitions: Iterable[PartitionPages],
        *,
        added: Callable[[PartitionDescription], PartitionPages],
        others: bool,
        executor: Executor,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._describe = describe
        self._known = {partition.partition_id for partition in listing.partitions}
        self._added = added
        self._others = others
        self._executor = executor
        self._clock = clock
        self._sleep = sleep
        self._polls = {pages.partition_id: _Poll(pages=pages, due=clock()) for pages in partitions}
        self._done: Done = SimpleQueue()
        self._listing: Future[StreamListing] | None = None
        self._listing_due = clock()
        self._failures = FailureSeries(endless=True, clock=clock)

    def pages(self) -> Iterator[PartitionPage | None]:
        """The pages that have records, and None at least once a second; they end only if no partition can get any more.

        Raises:
            DISError: a failure doesn't pass.
        """
        while self._polls or self._others:
            self._list()
            now = self._clock()
            for poll in self._polls.values():
                if not poll.under_way and poll.due <= now:
                    poll.under_way = True
                    start_read(self._executor, poll.pages, self._done)
            page = self._next_page()
            yield page if page is not None and page.records else None

    def _next_page(self) -> PartitionPage | None:
        """The next page that is there before something else is due."""
        idle = [poll.due for poll in self._polls.values() if not poll.under_way]
        seconds = max(0.001, min([*idle, max(self._listing_due, self._clock() + POLL_SECONDS)]) - self._clock())
        if len(idle) == len(self._polls):
            self._sleep(seconds)
            return None
        try:
            pages, future = self._done.get(timeout=seconds)
        except Empty:
            return None
        records = future.result()
        poll = self._polls[pages.partition_id]
        poll.under_way = False
        poll.due = self._clock() + (0.0 if records else max(POLL_SECONDS, len(self._polls) / POLLS_A_SECOND))
        if pages.ended:
            del self._polls[pages.partition_id]
        return PartitionPage(pages.partition_id, records)

    def _list(self) -> None:
        """List the stream in the background, and note what a listing says."""
        if self._listing is None and self._clock() >= self._listing_due:
            self._listing = self._executor.submit(self._describe)
        if self._listing is None or not self._listing.done():
            return
        listing, self._listing = self._listing, None
        self._listing_due = self._clock() + LISTING_SECONDS
        try:
            self._note(listing.result())
        except DISError as error:
            pause = self._failures.pause_after(error, worked=True)
            if pause is None:
                raise
            self._listing_due = self._clock() + pause
        else:
            self._failures.note_success()

    def _note(self, listing: StreamListing) -> None:
        for partition in listing.partitions:
            poll = self._polls.get(partition.partition_id)
            if poll is not None and not partition.writable and not poll.under_way and partition.readable:
                poll.pages.stop = partition.next
                if poll.pages.ended:
                    del self._polls[partition.partition_id]
            elif self._others and partition.partition_id not in self._known and partition.readable:
                self._polls[partition.partition_id] = _Poll(pages=self._added(partition), due=self._clock())
            self._known.add(partition.partition_id)
