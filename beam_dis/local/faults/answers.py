"""What a faulty call is answered, and how the answer goes down the connection.

Law: one table of what stands in for the work, one of how an answer is spoiled, one of how it travels badly; each kind of
fault is in one of them at most. What travels badly is written to the connection itself, which ends with it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from beam_dis.local.faults import values
from beam_dis.local.http.reply import Headers, Reply, refuse
from beam_dis.wire.error_codes import ERROR_CODES

Sleep = Callable[[float], Awaitable[Any]]

_BACKEND_FAILED = "APIG.0201", "Backend unavailable."
_TOO_MANY = "APIG.0308", "The throttling threshold has been reached."
_DRIPS = 10


class Answer(NamedTuple):
    """An answer with its headers, as it goes out."""

    status: int
    headers: Headers
    body: bytes

    @property
    def head(self) -> bytes:
        """Status line and headers as bytes, for a connection that ends behind them."""
        lines = [STATUS_LINE[self.status], *(b"%b: %b\r\n" % header for header in self.headers)]
        return b"".join([*lines, b"connection: close\r\n\r\n"])


def stand_in(fault: values.AnyFault) -> Reply | None:
    """The answer of a fault that has one of its own."""
    made = _STAND_INS.get(type(fault))
    return None if made is None else made(fault)


def _failing(fault: values.Failing) -> Reply:
    if not fault.body:
        return Reply(fault.status)
    if fault.status == 500:
        return refuse(500, "DIS.5000", ERROR_CODES["DIS.5000"].text)
    return refuse(fault.status, *_BACKEND_FAILED)


def _throttled(fault: values.Throttled) -> Reply:
    return refuse(429, *_TOO_MANY) if fault.status == 429 else _refused(fault)


def _refused(fault: values.RequestRefused | values.Throttled) -> Reply:
    row = ERROR_CODES[fault.code]
    return refuse(row.status, row.code, row.text)


_STAND_INS: dict[type, Callable[[Any], Reply]] = {
    values.Failing: _failing,
    values.Throttled: _throttled,
    values.RequestRefused: _refused,
}


def spoiled(fault: values.AnyFault, answer: Answer) -> Answer:
    """The answer as a fault leaves it."""
    spoil = _SPOILT.get(type(fault))
    return answer if spoil is None or not answer.body else spoil(answer)


def _wrong_json(answer: Answer) -> Answer:
    body = answer.body[: len(answer.body) // 2]
    return answer._replace(headers=_with(answer.headers, b"content-length", b"%d" % len(body)), body=body)


def _wrong_content_type(answer: Answer) -> Answer:
    return answer._replace(headers=_with(answer.headers, b"content-type", b"text/html; charset=utf-8"))


def _with(headers: Headers, name: bytes, value: bytes) -> Headers:
    return [(held, value if held == name else old) for held, old in headers]


_SPOILT: dict[type, Callable[[Answer], Answer]] = {
    values.WrongJSON: _wrong_json,
    values.WrongContentType: _wrong_content_type,
}


def travels_badly(fault: values.AnyFault) -> bool:
    """Whether an answer doesn't come as it should."""
    return type(fault) in _JOURNEYS


async def travel(fault: values.AnyFault, answer: Answer, transport: asyncio.Transport, sleep: Sleep) -> None:
    """Put an answer, or what a fault leaves of it, on a connection, and end that."""
    if not transport.is_closing():
        await _JOURNEYS[type(fault)](fault, answer, transport, sleep)


async def _reset(_fault: values.Reset, _answer: Answer, transport: asyncio.Transport, _sleep: Sleep) -> None:
    # a connection that lingers for no time says RST, not that it ended well
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _cut(fault: values.CutAnswer, answer: Answer, transport: asyncio.Transport, _sleep: Sleep) -> None:
    kept = len(answer.body or answer.head) * fault.after
    transport.write(answer.head + answer.body[: int(kept)] if answer.body else answer.head[: int(kept)])
    transport.close()


async def _slow_headers(fault: values.SlowHeaders, answer: Answer, transport: asyncio.Transport, sleep: Sleep) -> None:
    await _drip(answer.head, fault.seconds, transport, sleep)
    transport.write(answer.body)
    transport.close()


async def _slow_body(fault: values.SlowBody, answer: Answer, transport: asyncio.Transport, sleep: Sleep) -> None:
    transport.write(answer.head)
    await _drip(answer.body, fault.seconds, transport, sleep)
    transport.close()


async def _drip(data: bytes, seconds: float, transport: asyncio.Transport, sleep: Sleep) -> None:
    size = -(-len(data) // _DRIPS) or 1
    for start in range(0, len(data), size):
        await sleep(seconds / _DRIPS)
        if transport.is_closing():
            return
        transport.write(data[start : start + size])


_JOURNEYS: dict[type, Callable[..., Awaitable[None]]] = {
    values.Reset: _reset,
    values.CutAnswer: _cut,
    values.SlowHeaders: _slow_headers,
    values.SlowBody: _slow_body,
}
