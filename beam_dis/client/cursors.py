"""Reads pages at sequence numbers; opens, keeps and renews the cursors for it.

Rule 1: a cursor is kept for the position that it points to, and is used once. A throttled request doesn't use it up.
Rule 2: a new cursor is opened if there is none, if it is 270 s old (the service keeps them for 300 s [§5.4.3]), or if the
service refuses it.
Rule 3: the stream's id is checked before its first cursor in this process is opened, and again after a cursor was refused or
too old. The stream may have been deleted and recreated under its name, and then the old numbers can be valid in the new one.
Rule 4: a page is bounded by its memory too, which a service can't be asked for: the number of bytes that are requested comes
from the size of the records in the page before, at a new cursor in the stream's last page. An answer that is much larger than
expected is refused before it is in memory, and less is requested.
Rule 5: a page is empty only if room for the largest possible record was requested, since the service leaves out a record that
is larger than the request allows [§5.4.2]. So room for it is requested after a page that wasn't full.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from math import isqrt
from typing import NamedTuple

from beam_dis.client.answers import GoodAnswer, as_of
from beam_dis.client.api import API
from beam_dis.client.dis_client import DISClient
from beam_dis.client.pages import Place, ReadPage
from beam_dis.client.records import read_page
from beam_dis.client.targets import Targets
from beam_dis.errors import (
    AnswerTooLargeError,
    CursorRefusedError,
    StreamNotFoundError,
    StreamRecreatedError,
    ThrottledError,
)
from beam_dis.forks import ForkSafeLock
from beam_dis.stream_service import PAGE_MEMORY_BYTES, Page, ReadPosition
from beam_dis.texts import one_line
from beam_dis.wire.limits import MAX_RECORD_BYTES

MAX_AGE_SECONDS = 270.0
_MOST_KEPT = 10_000

_FIRST_BYTES = 24 * 1024
"""How much data is requested before the size of the records is known; with records of one byte it is a page."""

_GROWTH = 16
"""A request asks for at most so many times the bytes of one before, because the sizes of records may change."""

_MEMORY_BESIDES_ANSWER = 150
"""A record takes 240 bytes of memory besides its data and key, of which its answer shows about 90 as JSON."""

_ANSWER_BYTES = 8 * 1024 * 1024
"""An answer may have so many bytes, more than an expected page has. A single record with a longer key is requested alone, with
the bound of any answer."""

_MANY_RECORDS = 1000
"""As many as a partition usually takes in a second. After a page with more of them, more are likely to follow."""


class _Cursor(NamedTuple):
    """A cursor, since when it is kept, and how many bytes to request with it."""

    text: str
    since: float
    max_bytes: int


class Cursors:
    """The cursors of one client; thread-safe."""

    def __init__(self, api: API, targets: Targets, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = api
        self._client = DISClient(api=api)
        self._targets = targets
        self._clock = clock
        self._kept: OrderedDict[ReadPosition, _Cursor] = OrderedDict()
        self._bytes_of_streams: dict[str, int] = {}
        self._checked_streams: set[str] = set()
        self._lock = ForkSafeLock()

    def read(self, position: ReadPosition, max_bytes: int) -> Page:
        """Return the page at a position, as ``StreamService.read`` specifies."""
        try:
            return self._page(position, self._take(position), max_bytes, reopened=0)
        except CursorRefusedError:
            self._checked_streams.discard(position.stream_id)
            return self._page(position, None, max_bytes, reopened=1)
        except StreamNotFoundError:
            self._checked_streams.discard(position.stream_id)  # the next read reports it, if nobody sees this error
            raise

    def _page(self, position: ReadPosition, cursor: _Cursor | None, max_bytes: int, *, reopened: int) -> Page:
        expected = self._bytes_of_streams.get(position.stream_id, _FIRST_BYTES)
        cursor = cursor or _Cursor(self._open(position), self._clock(), expected)
        try:
            page, answer, requested = self._bounded_page(position, cursor.text, min(cursor.max_bytes, max_bytes))
        except ThrottledError:
            self._keep(position, cursor.text, cursor.max_bytes)
            raise
        count, data_bytes = len(page.records), sum([len(record.data) for record in page.records])
        memory = len(answer.response.body) + _MEMORY_BESIDES_ANSWER * count
        filled = data_bytes > requested // 2
        full_page = PAGE_MEMORY_BYTES * data_bytes // memory
        following = max(1, min(full_page, _GROWTH * requested))
        if page.records:
            self._bytes_of_streams[position.stream_id] = max(following, min(full_page, expected))
        next_bytes = following if filled else MAX_RECORD_BYTES
        self._keep(position.after(page.records), page.next_partition_cursor, next_bytes)
        return Page(
            page.records,
            as_of(answer, self._api.clock()),
            data_bytes=data_bytes,
            full=filled or count > _MANY_RECORDS,
            reopened=reopened,
        )

    def _bounded_page(self, position: ReadPosition, cursor: str, max_bytes: int) -> tuple[ReadPage, GoodAnswer, int]:
        """Request a page, with more bytes if it is empty and with fewer if it is too large.

        Returns:
            The page, its answer, and how many bytes were requested.
        """
        empty = 0
        too_large: int | None = None
        while True:
            one_record = too_large is not None and too_large - empty == 1
            try:
                page, answer = read_page(
                    self._api,
                    cursor,
                    max_fetch_bytes=max_bytes,
                    place=Place(position.partition_id, position.sequence_number),
                    subject=f"stream {position.stream!r}, partition {position.partition_id}",
                    retry_throttling=False,
                    max_answer=None if one_record else _ANSWER_BYTES,
                )
            except AnswerTooLargeError:
                if one_record:
                    raise
                too_large = max_bytes
            else:
                if page.records or max_bytes >= MAX_RECORD_BYTES or one_record:
                    return page, answer, max_bytes
                empty = max_bytes
            max_bytes = MAX_RECORD_BYTES if too_large is None else isqrt((empty + 1) * too_large)

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

    def _take(self, position: ReadPosition) -> _Cursor | None:
        with self._lock:
            kept = self._kept.pop(position, None)
        if kept is not None and self._clock() - kept.since >= MAX_AGE_SECONDS:
            self._checked_streams.discard(position.stream_id)
            return None
        return kept

    def _keep(self, position: ReadPosition, cursor: str, max_bytes: int) -> None:
        now = self._clock()
        with self._lock:
            self._kept[position] = _Cursor(cursor, now, max_bytes)
            self._kept.move_to_end(position)
            while len(self._kept) > _MOST_KEPT or next(iter(self._kept.values())).since < now - MAX_AGE_SECONDS:
                forgotten, _ = self._kept.popitem(last=False)
                self._checked_streams.discard(forgotten.stream_id)
