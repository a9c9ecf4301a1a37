"""The admin routes: commands of a test or an operator to a local DIS.

A request carries the token that the server was started with. Like any other, it may not come from a foreign web page
(``request_source``).

A new route is a row of ``ROUTES`` and a function ``(controls, request) -> Reply``.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import formatdate
from typing import Any, NamedTuple

import msgspec
from starlette.types import Receive, Scope, Send

from beam_dis.errors import ConfigurationError
from beam_dis.local.clock import Clock, advance
from beam_dis.local.dump.engine import DumpEngine
from beam_dis.local.faults.existing import check_exists
from beam_dis.local.faults.rules import Rules
from beam_dis.local.faults.values import AnyFault, FaultListing, FaultNumber
from beam_dis.local.http.reply import Reply
from beam_dis.local.http.request_body import Disconnected, read_body
from beam_dis.local.store import Store, StoreUnavailable
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.messages import WireAnswer, encode, parse_query

TOKEN_HEADER = "X-Admin-Token"  # noqa: S105 - its name

_MAX_BODY_BYTES = 65_536


class AdminError(Exception):
    """A command that isn't carried out: an HTTP status and the reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Controls:
    """The parts of a server that commands act on."""

    rules: Rules
    store: Store
    clock: Clock
    dumps: DumpEngine | None


class AdminRequest(NamedTuple):
    """A command: its query parameters and its body."""

    query: dict[str, str]
    body: bytes

    def message(self, kind: Any) -> Any:
        """The body as ``kind``; AdminError 400 if it isn't one."""
        try:
            return msgspec.json.decode(self.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise AdminError(400, str(error)) from error


class Advance(WireAnswer):
    """How far to move the clock forward."""

    seconds: float


class Time(WireAnswer):
    """The time on the clock, in seconds since 1970."""

    time: float


class Problem(WireAnswer):
    """Why a command isn't carried out."""

    message: str


async def inject(controls: Controls, request: AdminRequest) -> Reply:
    """Add a fault; 400 if its stream or partition doesn't exist."""
    fault: AnyFault = request.message(AnyFault)
    try:
        check_exists(controls.store, fault)
    except ConfigurationError as error:
        raise AdminError(400, str(error)) from error
    return Reply(201, encode(FaultNumber(controls.rules.add(fault))))


async def list_faults(controls: Controls, _request: AdminRequest) -> Reply:
    """The rules, and how often each has hit."""
    return Reply(200, encode(FaultListing(controls.rules.injected())))


async def clear(controls: Controls, request: AdminRequest) -> Reply:
    """Remove one rule (``?id=…``), or all."""
    number = request.query.get("id")
    if number is not None and not number.isdecimal():
        raise AdminError(400, f"id={number!r} is not the number of a fault")
    if not controls.rules.clear(None if number is None else int(number)):
        raise AdminError(404, f"there is no fault {number}: see the list of faults")
    return Reply(204)


async def read_clock(controls: Controls, _request: AdminRequest) -> Reply:
    """The time on the clock."""
    return Reply(200, encode(Time(controls.clock())))


async def advance_clock(controls: Controls, request: AdminRequest) -> Reply:
    """Move the clock forward; answered once everything that is due by then has happened."""
    try:
        seconds = request.message(Advance).seconds
        due = controls.dumps.flush_due if controls.dumps is not None else _nothing_due
        return Reply(200, encode(Time(await advance(controls.store, controls.clock, seconds, due))))
    except ValueError as error:
        raise AdminError(400, str(error)) from error
    except StoreUnavailable as error:
        raise AdminError(500, str(error)) from error


def _nothing_due(_time: float) -> None:
    """A server without dump tasks has nothing to do before the clock moves."""


Routes = Mapping[str, Mapping[str, Callable[[Controls, AdminRequest], Awaitable[Reply]]]]
"""Path → method → what carries the command out."""

CLOCK_ROUTES: Routes = {"/admin/clock": {"GET": read_clock, "POST": advance_clock}}
ROUTES: Routes = {"/admin/faults": {"POST": inject, "GET": list_faults, "DELETE": clear}, **CLOCK_ROUTES}


class Admin:
    """The admin routes as an ASGI application; requests must carry ``token``."""

    def __init__(self, token: str, controls: Controls, routes: Routes = ROUTES) -> None:
        self._token = token.encode()
        self._controls = controls
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one command."""
        try:
            reply = await self._reply(scope, receive)
        except AdminError as error:
            reply = Reply(error.status, encode(Problem(str(error))))
        except Disconnected:
            return
        date = formatdate(self._controls.clock(), usegmt=True).encode("ascii")
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers(date)})
        await send({"type": "http.response.body", "body": reply.body})

    async def _reply(self, scope: Scope, receive: Receive) -> Reply:
        body = await _body(receive)
        self._check_token({name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]})
        path = scope["raw_path"].decode("latin-1").removesuffix("/")
        methods = self._routes.get(path)
        if methods is None:
            raise AdminError(404, f"there is no {path}: there are {', '.join(self._routes)}")
        if scope["method"] not in methods:
            raise AdminError(405, f"{path} takes {', '.join(methods)}, not {scope['method']}")
        request = AdminRequest(parse_query(scope["query_string"]), body)
        return await methods[scope["method"]](self._controls, request)

    def _check_token(self, headers: dict[str, str]) -> None:
        if not hmac.compare_digest(headers.get("x-admin-token", "").encode("latin-1"), self._token):
            raise AdminError(401, f"the header {TOKEN_HEADER} does not have the token of this server")


async def _body(receive: Receive) -> bytes:
    try:
        return await read_body(receive, _MAX_BODY_BYTES)
    except Refusal as refusal:
        raise AdminError(refusal.status, refusal.message) from None
