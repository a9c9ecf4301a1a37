"""Deadlines and limits of HTTP connections, so that slow or large requests can't keep them open.

Rules:

1. The headers of a request are complete within 10 s and 64 kB, its body within 30 s. The body's time doesn't run while the
   server itself doesn't read from the connection.
2. A late request is answered 408, one with too large headers 431; then the connection is closed.
3. A client takes each piece of an answer within 60 s and sends at most 100 requests ahead of their answers; otherwise the
   connection is closed.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from beam_dis.local.http.reply import Headers, coded_error, request_id
from beam_dis.wire.limits import MIB

HEADER_SECONDS = 10.0
BODY_SECONDS = 30.0
ANSWER_SECONDS = 60.0
IDLE_SECONDS = 75.0
MAX_AHEAD = 100
MAX_HEADER_BYTES = MIB // 16


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's protocol with deadlines, and a limit on headers."""

    _timer: asyncio.TimerHandle | None = None
    _take_timer: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection on which no request comes is closed like an idle one."""
        super().connection_made(transport)
        self._arm(IDLE_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """End all deadlines."""
        self._disarm()
        self._cancel_take_timer()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client takes an answer more slowly than it is sent: its deadline starts."""
        super().pause_writing()
        self._take_timer = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has taken nearly all of it: the deadline ends."""
        super().resume_writing()
        self._cancel_take_timer()

    def data_received(self, data: bytes) -> None:
        """Count the bytes that come before the headers are complete."""
        self._header_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._header_bytes > MAX_HEADER_BYTES:
            self._close_with(431)
        if self._timer is None and self._idle():
            self._arm(IDLE_SECONDS, self.transport.close)

    def on_message_begin(self) -> None:
        """The first byte of a request has come; the transport is in the scope because a fault may end the connection."""
        if len(self.pipeline) >= MAX_AHEAD:
            raise ConnectionError("too many requests ahead of their answers")  # answered 400 by uvicorn
        super().on_message_begin()
        self.scope["transport"] = self.transport  # type: ignore[typeddict-unknown-key]
        self._in_headers = True
        self._arm(HEADER_SECONDS, self._late)

    def on_headers_complete(self) -> None:
        """The headers are complete: the deadline of the body starts.

        A request line with a whole URL names the host instead of the Host header [RFC 9112, 3.2.2].
        """
        self._in_headers = False
        self._arm(BODY_SECONDS, self._late)
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        scheme, _, rest = self.url.partition(b"://")
        if rest and b"/" not in scheme:
            authority = rest.partition(b"/")[0]
            self.headers[:] = [(name, value) for name, value in self.headers if name != b"host"]
            self.headers.append((b"host", authority))
        self.app = self.config.loaded_app if size <= MAX_HEADER_BYTES else _headers_too_large
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is complete."""
        self._disarm()
        self._header_bytes = 0
        super().on_message_complete()

    def _arm(self, seconds: float, late: Any) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _cancel_take_timer(self) -> None:
        if self._take_timer is not None:
            self._take_timer.cancel()
            self._take_timer = None

    def _idle(self) -> bool:
        """No request is being answered and uvicorn has no keep-alive timer: blank lines between requests end that."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and self.timeout_keep_alive_task is None and not self.transport.is_closing()

    def _late(self) -> None:
        if self.flow.read_paused:
            self._arm(BODY_SECONDS, self._late)
        else:
            self._close_with(408)

    def _close_with(self, status: int) -> None:
        answered = not self._in_headers and self.cycle.response_started
        if not (answered or self.transport.is_closing()):
            self.transport.write(_closing(status))
        self.transport.close()


_REASONS = {
    408: "The request did not come in time.",
    431: f"The request's headers are more than {MAX_HEADER_BYTES} bytes.",
}


def _closing(status: int) -> bytes:
    body = coded_error(status, "DIS.4200", f"Invalid request. [{_REASONS[status]}]").body
    head = b"".join([b"%b: %b\r\n" % header for header in _headers(body)])
    return STATUS_LINE[status] + head + b"\r\n" + body


def _headers(body: bytes) -> Headers:
    return [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"x-request-id", request_id()),
        (b"connection", b"close"),
        (b"content-length", b"%d" % len(body)),
    ]


async def _headers_too_large(_scope: Any, _receive: Any, send: Any) -> None:
    reply = coded_error(431, "DIS.4200", f"Invalid request. [{_REASONS[431]}]")
    await send({"type": "http.response.start", "status": 431, "headers": _headers(reply.body)})
    await send({"type": "http.response.body", "body": reply.body})
