"""The DIS as an ASGI application: from a request to an answer.

Law: put_records and get_records are found by their path alone and answered without a framework; Starlette finds the rest,
by the routes of ``beam_dis.wire``. All go the same way: room for the body, body, authenticator, message, handler, answer. Every
refusal is an answer; a fault of the program is DIS.5000, logged, and the service goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as Path
from starlette.types import Receive, Scope, Send

from beam_dis.local.handlers import HANDLERS
from beam_dis.local.handlers.call import Call, ServerContext
from beam_dis.local.http.authentication import Authenticator
from beam_dis.local.http.budgets import LEAST_PAGE, PIECE, BodyBudget
from beam_dis.local.http.openapi import document_json
from beam_dis.local.http.reply import Headers, Reply, answer, refuse, refused
from beam_dis.local.http.request_body import Disconnected, body_limit, declared_length, read_body
from beam_dis.local.store import StoreUnavailable
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.messages import Query, decode, decode_query, parse_query
from beam_dis.wire.routes import ROUTES, Route, match_route

_log = logging.getLogger(__name__)

_HOT = {route.method: route for route in (ROUTES["put_records"], ROUTES["get_records"])}
_NO_ROUTE = "APIG.0101"


class LocalApp:
    """Answers every request of the protocol, and by ``more`` routes what else there is."""

    def __init__(
        self, context: ServerContext, authenticator: Authenticator, budget: BodyBudget, more: Sequence[BaseRoute] = ()
    ) -> None:
        self._context = context
        self._authenticator = authenticator
        self._budget = budget
        self._second, self._formatted = -1, b""
        self._rest = Starlette(
            routes=[
                *more,
                *(
                    Path(path, _Operation(self, route), methods=[route.method])
                    for route in ROUTES.values()
                    for path in (route.path, f"{route.path}/")
                ),
                Path("/openapi.json", self._openapi, methods=["GET"]),
            ],
            exception_handlers={HTTPException: self._no_route},
        )
        self._rest.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, by ASGI."""
        project = _project_of_records(scope["raw_path"])
        route = _HOT.get(scope["method"]) if project else None
        if route is None:
            await self._rest(scope, receive, send)
        else:
            await self.operate(route, {"project_id": project}, scope, receive, send)

    async def operate(self, route: Route, names: Mapping[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one operation. The Date it bears was read before anything was looked up: no later record is in it."""
        second = int(self._context.clock())
        try:
            async with self._budget.room(declared_length(scope)):
                reply = await self._reply(route, names, scope, receive)
        except Disconnected:
            return
        await self._deliver(reply, second, scope, receive, send)

    async def _reply(self, route: Route, names: Mapping[str, str], scope: Scope, receive: Receive) -> Reply:
        try:
            return await self._work(route, names, scope, await read_body(receive, body_limit(route)))
        except Refusal as refusal:
            return refused(refusal)
        except StoreUnavailable as unavailable:
            _log.debug("%s: %s", route.operation, unavailable)  # the store logs what ails it, once
            return refused(Refusal(5000, unavailable))
        except Disconnected:
            raise
        except Exception:  # noqa: BLE001 - logged, and the service goes on
            _log.exception("%s failed", route.operation)
            return refused(Refusal(5000))

    async def _openapi(self, _request: Request) -> Response:
        return self._response(Reply(200, document_json()))

    async def _work(self, route: Route, names: Mapping[str, str], scope: Scope, body: bytes) -> Reply:
        self._authenticator.check(scope, names["project_id"], body)
        request = message_of(route, scope, body)
        return answer(route, await HANDLERS[route.operation](Call(self._context, names), request))

    async def _deliver(self, reply: Reply, second: int, scope: Scope, receive: Receive, send: Send) -> None:
        await self._send(reply.status, reply.headers(self._date(second)), reply.body, send)

    async def _send(self, status: int, headers: Headers, body: bytes, send: Send) -> None:
        with self._context.answers.counted(len(body)):
            await send({"type": "http.response.start", "status": status, "headers": headers})
            if len(body) <= LEAST_PAGE:
                await send({"type": "http.response.body", "body": body})
            else:
                await _send_in_pieces(body, send)

    async def _no_route(self, request: Request, error: Exception) -> Response:
        found = error if isinstance(error, HTTPException) else HTTPException(500)
        path = request.scope["path"]  # request.url would parse what a client calls its host
        reply = refuse(found.status_code, _NO_ROUTE, f"There is no {request.method} {path} here.")
        return self._response(reply, _allowed(request.scope["raw_path"].decode("latin-1")))

    def _response(self, reply: Reply, more: Mapping[str, str] | None = None) -> Response:
        headers = {
            name.decode(): value.decode() for name, value in reply.headers(self._date(int(self._context.clock())))
        }
        return Response(reply.body, reply.status, {**headers, **(more or {})})

    def _date(self, second: int) -> bytes:
        if second != self._second:
            self._second, self._formatted = second, formatdate(second, usegmt=True).encode("ascii")
        return self._formatted


class _Operation:
    """One route as an ASGI application of its own."""

    def __init__(self, app: LocalApp, route: Route) -> None:
        self._app = app
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app.operate(self._route, scope["path_params"], scope, receive, send)


async def _send_in_pieces(body: bytes, send: Send) -> None:
    """Each waits until the client has taken the one before; the last, which is empty, until it has taken all."""
    for start in range(0, len(body), PIECE):
        await send({"type": "http.response.body", "body": body[start : start + PIECE], "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _project_of_records(raw_path: bytes) -> str:
    """The project in ``/v2/{project_id}/records``, with or without a slash behind; "" for any other path."""
    segments = raw_path.removesuffix(b"/").split(b"/")
    if len(segments) == 4 and segments[3] == b"records" and segments[1] == b"v2":
        return unquote(segments[2].decode("latin-1"))
    return ""


def _allowed(raw_path: str) -> dict[str, str]:
    """The header that names the methods of a path; nothing where it has none."""
    methods = match_route("", raw_path)
    return {"allow": ", ".join(sorted(methods))} if isinstance(methods, frozenset) and methods else {}


def message_of(route: Route, scope: Scope, body: bytes) -> Any:
    """The request of an operation, from the query or the body; None where it has none. Refused as its wire says."""
    if route.request is None:
        return None
    if issubclass(route.request, Query):
        return decode_query(route.request, parse_query(scope["query_string"]))
    return decode(route.request, body)
