"""The DIS as an ASGI application: from a request to an answer.

Rules:

1. put_records and get_records are found by their path alone and answered without a framework, because they are most of the
   traffic. Starlette finds the other operations by the routes of ``beam_dis.wire``.
2. A request that a web page makes a browser send is refused on every route, also on those that need no keys.
3. Every operation goes the same way: room for the body, body, authentication, message, handler, answer.
4. Every refusal is an answer. A failure of the program is answered DIS.5000 and logged, and the service goes on.
5. Faults, if there is a FaultInjector, are looked up after the body is read and before the request is authenticated.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.routing import Route as Path
from starlette.types import Receive, Scope, Send

from beam_dis.local.budgets import BodyBudget
from beam_dis.local.handlers import HANDLERS
from beam_dis.local.handlers.call import Call, ServerContext, durable
from beam_dis.local.http.authentication import Authenticator
from beam_dis.local.http.call_state import CallState
from beam_dis.local.http.openapi import document_json
from beam_dis.local.http.prometheus import CONTENT_TYPE, exposition
from beam_dis.local.http.reply import (
    Headers,
    Reply,
    SentAnswer,
    answer_encoder,
    coded_error,
    error_reply,
    success_reply,
)
from beam_dis.local.http.request_body import (
    Disconnected,
    body_limit,
    declared_length,
    message_of,
    operation_of,
    read_body,
    wants_protobuf,
)
from beam_dis.local.http.request_source import AllowedSources
from beam_dis.local.request_log import RequestLog
from beam_dis.local.store import StoreError, StoreUnavailable
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.routes import ROUTES, Route, match_route

if TYPE_CHECKING:
    from beam_dis.local.http.fault_injector import FaultInjector

_log = logging.getLogger(__name__)

_RECORD_ROUTES = {route.method: route for route in (ROUTES["put_records"], ROUTES["get_records"])}
_NO_ROUTE = "APIG.0101"
_OTHER_RESOURCE = re.compile("/v2/[^/]+/([^/]+)/(?:tags|[^/]+/tags(?:/[^/]+)?|resource_instances/action)/?")
"""Tags of another kind of resource than streams [Table 6-1]."""


class LocalApp:
    """Answers every request of the protocol.

    Args:
        context: The store, the clock and whatever else all calls share.
        sources: The hosts and origins whose requests are answered.
        authenticator: Checks signatures and tokens.
        budget: Room for the bodies of requests.
        faults: Makes calls fail on command; None if the server has no controls.
        more: Further routes beside those of the protocol.
        requests: Notes every request; None for no log.
    """

    def __init__(
        self,
        context: ServerContext,
        sources: AllowedSources,
        authenticator: Authenticator,
        budget: BodyBudget,
        faults: FaultInjector | None = None,
        more: Sequence[BaseRoute] = (),
        requests: RequestLog | None = None,
    ) -> None:
        self._context = context
        self._sources = sources
        self._authenticator = authenticator
        self._budget = budget
        self._faults = faults
        self._requests = requests
        self._second, self._formatted = -1, b""
        self._other_routes = Starlette(
            routes=[
                *more,
                *(
                    Path(path, _Operation(self, route), methods=[route.method])
                    for route in ROUTES.values()
                    for named in route.paths
                    for path in (named, f"{named}/")
                ),
                Path("/openapi.json", self._openapi, methods=["GET"]),
                Path("/metrics", self._metrics, methods=["GET"]),
            ],
            exception_handlers={HTTPException: self._no_route},
        )
        self._other_routes.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, by ASGI. The server cancels it if it stops and the client doesn't send or take the rest."""
        try:
            await self._answer(scope, receive, send)
        except asyncio.CancelledError:
            return
        except Exception:
            _log.exception("%s %s failed", scope["method"], scope["path"])
            raise

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._sources.check(scope)
        except Refusal as refusal:
            await self._refuse(refusal, scope, receive, send)
            return
        project = _project_of_records(scope["raw_path"])
        route = _RECORD_ROUTES.get(scope["method"]) if project else None
        if route is None:
            await self._other_routes(scope, receive, send)
        else:
            await self.operate(route, {"project_id": project}, scope, receive, send)

    async def operate(self, route: Route, names: Mapping[str, str], scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one operation. Its Date is read before anything is looked up: the answer has no later record."""
        started = self._start()
        second = int(started.time)
        state = CallState(route, names)
        try:
            async with self._budget.room(declared_length(scope)):
                reply = await self._reply(state, route, scope, receive)
        except Disconnected:
            return
        hits = state.hits
        if hits is not None and self._faults is not None:
            headers = await self._faults.deliver(hits, reply, second, scope, receive, send)
            self._note(state, scope, hits.reply or reply, headers, started)
        elif reply is not None:
            with self._context.answers.counted(len(reply.body)):
                headers = reply.headers(self._date(second))
                self._note(state, scope, reply, headers, started)
                await SentAnswer(reply.status, headers, reply.body).send(send)

    def _note(self, state: CallState, scope: Scope, reply: Reply | None, headers: Headers, started: _Started) -> None:
        """Note a request in the log of requests."""
        if self._requests is not None:
            seconds = self._context.timer() - started.timer
            self._requests.add(state.noted(scope, reply, headers, time=started.time, seconds=seconds))

    def _start(self) -> _Started:
        return _Started(self._context.clock(), self._context.timer())

    async def _refuse(self, refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal after the body has come, because a client that still sends would lose the answer."""
        started = self._start()
        try:
            with suppress(Refusal):
                await read_body(receive, 0)
        except Disconnected:
            return
        reply = error_reply(refusal)
        headers = reply.headers(self._date(int(started.time)))
        self._note(CallState(None, {}), scope, reply, headers, started)
        await SentAnswer(reply.status, headers, reply.body).send(send)

    async def _reply(self, state: CallState, route: Route, scope: Scope, receive: Receive) -> Reply | None:
        """The reply; None if a fault leaves none."""
        names, hits = state.names, None
        try:
            body = await read_body(receive, body_limit(route))
            route = state.route = operation_of(route, scope, body)
            if self._faults is not None:
                hits = state.hits = self._faults.draw_hits(route, names, scope, body)
            if hits is not None and not hits.handled:
                with suppress(Refusal):
                    state.request = message_of(route, scope, body)  # for the log: it names the stream
                return hits.reply
            caller = self._authenticator.check(scope, names["project_id"], body, 0.0 if hits is None else hits.skew)
            request = state.request = message_of(route, scope, body)
            handler = HANDLERS[route.operation] if hits is None else hits.handler(HANDLERS[route.operation])
            protobuf = wants_protobuf(route, scope)
            call = Call(self._context, names, caller, answer_encoder(protobuf=protobuf))
            return success_reply(route, await handler(call, request), protobuf=protobuf)
        except Refusal as refusal:
            return error_reply(refusal)
        except StoreUnavailable as unavailable:
            _log.debug("%s: %s", state.operation, unavailable)  # the store logs its failure itself, once
            return error_reply(Refusal(5000, unavailable))
        except StoreError as damage:
            _log.error("%s found damaged data: %s", state.operation, damage)
            return error_reply(Refusal(5000, damage))
        except Disconnected:
            raise
        except Exception:  # noqa: BLE001 - logged, and the service goes on
            _log.exception("%s failed", state.operation)
            return error_reply(Refusal(5000))

    async def _openapi(self, _request: Request) -> Response:
        return self._response(Reply(200, document_json()))

    async def _metrics(self, request: Request) -> Response:
        try:
            project = self._authenticator.check_token(request.scope)
        except Refusal as refusal:
            return self._response(error_reply(refusal))
        with suppress(StoreUnavailable):  # what was stored before is reported while the disk fails
            await durable(self._context.store.store_usage())
        work = partial(exposition, self._context.store, project)
        text = await asyncio.get_running_loop().run_in_executor(self._context.readers, work)
        return self._response(Reply(200, text), {"content-type": CONTENT_TYPE})

    async def _no_route(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        path = request.scope["path"]  # request.url would parse the Host header, which may be anything
        reply = coded_error(status, _NO_ROUTE, f"There is no {request.method} {path} here.")
        methods = match_route("", request.scope["raw_path"].decode("latin-1"))
        known = isinstance(methods, frozenset) and methods
        resource = _OTHER_RESOURCE.fullmatch(path)
        if resource is not None and not known:
            reply = error_reply(Refusal(4602, resource[1]))
        answer = self._response(reply, {"allow": ", ".join(sorted(known))} if known else {})
        self._note(CallState(None, {}), request.scope, reply, answer.raw_headers, self._start())
        return answer

    def _response(self, reply: Reply, more: Mapping[str, str] | None = None) -> Response:
        date = self._date(int(self._context.clock()))
        headers = {name.decode(): value.decode() for name, value in reply.headers(date)}
        return Response(reply.body, reply.status, {**headers, **(more or {})})

    def _date(self, second: int) -> bytes:
        if second != self._second:
            self._second, self._formatted = second, formatdate(second, usegmt=True).encode("ascii")
        return self._formatted


class _Started(NamedTuple):
    """When a request came: in seconds since 1970, and by the timer."""

    time: float
    timer: float


class _Operation:
    """One route as an ASGI application."""

    def __init__(self, app: LocalApp, route: Route) -> None:
        self._app = app
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app.operate(self._route, scope["path_params"], scope, receive, send)


def _project_of_records(raw_path: bytes) -> str:
    """The project in ``/v2/{project_id}/records``, with or without a trailing slash; "" for any other path."""
    segments = raw_path.removesuffix(b"/").split(b"/")
    if len(segments) == 4 and segments[3] == b"records" and segments[1] == b"v2":
        return unquote(segments[2].decode("latin-1"))
    return ""
