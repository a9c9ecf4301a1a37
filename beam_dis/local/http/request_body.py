"""Reading the body of a request.

Law: a body over the limit is read to its end and dropped as it comes, then refused with HTTP 413: answering while the
client still sends would lose the answer. Nothing over the limit is kept in memory. Only a put may be large, and none may
hold so many values that taking it apart would keep everybody else waiting: what is sent in one breath is parsed in one.
"""

from __future__ import annotations

from starlette.types import Receive, Scope

from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import MAX_BODY_BYTES, MIB
from beam_dis.wire.routes import Route

MAX_VALUES = 100_000
"""Five values for each of 10,000 records, twice (ours)."""


class Disconnected(Exception):  # noqa: N818 - what happened, not a fault
    """The client went away before its request was whole."""


def declared_length(scope: Scope) -> int | None:
    """The Content-Length of a request: 0 where it has no body, None where it comes in chunks of unknown length."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return None
    return int(headers.get(b"content-length", 0))


def body_limit(route: Route) -> int:
    """How many bytes the body of an operation may have (ours, but for puts)."""
    return MAX_BODY_BYTES if route.operation == "put_records" else MIB


async def read_body(receive: Receive, limit: int = MAX_BODY_BYTES) -> bytes:
    """The whole body; refused with HTTP 413 over ``limit`` bytes; Disconnected where it doesn't come whole."""
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
