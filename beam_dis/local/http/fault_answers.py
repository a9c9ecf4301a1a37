"""Makes the answers of calls that a fault hits, and sends those that break their connection.

Rules:

1. Each kind of fault is in at most one of three tables: replies that replace the handler's, answers that are changed, and
   answers that break their connection.
2. An answer that breaks its connection is written to the transport, which is closed after it.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from beam_dis.local.faults import values
from beam_dis.local.http.reply import Headers, Reply, SentAnswer, coded_error
from beam_dis.wire.error_codes import ERROR_CODES

Sleep = Callable[[float], Awaitable[Any]]

_BACKEND_FAILED = "APIG.0201", "Backend unavailable."
_TOO_MANY_REQUESTS = "APIG.0308", "The throttling threshold has been reached."
_PIECES = 10


def replacement(fault: values.AnyFault) -> Reply | None:
    """The reply that a fault sends in place of the handler's; None if it doesn't replace it."""
    make = _REPLACEMENTS.get(type(fault))
    return None if make is None else make(fault)


def _failing(fault: values.Failing) -> Reply:
    if not fault.body:
        return Reply(fault.status)
    if fault.status == 500:
        return coded_error(500, "DIS.5000", ERROR_CODES["DIS.5000"].text)
    return coded_error(fault.status, *_BACKEND_FAILED)


def _throttled(fault: values.Throttled) -> Reply:
    return coded_error(429, *_TOO_MANY_REQUESTS) if fault.status == 429 else _coded(fault)


def _coded(fault: values.RequestRefused | values.Throttled) -> Reply:
    row = ERROR_CODES[fault.code]
    return coded_error(row.status, row.code, row.text)


_REPLACEMENTS: dict[type, Callable[[Any], Reply]] = {
    values.Failing: _failing,
    values.Throttled: _throttled,
    values.RequestRefused: _coded,
}


def altered(fault: values.AnyFault, answer: SentAnswer) -> SentAnswer:
    """The answer as a fault changes it; an answer without a body stays as it is."""
    alter = _ALTERATIONS.get(type(fault))
    return answer if alter is None or not answer.body else alter(answer)


def _wrong_json(answer: SentAnswer) -> SentAnswer:
    body = answer.body[: len(answer.body) // 2]
    return answer._replace(headers=_with_header(answer.headers, b"content-length", b"%d" % len(body)), body=body)


def _wrong_content_type(answer: SentAnswer) -> SentAnswer:
    return answer._replace(headers=_with_header(answer.headers, b"content-type", b"text/html; charset=utf-8"))


def _with_header(headers: Headers, name: bytes, value: bytes) -> Headers:
    return [(known, value if known == name else old) for known, old in headers]


_ALTERATIONS: dict[type, Callable[[SentAnswer], SentAnswer]] = {
    values.WrongJSON: _wrong_json,
    values.WrongContentType: _wrong_content_type,
}


def reset(transport: asyncio.Transport) -> None:
    """Reset a connection without an answer."""
    if not transport.is_closing():
        # with a linger time of 0 the kernel sends RST instead of FIN
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


def breaks_connection(fault: values.AnyFault) -> bool:
    """Whether the answer is sent by :func:`send_broken`."""
    return type(fault) in _BROKEN


async def send_broken(fault: values.AnyFault, answer: SentAnswer, transport: asyncio.Transport, sleep: Sleep) -> None:
    """Write an answer in part or slowly, as the fault says, and close the connection."""
    if not transport.is_closing():
        await _BROKEN[type(fault)](fault, answer, transport, sleep)


def _head(answer: SentAnswer) -> bytes:
    """Status line and headers as bytes, for a connection that is closed after the answer."""
    lines = [STATUS_LINE[answer.status], *(b"%b: %b\r\n" % header for header in answer.headers)]
    return b"".join([*lines, b"connection: close\r\n\r\n"])


async def _cut(fault: values.CutAnswer, answer: SentAnswer, transport: asyncio.Transport, _sleep: Sleep) -> None:
    head = _head(answer)
    kept = int(len(answer.body or head) * fault.after)
    transport.write(head + answer.body[:kept] if answer.body else head[:kept])
    transport.close()


async def _slow_headers(
    fault: values.SlowHeaders, answer: SentAnswer, transport: asyncio.Transport, sleep: Sleep
) -> None:
    await _write_slowly(_head(answer), fault.seconds, transport, sleep)
    transport.write(answer.body)
    transport.close()


async def _slow_body(fault: values.SlowBody, answer: SentAnswer, transport: asyncio.Transport, sleep: Sleep) -> None:
    transport.write(_head(answer))
    await _write_slowly(answer.body, fault.seconds, transport, sleep)
    transport.close()


async def _write_slowly(data: bytes, seconds: float, transport: asyncio.Transport, sleep: Sleep) -> None:
    size = -(-len(data) // _PIECES) or 1
    for start in range(0, len(data), size):
        await sleep(seconds / _PIECES)
        if transport.is_closing():
            return
        transport.write(data[start : start + size])


_BROKEN: dict[type, Callable[..., Awaitable[None]]] = {
    values.CutAnswer: _cut,
    values.SlowHeaders: _slow_headers,
    values.SlowBody: _slow_body,
}
