"""HTTP connections that can't be held open by being slow or large.

Law: a request's headers are whole within 10 s and 64 kB, its body within 30 s of the time that we read it; while we hold a
body back the clock doesn't run against its sender. What is late is answered 408, what is too large 431, then closed. A
piece of an answer is taken within 60 s, and requests aren't sent far ahead of their answers: else the connection ends.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from beam_dis.local.http.reply import refuse
from beam_dis.wire.limits import MIB

HEADER_SECONDS = 10.0
BODY_SECONDS = 30.0
ANSWER_SECONDS = 60.0
IDLE_SECONDS = 75.0
MAX_AHEAD = 100
MAX_HEADER_BYTES = MIB // 16


class DeadlineProtocol(HttpToolsProtocol):
    """uvicorn's protocol with deadlines, and a limit to headers."""

    _timer: asyncio.TimerHandle | None = None
    _taking: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A connection that never says anything is closed like an idle one."""
        super().connection_made(transport)
        self._arm(IDLE_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any longer."""
        self._disarm()
        self._taken()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client doesn't take what is sent as fast as it is sent."""
        super().pause_writing()
        self._taking = self.loop.call_later(ANSWER_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has taken nearly all."""
        super().resume_writing()
        self._taken()

    def data_received(self, data: bytes) -> None:
        """Count what comes before the headers are whole."""
        self._header_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._header_bytes > MAX_HEADER_BYTES:
            self._turn_away(431)
        if self._timer is None and self._idle():
            self._arm(IDLE_SECONDS, self.transport.close)

    def on_message_begin(self) -> None:
        """The first byte of a request; what answers it may have to end the connection."""
        if len(self.pipeline) >= MAX_AHEAD:
            raise ConnectionError("too many requests ahead of their answers")  # answered 400 by uvicorn
        super().on_message_begin()
        self.scope["transport"] = self.transport  # type: ignore[typeddict-unknown-key]
        self._in_headers = True
        self._arm(HEADER_SECONDS, self._late)

    def on_headers_complete(self) -> None:
        """The headers are whole: from here the body is waited for."""
        self._in_headers = False
        self._arm(BODY_SECONDS, self._late)
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        self.app = self.config.loaded_app if size <= MAX_HEADER_BYTES else _headers_too_large
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
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

    def _taken(self) -> None:
        if self._taking is not None:
            self._taking.cancel()
            self._taking = None

    def _idle(self) -> bool:
        """Nothing is under way, and uvicorn doesn't wait for the next request: blank lines end its wait."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and self.timeout_keep_alive_task is None and not self.transport.is_closing()

    def _late(self) -> None:
        if self.flow.read_paused:
            self._arm(BODY_SECONDS, self._late)
        else:
            self._turn_away(408)

    def _turn_away(self, status: int) -> None:
        answered = not self._in_headers and self.cycle.response_started
        if not (answered or self.transport.is_closing()):
            self.transport.write(_closing(status))
        self.transport.close()


_REASONS = {
    408: "The request did not come in time.",
    431: f"The request's headers are more than {MAX_HEADER_BYTES} bytes.",
}


def _closing(status: int) -> bytes:
    body = refuse(status, "DIS.4200", f"Invalid request. [{_REASONS[status]}]").body
    head = b"content-type: application/json; charset=utf-8\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(
        body
    )
    return STATUS_LINE[status] + head + body


async def _headers_too_large(_scope: Any, _receive: Any, send: Any) -> None:
    reply = refuse(431, "DIS.4200", f"Invalid request. [{_REASONS[431]}]")
    headers = [(b"content-type", b"application/json; charset=utf-8"), (b"connection", b"close")]
    headers.append((b"content-length", b"%d" % len(reply.body)))
    await send({"type": "http.response.start", "status": 431, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
