"""The last requests of a server, in memory, for the console.

Rules:

1. A request is noted once its answer is ready, by one append to a list of bounded length.
2. What can be found out when the log is shown isn't found out before: a request for records is noted with its cursor.
3. No key, token, signature or data of a record is noted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from beam_dis.wire.cursors import decode_cursor
from beam_dis.wire.error_codes import Refusal

KEPT_REQUESTS = 2_000


class LoggedRequest(NamedTuple):
    """One request. ``named`` is the stream that it names, or a cursor; ``status`` is 0 if there was no answer.

    ``headers`` are those of the answer.
    """

    time: float
    method: str
    path: str
    operation: str
    named: str
    status: int
    code: str
    seconds: float
    headers: Sequence[tuple[bytes, bytes]]
    faults: tuple[str, ...] = ()

    @property
    def request_id(self) -> str:
        """The id that the answer has; "" if it has none."""
        return next((value.decode() for name, value in self.headers if name == b"x-request-id"), "")

    @property
    def stream(self) -> str:
        """The name or the id of the stream; "" if the request names none."""
        if self.operation != "get_records":
            return self.named
        try:
            return decode_cursor(self.named).get_iterator_param.stream_name
        except Refusal:
            return ""


class RequestLog:
    """The last :data:`KEPT_REQUESTS` requests; thread-safe, since each step is one operation of a deque."""

    __slots__ = ("_entries", "add")

    def __init__(self) -> None:
        self._entries: deque[LoggedRequest] = deque(maxlen=KEPT_REQUESTS)
        self.add = self._entries.append

    def newest_first(self) -> list[LoggedRequest]:
        """The requests, the newest first."""
        return list(reversed(self._entries.copy()))
