"""The local V3IO as an ASGI application: from a request to an answer.

Rules:

1. The function in ``X-v3io-function`` decides what POST and PUT do, which are the same [D]. GET lists the shards of a stream, and
   DELETE deletes it: official clients have no function for that [V].
2. The whole body is read before anything is refused: a client that still sends would lose the answer.
3. A request that a web page makes a browser send is refused, also if no key is needed.
4. A failure of the program is answered with HTTP 500 and logged, and the service goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any, NamedTuple

import msgspec
from starlette.types import Receive, Scope, Send

from beam_dis.local.budgets import BodyBudget
from beam_dis.local.http.admin import TOKEN_HEADER, Admin
from beam_dis.local.http.reply import Headers, Reply, SentAnswer
from beam_dis.local.http.request_body import Disconnected, declared_length, read_body
from beam_dis.local.http.request_source import AllowedSources
from beam_dis.local.store import StoreError, StoreUnavailable
from beam_dis.local.v3io import records, streams
from beam_dis.local.v3io.access import AccessCheck
from beam_dis.local.v3io.context import V3IOContext
from beam_dis.local.v3io.refusals import JSON_TYPE, V3IORefusal, failure_reply, from_store, refusal_reply
from beam_dis.local.v3io.targets import Target, target_of
from beam_dis.v3io import messages as wire
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.messages import encode

_log = logging.getLogger(__name__)

_ADMIN_HEADER = TOKEN_HEADER.lower().encode()
_XML_TYPE = b"application/xml"
_NOT_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_MOST_COMMAS = 300_000
"""As the local DIS, this one parses no body with so many values that all other requests would wait (ours). A thousand records whose
keys are nothing but commas have fewer."""

_Work = Callable[[V3IOContext, Target, Any], Awaitable[Any]]


class _Function(NamedTuple):
    """What a function is called with, and what carries it out."""

    decode: Callable[[bytes], Any]
    work: _Work


def _function(name: str, work: _Work) -> _Function:
    return _Function(msgspec.json.Decoder(wire.FUNCTIONS[name].request).decode, work)


_FUNCTIONS = {
    b"CreateStream": _function("CreateStream", streams.create_stream),
    b"UpdateStream": _function("UpdateStream", streams.update_stream),
    b"DescribeStream": _function("DescribeStream", streams.describe_stream),
    b"PutRecords": _function("PutRecords", records.put_records),
    b"Seek": _function("Seek", records.seek),
    b"SeekShard": _function("SeekShard", records.seek),
    b"GetRecords": _function("GetRecords", records.get_records),
}


class V3IOApp:
    """Answers every request.

    Args:
        context: What all requests share.
        sources: The hosts and origins whose requests are answered.
        access: Checks the access key.
        admin: Answers the requests with the token of the admin routes; None if there are none.
    """

    def __init__(
        self, context: V3IOContext, sources: AllowedSources, access: AccessCheck, admin: Admin | None = None
    ) -> None:
        self._context = context
        self._sources = sources
        self._access = access
        self._admin = admin
        self._budget = BodyBudget(largest=wire.MAX_BODY_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, by ASGI. The server cancels it if it stops and the client doesn't send or take the rest."""
        try:
            if self._admin is not None and self._is_command(scope):
                await self._admin(scope, receive, send)
            else:
                await self._answer(scope, receive, send)
        except (asyncio.CancelledError, Disconnected):
            return
        except Exception:
            _log.exception("%s %s failed", scope["method"], scope["path"])
            raise

    def _is_command(self, scope: Scope) -> bool:
        """Whether a request has a token of the admin routes, and may come from where it does."""
        try:
            self._sources.check(scope)
        except Refusal:
            return False
        return any(name == _ADMIN_HEADER for name, _ in scope["headers"])

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        date = formatdate(int(self._context.clock()), usegmt=True).encode("ascii")
        async with self._budget.room(declared_length(scope)):
            reply, more = await self._reply(scope, receive)
        with self._context.answers.counted(len(reply.body)):
            await SentAnswer(reply.status, [*reply.headers(date), *more], reply.body).send(send)

    async def _reply(self, scope: Scope, receive: Receive) -> tuple[Reply, Headers]:
        """The reply, and its headers beside the usual ones."""
        try:
            body = await read_body(receive, wire.MAX_BODY_BYTES)
            self._sources.check(scope)
            headers = dict(scope["headers"])
            self._access.check(headers)
            return await self._done(scope, headers.get(b"x-v3io-function", b""), body), []
        except V3IORefusal as refusal:
            return refusal_reply(refusal)
        except Refusal as refusal:
            return refusal_reply(from_store(refusal))
        except StoreUnavailable as unavailable:
            _log.debug("%s", unavailable)  # the store logs its failure itself, once
            return failure_reply(unavailable)
        except StoreError as damage:
            _log.error("%s %s found damaged data: %s", scope["method"], scope["path"], damage)
            return failure_reply(damage)
        except Disconnected:
            raise
        except Exception:  # noqa: BLE001 - logged, and the service goes on
            _log.exception("%s %s failed", scope["method"], scope["path"])
            return failure_reply()

    async def _done(self, scope: Scope, name: bytes, body: bytes) -> Reply:
        """Do what a request asks for."""
        method, target = scope["method"], target_of(scope["raw_path"])
        if method == "GET":
            query = scope["query_string"].decode("latin-1")
            return Reply(200, await streams.list_shards(self._context, target, query), _XML_TYPE)
        if method == "DELETE":
            await streams.delete(self._context, target)
            return Reply(204)
        function = _FUNCTIONS.get(name)
        if method not in ("POST", "PUT") or function is None:
            shown = name.decode("latin-1")
            raise V3IORefusal(wire.INVALID_ARGUMENT, f"there is no {method} with X-v3io-function {shown!r} here")
        answer = await function.work(self._context, target, _decoded(function, body))
        if answer is None:
            return Reply(204)
        return Reply(200, answer if isinstance(answer, bytes) else encode(answer), JSON_TYPE)


def _decoded(function: _Function, body: bytes) -> Any:
    if body.count(b",") > _MOST_COMMAS:
        raise V3IORefusal(wire.INVALID_ARGUMENT, f"the body has more than {_MOST_COMMAS} values")
    try:
        return function.decode(body or b"{}")
    except _NOT_JSON as error:
        raise V3IORefusal(wire.INVALID_ARGUMENT, f"the body is not what the function needs: {error}") from error
