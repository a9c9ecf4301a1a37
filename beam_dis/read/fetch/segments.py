"""Fetches the ranges of bounded reads in segments, several at a time, so that the distance to the service costs little.

Rules:

1. A segment is the numbers of about four pages. Its pages are fetched one after the other, because each shows where the next one
   begins. Segments are fetched at the same time: a position may be any number.
2. Segments are fetched in the order in which they are needed: first what is left of the ranges that are being read, then the
   beginnings of those that this process will probably read next. There are up to eight. Of the latter one page is fetched, and up to
   four once such a guess was right.
3. What is fetched ahead counts in the budget of ``Prefetch``, and takes at most half of it, except a page that a reader will ask for next.
4. The last page of a segment asks for the numbers that are left, so the next segment's records aren't fetched twice. Of more
   records than expected those that belong to the next segment are dropped.
5. An error in the background ends the segment. The reader meets it again if it asks for that page. Nothing is fetched ahead of the
   partition for a second, because asking again at once would make it worse.
6. If a pipeline is slower than the service, only the next page of a segment that is being read is fetched ahead.
7. A segment that nobody reads is forgotten after a minute, as its pages are.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from operator import attrgetter

from beam_dis.forks import FORKS
from beam_dis.read.fetch.page_sizes import PageSizes
from beam_dis.read.fetch.prefetch import FAILED_SECONDS, IDLE_SECONDS, PAGES_AHEAD, Fetched, Prefetch
from beam_dis.read.fetch.upcoming import Expected, Following
from beam_dis.stream_service import Page, ReadPosition

MOST_SEGMENTS = 8
_SEGMENT_PAGES = 3.9
"""A little less than four pages, so that the last one has room for what the others left."""

_SLOW_SECONDS = 5.0
"""If a page is taken so long after it was requested, the pipeline is slower than the service."""

_sequence_number = attrgetter("sequence_number")


class _Segment:
    """The numbers from ``taken`` to ``stop``, of which a reader has taken none or some pages.

    ``next`` is where the next page to fetch begins, once the page ``under_way`` is there. ``context`` is that of the read that needs the
    segment, whose requests those for its pages are.
    """

    def __init__(self, position: ReadPosition, stop: int, most: int, now: float) -> None:
        self.taken = position
        self.next = position
        self.stop = stop
        self.most = most
        self.since = now
        self.is_read = False
        self.ahead: list[ReadPosition] = []
        self.under_way = False
        self.context = copy_context()

    def wants_page(self) -> bool:
        """Whether another page of it is to be fetched ahead."""
        return not self.under_way and self.next.sequence_number < self.stop and len(self.ahead) < self.most

    def take(self, position: ReadPosition, now: float) -> None:
        """A reader has taken what is before a position."""
        self.taken, self.since, self.is_read, self.most = position, now, True, PAGES_AHEAD
        self.continue_at(position)

    def continue_at(self, position: ReadPosition) -> None:
        """The next page begins at a position, if that is further on."""
        if self.next.sequence_number < position.sequence_number:
            self.next = position

    def covers(self, position: ReadPosition) -> bool:
        """Whether a position is one of the numbers."""
        number = position.sequence_number
        return position.partition == self.taken.partition and self.taken.sequence_number <= number < self.stop


class Segments:
    """The segments of one connection; thread-safe. ``sizes`` are those of the pages that it reads."""

    def __init__(self, prefetch: Prefetch, sizes: PageSizes, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._prefetch = prefetch
        self._sizes = sizes
        self._clock = clock
        self.after_fork()
        FORKS.register(self)

    def after_fork(self) -> None:
        """Forget the segments, as the pages are forgotten."""
        self._lock = threading.RLock()  # an executor may run a task at once
        self._segments: list[_Segment] = []
        self._expected: list[Expected] = []
        self._failed_at: dict[tuple[str, str], float] = {}
        self._slow = False

    def page(self, position: ReadPosition, stop: int, following: Following) -> Page:
        """The page at a position of a range that ends at ``stop``; what is needed next is fetched meanwhile.

        Args:
            position: where the page begins.
            stop: the end of the range.
            following: takes the ranges that will probably be read after this one.
        """
        self._slow = self._prefetch.waited(position) > _SLOW_SECONDS
        page = self._take(position, stop)
        if not page.records:
            return page
        with self._lock:
            page = self._note_taken(position, stop, page)
            if not self._slow:
                self._plan(position.after(page.records), stop, following)
            self._fetch()
        return page

    def clear(self) -> None:
        """Forget the segments; pages that are under way continue none."""
        with self._lock:
            self._segments, self._expected = [], []

    def _take(self, position: ReadPosition, stop: int) -> Page:
        """The page at a position, prefetched or not."""
        with self._lock:
            self._forget_idle()
            self._note_read(position)
            end, segment = self._end(position, stop), self._at(position)
            held = self._prefetch.holds(position)
            fetches = segment is not None and not held
            if segment is not None and fetches:
                segment.under_way = True
        try:
            page = self._prefetch.take(position, self._sizes.bytes_to_request(position, end))
        except Exception:
            with self._lock:
                if segment in self._segments:
                    self._segments.remove(segment)
            raise
        if segment is not None and fetches:
            segment.under_way = False
        if page.records and not held:
            self._sizes.note(position, end, page)
        return page

    def _note_taken(self, position: ReadPosition, stop: int, page: Page) -> Page:
        """Move the segment of a position forward; return the page without the records of the next segment."""
        end = self._end(position, stop)
        own = bisect_left(page.records, end, key=_sequence_number)
        if 0 < own < len(page.records):
            records = page.records[:own]
            page = page._replace(records=records, data_bytes=sum([len(record.data) for record in records]))
        segment = self._at(position)
        if segment is None:
            segment = _Segment(position, self._end(position, stop), PAGES_AHEAD, self._clock())
            self._segments.insert(0, segment)
        segment.take(position.after(page.records), self._clock())
        if segment.taken.sequence_number >= segment.stop:
            self._segments.remove(segment)
        return page

    def _plan(self, position: ReadPosition, stop: int, following: Following) -> None:
        """Add the next segments of a range that is read up to a position, then those of the ranges that follow it."""
        index = self._add_segments(Expected(position, stop, proven=True), 0)
        for expected in self._expected:
            index = self._add_segments(expected, index)
        while len(self._segments) < MOST_SEGMENTS and (found := following()) is not None:
            self._expected.append(found)
            index = self._add_segments(found, index)

    def _add_segments(self, expected: Expected, index: int) -> int:
        """Add the segments of a range, after so many others; only the first one's first page unless such guesses are right.

        Returns:
            How many segments are before and in the range.
        """
        position, most = expected.position, PAGES_AHEAD if expected.proven else 1
        while position.sequence_number < expected.stop:
            segment = self._at(position)
            if segment is None:
                if len(self._segments) >= MOST_SEGMENTS:
                    break
                segment = _Segment(position, self._end(position, expected.stop), most, self._clock())
                self._segments.insert(index, segment)
            segment.most = max(segment.most, most)
            index, position = self._segments.index(segment) + 1, position.at(segment.stop)
            if not expected.proven:
                break
        return index

    def _fetch(self) -> None:
        """Start to fetch what there is room for, in the order in which it is needed."""
        for segment in list(self._segments):
            segment.ahead = [position for position in segment.ahead if self._prefetch.holds(position)]
            urgent = segment.is_read and not segment.ahead
            wanted = segment.wants_page() and (urgent or not self._slow) and not self._failed_lately(segment)
            if wanted and not self._start(segment, urgent=urgent):
                return

    def _start(self, segment: _Segment, *, urgent: bool) -> bool:
        """Start to fetch the next page of a segment; False if there is no room for it."""
        position = segment.next
        segment.under_way = True
        max_bytes = self._sizes.bytes_to_request(position, segment.stop)
        start = partial(self._prefetch.start, position, max_bytes=max_bytes, urgent=urgent)
        fetched = segment.context.copy().run(start)
        if fetched is None:
            segment.under_way = False
            return False
        segment.ahead.append(position)
        fetched.add_done_callback(partial(self._arrived, segment, position))
        return True

    def _arrived(self, segment: _Segment, position: ReadPosition, fetched: Future[Fetched]) -> None:
        """The page of a segment is there, or failed: continue with what follows."""
        error = None if fetched.cancelled() else fetched.exception()
        page = None if fetched.cancelled() or error else fetched.result().page
        with self._lock:
            segment.under_way = False
            if error is not None:
                self._failed_at[position.partition] = self._clock()
            if segment not in self._segments:
                return
            if page is None or not page.records:
                self._segments.remove(segment)
            else:
                self._sizes.note(position, segment.stop, page)
                segment.continue_at(position.after(page.records))
            self._fetch()

    def _at(self, position: ReadPosition) -> _Segment | None:
        return next((segment for segment in self._segments if segment.covers(position)), None)

    def _end(self, position: ReadPosition, stop: int) -> int:
        """The end of the segment at a position of a range that ends at ``stop``, or the end that a new one has."""
        segment = self._at(position)
        if segment is not None:
            return min(segment.stop, stop)
        start, partition = position.sequence_number, position.partition
        starts = [segment.taken.sequence_number for segment in self._segments if segment.taken.partition == partition]
        stop = min([stop, *[other for other in starts if other > start]])
        page = self._sizes.numbers_in_a_page(position)
        return (
            stop if page is None or stop - start < (_SEGMENT_PAGES + 1) * page else start + int(_SEGMENT_PAGES * page)
        )

    def _failed_lately(self, segment: _Segment) -> bool:
        at = self._failed_at.get(segment.taken.partition)
        return at is not None and self._clock() - at < FAILED_SECONDS

    def _note_read(self, position: ReadPosition) -> None:
        """A range is read from a position. If it was expected, others probably come too."""
        others = [expected for expected in self._expected if expected.position != position]
        if len(others) < len(self._expected):
            self._expected = [expected._replace(proven=True) for expected in others]

    def _forget_idle(self) -> None:
        """Forget the segments that nobody reads, and what is expected after them."""
        oldest = self._clock() - IDLE_SECONDS
        if idle := [segment for segment in self._segments if segment.since < oldest]:
            self._segments = [segment for segment in self._segments if segment not in idle]
            starts = {segment.taken for segment in idle}
            self._expected = [expected for expected in self._expected if expected.position not in starts]
