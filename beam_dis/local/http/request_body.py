"""Reading the body of a request, and the message in it.

Rules:

1. A body over the limit is read to its end, dropped as it arrives and then refused with HTTP 413: a client that still sends
   would lose an earlier answer.
2. Nothing over the limit is kept in memory. Only a put may be large.
3. No body may have so many values that parsing it would delay all other calls, because a body is parsed in one step.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.types import Receive, Scope

from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import MAX_BODY_BYTES, MIB
from beam_dis.wire.messages import Message, Query, decode, decode_query, parse_query
from beam_dis.wire.routes import Route, route_of_action

MAX_VALUES = 100_000
"""Twice five values for each of 10,000 records (ours)."""


class Disconnected(Exception):  # noqa: N818 - an event, not an error
    """The client disconnected before its request was whole."""


class _Action(Message):
    """The field of a body that chooses among the operations of one route."""

    action: str | None = None


def declared_length(scope: Scope) -> int | None:
    """The Content-Length of a request: 0 without a body, None for chunks of unknown length."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return None
    return int(headers.get(b"content-length", 0))


def body_limit(route: Route) -> int:
    """How many bytes the body of an operation may have (ours, except for puts)."""
    return MAX_BODY_BYTES if route.operation == "put_records" else MIB


async def read_body(receive: Receive, limit: int = MAX_BODY_BYTES) -> bytes:
    """The whole body.

    Raises:
        Refusal: HTTP 413, if it has more than ``limit`` bytes or too many values.
        Disconnected: If the client disconnects first.
    """
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        else:
            chunks.clear()
        more = message.get("more_body", False)
    if size > limit:
        raise Refusal(4200, f"the body has {size} bytes, more than {limit}", status=413)
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    if body.count(b",") > MAX_VALUES:
        raise Refusal(4200, f"the body has more than {MAX_VALUES} values", status=413)
    return body


def operation_of(route: Route, body: bytes) -> Route:
    """The operation that a body asks for, if several share the method and the path of ``route``."""
    if route.action is None:
        return route
    try:
        return route_of_action(route, msgspec.json.decode(body, type=_Action).action)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return route


def message_of(route: Route, scope: Scope, body: bytes) -> Any:
    """The request message of an operation, from the query or the body; None if the operation has none.

    Raises:
        Refusal: If it isn't such a message.
    """
    if route.request is None:
        return None
    if issubclass(route.request, Query):
        return decode_query(route.request, parse_query(scope["query_string"]))
    return decode(route.request, body)
