"""Answers as bytes: status, headers, body.

Law: every answer has a Content-Length and is never compressed; a 201 or 204 has no body; an error body spells its code and
text both ways, because official clients read one or the other. [SDK: clients hang or lose the code otherwise]
"""

from __future__ import annotations

from typing import Any, NamedTuple

from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.messages import Answer, encode
from beam_dis.wire.routes import Route

Headers = list[tuple[bytes, bytes]]


class Reply(NamedTuple):
    """What goes back to the client; ``body`` is JSON or empty."""

    status: int
    body: bytes = b""

    def headers(self, date: bytes) -> Headers:
        """The headers of this answer; ``date`` is the service's clock, from which clients take theirs."""
        common = [(b"date", date)]
        if self.status == 204:
            return common
        if self.body:
            common.append((b"content-type", b"application/json; charset=utf-8"))
        return [*common, (b"content-length", b"%d" % len(self.body))]


class ErrorBody(Answer):
    """An error in the service's spelling and in the reference's [§7; SDK captures]."""

    errorCode: str  # noqa: N815 - the wire's spelling
    message: str
    error_code: str
    error_msg: str


def answer(route: Route, value: Any) -> Reply:
    """The success of an operation; ``value`` is its answer message, or bytes where the handler encoded it itself."""
    if route.answer is None:
        return Reply(route.status)
    return Reply(route.status, value if isinstance(value, bytes) else encode(value))


def refuse(status: int, code: str, message: str) -> Reply:
    """An error with a code."""
    return Reply(status, encode(ErrorBody(code, message, code, message)))


def refused(refusal: Refusal) -> Reply:
    """A refusal as an answer."""
    return refuse(refusal.status, refusal.code, refusal.message)
