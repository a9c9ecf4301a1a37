"""Reading the body of a request, and the message in it: JSON or protobuf, compressed or not.

Rules:

1. A body over the limit is read to its end, dropped as it arrives and then refused with HTTP 413: a client that still sends
   would lose an earlier answer.
2. Nothing over the limit is kept in memory. Only a put may be large.
3. No body may have so many values that parsing it would delay all other calls, because a body is parsed in one step.
4. A body is decompressed when its message is asked for, after the request is authenticated: its signature is for what was sent.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.types import Receive, Scope

from beam_dis.local.handlers.records import MAX_RECORDS
from beam_dis.local.http.compressed_body import decompressed, decompressed_size
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import MAX_BODY_BYTES, MIB
from beam_dis.wire.messages import Message, Query, decode, decode_query, parse_query
from beam_dis.wire.protobuf import PROTOBUF, decode_put
from beam_dis.wire.records import PutRecordsRequest
from beam_dis.wire.routes import Route, route_of_action

MAX_VALUES = 100_000
"""Twice five values for each of 10,000 records (ours)."""


class Disconnected(Exception):  # noqa: N818 - an event, not an error
    """The client disconnected before its request was whole."""


class _Action(Message):
    """The field of a body that chooses among the operations of one route."""

    action: str | None = None


def declared_length(scope: Scope) -> int | None:
    """The bytes of a request's body, decompressed too if it is compressed: 0 without a body, None if that isn't known."""
    headers = dict(scope["headers"])
    more = decompressed_size(headers)
    if more is None or b"transfer-encoding" in headers:
        return None
    return int(headers.get(b"content-length", 0)) + more


def body_limit(route: Route) -> int:
    """How many bytes the body of an operation may have (ours, except for puts)."""
    return MAX_BODY_BYTES if route.operation == "put_records" else MIB


async def read_body(receive: Receive, limit: int = MAX_BODY_BYTES) -> bytes:
    """The whole body.

    Raises:
        Refusal: HTTP 413, if it has more than ``limit`` bytes.
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
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def operation_of(route: Route, scope: Scope, body: bytes) -> Route:
    """The operation that a body asks for, if several share the method and the path of ``route``."""
    if route.action is None:
        return route
    try:
        plain = decompressed(dict(scope["headers"]), body, body_limit(route))
        return route_of_action(route, msgspec.json.decode(plain, type=_Action).action)
    except (Refusal, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
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
    headers = dict(scope["headers"])
    plain = decompressed(headers, body, body_limit(route))
    if route.request is PutRecordsRequest and is_protobuf(headers.get(b"content-type", b"")):
        return decode_put(plain, MAX_RECORDS)
    if plain.count(b",") > MAX_VALUES:
        raise Refusal(4200, f"the body has more than {MAX_VALUES} values", status=413)
    return decode(route.request, plain)


def wants_protobuf(route: Route, scope: Scope) -> bool:
    """Whether the answer to a put or a get is protobuf: the request's type says so, also that of a get without a body [SDK]."""
    if route.operation not in ("put_records", "get_records"):
        return False
    headers = dict(scope["headers"])
    return is_protobuf(headers.get(b"content-type", b"")) or is_protobuf(headers.get(b"accept", b""))


def is_protobuf(content_type: bytes) -> bool:
    """Whether a Content-Type or an Accept header begins with the type of protobuf."""
    return content_type.lower().startswith(PROTOBUF.encode())
