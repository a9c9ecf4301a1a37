"""Reads pages at sequence numbers; opens, keeps and renews the cursors for it.

Rule 1: a cursor is kept for the position that it points to, and is used once. A throttled request doesn't use it up.
Rule 2: a new cursor is opened if there is none, if it is 270 s old (the service keeps them for 300 s [§5.4.3]), or if the
service refuses it.
Rule 3: the stream's id is checked before its first cursor in this process is opened, and again after a cursor was refused or
too old. The stream may have been deleted and recreated under its name, and then the old numbers can be valid in the new one.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from beam_dis.client.answers import GoodAnswer, as_of
from beam_dis.client.api import API
from beam_dis.client.dis_client import DISClient
from beam_dis.client.pages import Place, ReadPage
from beam_dis.client.records import read_page
from beam_dis.client.targets import Targets
from beam_dis.errors import CursorRefusedError, StreamNotFoundError, StreamRecreatedError, ThrottledError
from beam_dis.forks import ForkSafeLock
from beam_dis.stream_service import Page, ReadPosition
from beam_dis.texts import one_line
from beam_dis.wire.limits import MAX_RECORD_BYTES

MAX_AGE_SECONDS = 270.0
_MOST_KEPT = 10_000


class _Cursor(NamedTuple):
    text: str
    since: float


class Cursors:
    """The cursors of one client; thread-safe."""

    def __init__(self, api: API, targets: Targets, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._client = DISClient(api=api)
        self._targets = targets
        self._clock = clock
        self._kept: OrderedDict[ReadPosition, _Cursor] = OrderedDict()
        self._checked_streams: set[str] = set()
        self._lock = ForkSafeLock()

    def read(self, position: ReadPosition, max_bytes: int) -> Page:
        """Return the page at a position, as ``StreamService.read`` specifies.

        The service never returns a record that is larger than ``max_bytes`` [§5.4.2], so at least the size of the largest
        possible record is requested.
        """
        max_bytes = max(max_bytes, MAX_RECORD_BYTES)
        try:
            return self._page(position, self._take(position), max_bytes, reopened=0)
        except CursorRefusedError:
            self._checked_streams.discard(position.stream_id)
            return self._page(position, None, max_bytes, reopened=1)
        except StreamNotFoundError:
            self._checked_streams.discard(position.stream_id)  # the next read reports it, if nobody sees this error
            raise

    def _page(self, position: ReadPosition, cursor: str | None, max_bytes: int, *, reopened: int) -> Page:
        cursor = cursor or self._open(position)
        try:
            page, answer = self._request(position, cursor, max_bytes)
        except ThrottledError:
            self._keep(position, cursor)
            raise
        self._keep(position.after(page.records), page.next_partition_cursor)
        return Page(page.records, as_of(answer, self._api.clock()), reopened)

    def _request(self, position: ReadPosition, cursor: str, max_bytes: int) -> tuple[ReadPage, GoodAnswer]:
        place = Place(position.partition_id, position.sequence_number)
        subject = f"stream {position.stream!r}, partition {position.partition_id}"
        return read_page(
            self._api, cursor, max_fetch_bytes=max_bytes, place=place, subject=subject, retry_throttling=False
        )

    def _open(self, position: ReadPosition) -> str:
        target = self._targets.of(position.stream)
        if position.stream_id not in self._checked_streams:
            found = self._client.describe_stream(target.name, stream_id=target.stream_id, limit_partitions=1).stream_id
            if found != position.stream_id:
                raise StreamRecreatedError(
                    f"stream {position.stream!r} was deleted and recreated while it was read: its id was "
                    f"{position.stream_id!r} and is now {one_line(found, 100)!r}. Start again, from a position of the new stream"
                )
            self._checked_streams.add(position.stream_id)
        return self._client.get_cursor(
            target.name,
            stream_id=target.stream_id,
            partition_id=position.partition_id,
            starting_sequence_number=position.sequence_number,
        )

    def _take(self, position: ReadPosition) -> str | None:
        with self._lock:
            kept = self._kept.pop(position, None)
        if kept is not None and self._clock() - kept.since >= MAX_AGE_SECONDS:
            self._checked_streams.discard(position.stream_id)
            return None
        return None if kept is None else kept.text

    def _keep(self, position: ReadPosition, cursor: str) -> None:
        now = self._clock()
        with self._lock:
            self._kept[position] = _Cursor(cursor, now)
            self._kept.move_to_end(position)
            while len(self._kept) > _MOST_KEPT or next(iter(self._kept.values())).since < now - MAX_AGE_SECONDS:
                forgotten, _ = self._kept.popitem(last=False)
                self._checked_streams.discard(forgotten.stream_id)
