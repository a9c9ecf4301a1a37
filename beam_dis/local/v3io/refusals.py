"""The errors of the local V3IO, and what the errors of the store are for its clients.

Rules:

1. The body of an error has a number and the name that is documented, and nothing else: clients search it for the name.
2. What exactly is wrong is said in the header ``X-Error-Detail`` (ours), as printable ASCII.
"""

from __future__ import annotations

from beam_dis.local.http.reply import Headers, Reply
from beam_dis.v3io import messages as wire
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.messages import encode

JSON_TYPE = b"application/json"

_INTERNAL = wire.FunctionError(-5, "Input/output error")
"""The error of a server that can't read or write its data [I]."""

_OF_THE_STORE = {
    "DIS.4226": wire.ILLEGAL_LOCATION,
    "DIS.4301": wire.NOT_FOUND,
    "DIS.4302": wire.SHARD_OUT_OF_RANGE,
    "DIS.4307": wire.ALREADY_EXISTS,
}
_MAX_DETAIL_CHARS = 500


class V3IORefusal(Exception):  # noqa: N818 - a refusal is an answer of the protocol, not a fault of the program
    """A request that is refused.

    Args:
        name: The error, one of ``messages.ERRORS``.
        detail: What is wrong.
    """

    def __init__(self, name: str, detail: str) -> None:
        super().__init__(f"{name}: {detail}")
        self.name = name
        self.detail = detail


def from_store(refusal: Refusal) -> V3IORefusal:
    """What a refusal by the store, or by what both servers share, is for a client of V3IO."""
    name = wire.DENIED if refusal.status == 403 else _OF_THE_STORE.get(refusal.code, wire.INVALID_ARGUMENT)
    return V3IORefusal(name, refusal.message)


def refusal_reply(refusal: V3IORefusal) -> tuple[Reply, Headers]:
    """The answer to a refused request, and its header with the detail."""
    row = wire.ERRORS[refusal.name]
    body = encode(wire.FunctionError(row.number, refusal.name))
    return Reply(row.status, body, JSON_TYPE, refusal.name), _detail(refusal.detail)


def failure_reply(failure: object = "") -> tuple[Reply, Headers]:
    """The answer if the data can't be read or written, or the program has failed."""
    return Reply(500, encode(_INTERNAL), JSON_TYPE, _INTERNAL.error_message), _detail(str(failure))


def _detail(text: str) -> Headers:
    shown = text[:_MAX_DETAIL_CHARS].encode("ascii", "backslashreplace")
    printable = bytes(char if 32 <= char < 127 else 63 for char in shown)
    return [(b"x-error-detail", printable)] if printable else []
