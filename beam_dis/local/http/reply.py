"""Answers as bytes: status, headers, body.

Rules:

1. Every answer has a Content-Length and an X-Request-Id, and is never compressed. [SDK: clients hang otherwise]
2. A 201 or 204 has no body; a 200 of an operation without an answer message is ``{}``.
3. An error body gives its code and its text under two names each, because official clients read one or the other.
   [SDK: clients lose the code otherwise]
4. A put or a get in protobuf is answered in protobuf, an error in JSON all the same [SDK].
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

from starlette.types import Send

from beam_dis.local.budgets import LEAST_PAGE, PIECE
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.messages import WireAnswer, encode
from beam_dis.wire.protobuf import PROTOBUF, encode_answer
from beam_dis.wire.records import PutRecordsResult
from beam_dis.wire.routes import Route

Headers = list[tuple[bytes, bytes]]

_JSON_TYPE = b"application/json; charset=utf-8"
_PROTOBUF_TYPE = PROTOBUF.encode()

_PROCESS = secrets.token_hex(8).encode()
_numbers = itertools.count(1)


class Reply(NamedTuple):
    """The outcome of a request, before it is sent; ``body`` is JSON, protobuf or empty.

    ``code`` is the code of an error, or of the first record that is refused, for the log of requests.
    """

    status: int
    body: bytes = b""
    content_type: bytes = _JSON_TYPE
    code: str = ""

    def headers(self, date: bytes) -> Headers:
        """The headers of this reply; ``date`` is the service's clock, which clients set theirs by."""
        common = [(b"date", date), (b"x-request-id", request_id())]
        if self.status == 204:
            return common
        if self.body:
            common.append((b"content-type", self.content_type))
        return [*common, (b"content-length", b"%d" % len(self.body))]


class SentAnswer(NamedTuple):
    """A reply with its headers, as it is sent."""

    status: int
    headers: Headers
    body: bytes

    async def send(self, send: Send) -> None:
        """Send it; a large body goes in pieces, each once the client has taken the one before."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        if len(self.body) <= LEAST_PAGE:
            await send({"type": "http.response.body", "body": self.body})
            return
        for start in range(0, len(self.body), PIECE):
            await send({"type": "http.response.body", "body": self.body[start : start + PIECE], "more_body": True})
        # the last piece is empty, so that this returns only when the client has taken the whole body
        await send({"type": "http.response.body", "body": b""})


class ErrorBody(WireAnswer):
    """An error under the service's names and the reference's [§7; SDK captures]."""

    errorCode: str  # noqa: N815 - the wire's name
    message: str
    error_code: str
    error_msg: str


def success_reply(route: Route, value: Any, *, protobuf: bool = False) -> Reply:
    """The success of an operation; ``value`` is its answer message, or bytes if the handler has encoded it."""
    if route.answer is None:
        return Reply(route.status, b"{}" if route.status == 200 else b"")
    body = value if isinstance(value, bytes) else answer_encoder(protobuf=protobuf)(value)
    code = _first_code(value) if getattr(value, "failed_record_count", 0) else ""
    return Reply(route.status, body, _PROTOBUF_TYPE if protobuf else _JSON_TYPE, code)


def _first_code(result: PutRecordsResult) -> str:
    return next((record.error_code for record in result.records if record.error_code), "")


def answer_encoder(*, protobuf: bool) -> Callable[[Any], bytes]:
    """The function that encodes the answer of an operation."""
    return encode_answer if protobuf else encode


def request_id() -> bytes:
    """A new id for an answer, in 32 hexadecimal digits, as clients show it [SDK]."""
    return b"%b%016x" % (_PROCESS, next(_numbers))


def coded_error(status: int, code: str, message: str) -> Reply:
    """An error with a code."""
    return Reply(status, encode(ErrorBody(code, message, code, message)), code=code)


def error_reply(refusal: Refusal) -> Reply:
    """A refusal as a reply."""
    return coded_error(refusal.status, refusal.code, refusal.message)
