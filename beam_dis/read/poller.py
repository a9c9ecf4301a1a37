"""Reading pages at sequence numbers, whatever becomes of cursors.

Law: callers name a place by its sequence number; cursors stay in here. A cursor is kept with the place behind the page it
came with, is used once (throttling uses none up), and is opened anew where there is none, where it is older than 270 s
(the service keeps them for 300), or where the service refuses it. Before a stream is opened for the first time in this
process, and again after a refusal or a cursor's age, it is looked at, because it may be another one, made anew under the
same name: that raises StreamNotFoundError. A place the service doesn't hold raises OutOfRangeError or
PartitionExpiredError. Thread-safe; one per connection and process, since runners move partitions between DoFn instances.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from beam_dis.errors import CursorRefusedError, StreamNotFoundError, ThrottledError
from beam_dis.read.tally import Tally
from beam_dis.stream_service import Page, StreamService

CURSOR_SECONDS = 270.0
_KEPT = 10_000


class Place(NamedTuple):
    """Where a page starts. ``stream_id`` keeps a stream made anew apart from the old one."""

    stream: str
    stream_id: str
    partition_id: str
    sequence_number: int

    def after(self, page: Page) -> Place:
        """Where the next page starts."""
        return self._replace(sequence_number=page.records[-1].sequence_number + 1) if page.records else self


@dataclass(frozen=True, slots=True)
class _Kept:
    cursor: Any
    since: float


class Poller:
    """Reads pages from one service; ``tally`` counts the cursors that had to be opened anew as ``cursor_refreshes``."""

    def __init__(
        self,
        service: StreamService,
        *,
        tally: Tally,
        page_bytes: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service = service
        self._page_bytes = page_bytes
        self._clock = clock
        self._cursors: OrderedDict[Place, _Kept] = OrderedDict()
        self._confirmed: set[str] = set()
        self._lock = threading.Lock()
        self._tally = tally

    def read(self, place: Place) -> Page:
        """The page at a place; empty where nothing has been written there yet."""
        cursor = self._taken(place)
        try:
            cursor = cursor or self._opened(place)
            page = self._service.read(cursor, max_bytes=self._page_bytes)
        except CursorRefusedError:
            self._tally.add("cursor_refreshes")
            self._confirmed.discard(place.stream_id)
            page = self._service.read(self._opened(place), max_bytes=self._page_bytes)
        except ThrottledError:
            if cursor is not None:
                self._keep(place, cursor)
            raise
        except StreamNotFoundError:
            self._confirmed.discard(
                place.stream_id
            )  # for whoever comes next, since errors in the background are forgotten
            raise
        self._keep(place.after(page), page.cursor)
        return page

    def _opened(self, place: Place) -> Any:
        if place.stream_id not in self._confirmed:
            self._check_same(place)
            self._confirmed.add(place.stream_id)
        return self._service.open(place.stream, place.partition_id, place.sequence_number)

    def _check_same(self, place: Place) -> None:
        found = self._service.describe(place.stream).stream_id
        if found != place.stream_id:
            raise StreamNotFoundError(
                f"stream {place.stream!r} was deleted and made anew while it was read: its id was {place.stream_id!r}, now "
                f"{found!r}. Start over, from a position of the new stream"
            )

    def _taken(self, place: Place) -> Any | None:
        with self._lock:
            kept = self._cursors.pop(place, None)
        if kept and self._clock() - kept.since >= CURSOR_SECONDS:
            self._confirmed.discard(place.stream_id)
            return None
        return kept.cursor if kept else None

    def _keep(self, place: Place, cursor: Any) -> None:
        now = self._clock()
        with self._lock:
            self._cursors[place] = _Kept(cursor, now)
            self._cursors.move_to_end(place)
            while len(self._cursors) > _KEPT or next(iter(self._cursors.values())).since < now - CURSOR_SECONDS:
                forgotten, _ = self._cursors.popitem(last=False)
                self._confirmed.discard(forgotten.stream_id)
