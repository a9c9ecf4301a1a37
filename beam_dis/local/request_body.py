"""Reading the body of a request.

Law: a body over the limit is read to its end and dropped as it comes, then refused with HTTP 413: answering while the
client still sends would lose the answer. Nothing over the limit is kept in memory.
"""

from __future__ import annotations

from starlette.types import Receive, Scope

from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import MAX_BODY_BYTES


class Disconnected(Exception):  # noqa: N818 - what happened, not a fault
    """The client went away before its request was whole."""


def declared_length(scope: Scope) -> int | None:
    """The Content-Length of a request: 0 where it has no body, None where it comes in chunks of unknown length."""
    headers = dict(scope["headers"])
    if b"transfer-encoding" in headers:
        return None
    return int(headers.get(b"content-length", 0))


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
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
