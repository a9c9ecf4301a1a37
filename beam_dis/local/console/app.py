"""The routes of the console.

A new page is a row of ``_PAGES`` and a function ``(parts, request) -> Response``, which runs in a thread. A new change is a row of
``_CHANGES`` and a function ``async (parts, request, form) -> Response``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.staticfiles import StaticFiles

from beam_dis.local.console import apps, controls, dump_tasks, logged_requests, puts, records, streams, tail
from beam_dis.local.console.access import Guard
from beam_dis.local.console.parts import ConsoleError, Parts
from beam_dis.local.console.queries import Fields, form_of
from beam_dis.local.console.rendering import error_page
from beam_dis.local.console.settings import ROOT
from beam_dis.local.handlers.call import durable
from beam_dis.local.store import StoreError, StoreUnavailable
from beam_dis.wire.error_codes import Refusal

STATIC = Path(__file__).parent / "static"

Show = Callable[[Parts, Request], Response]
Change = Callable[[Parts, Request, Fields], Awaitable[Response]]

_PAGES: dict[str, Show] = {
    "/": streams.all_streams,
    "/streams/{stream_id}": streams.one_stream,
    "/streams/{stream_id}/rates": streams.rates_over_time,
    "/streams/{stream_id}/keys": streams.frequent_keys,
    "/streams/{stream_id}/records": records.some_records,
    "/streams/{stream_id}/records/export": records.export,
    "/streams/{stream_id}/records/{partition}/{number}": records.one_record,
    "/streams/{stream_id}/records/{partition}/{number}/data": records.record_data,
    "/streams/{stream_id}/tail": tail.live_tail,
    "/streams/{stream_id}/tail/records": tail.next_records,
    "/streams/{stream_id}/put": puts.put_form,
    "/apps": apps.all_apps,
    "/apps/{app_id}": apps.one_app,
    "/apps/{app_id}/lag": apps.lag_over_time,
    "/requests": logged_requests.last_requests,
    "/dump-tasks": dump_tasks.all_dump_tasks,
    "/faults": controls.faults_and_clock,
}
_COUNTED = {streams.all_streams, streams.one_stream, streams.rates_over_time}
"""The pages that show counts, which are stored first, as for every report."""

_CHANGES: dict[str, Change] = {
    "/streams/{stream_id}/put": puts.put,
    "/streams/{stream_id}/records/{partition}/{number}/resend": puts.resend,
    "/apps/{app_id}/checkpoint": apps.reset_checkpoint,
    "/dump-tasks/{task_id}": dump_tasks.act,
    "/faults": controls.inject,
    "/faults/clear": controls.clear,
    "/clock": controls.move_clock,
}


def console_routes(token: str, parts: Parts) -> list[BaseRoute]:
    """The routes of the console for the application of a server. Raises ModuleNotFoundError without Jinja."""
    if find_spec("jinja2") is None:
        raise ModuleNotFoundError("the console needs jinja2", name="jinja2")
    inner = Starlette(
        routes=[
            *(Route(path, partial(_show, parts, work), methods=["GET"]) for path, work in _PAGES.items()),
            *(Route(path, partial(_change, parts, work), methods=["POST"]) for path, work in _CHANGES.items()),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        exception_handlers={
            HTTPException: _no_page,
            ConsoleError: _not_possible,
            Refusal: _refused,
            StoreError: _store_failed,
            StoreUnavailable: _store_failed,
        },
    )
    guard = Guard(inner, token)
    return [Route(ROOT, guard, methods=["GET", "HEAD"]), Mount(ROOT, guard)]


async def _show(parts: Parts, work: Show, request: Request) -> Response:
    if work in _COUNTED:
        with suppress(StoreUnavailable):  # what was stored before is shown while the disk fails
            await durable(parts.store.store_usage())
    return await asyncio.to_thread(work, parts, request)


async def _change(parts: Parts, work: Change, request: Request) -> Response:
    return await work(parts, request, await form_of(request))


def _no_page(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    answer = error_page(status, f"There is no {request.method} {request.scope['path']} here.")
    if status == 405:
        answer.headers["allow"] = ", ".join(sorted(_methods(request)))
    return answer


def _methods(request: Request) -> set[str]:
    """The methods of an address: several routes may have it. A file has no route of its own."""
    routes = [route for route in request.app.routes if isinstance(route, Route)]
    found = [route.methods or set() for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return set[str]().union(*found) or {"GET", "HEAD"}


def _not_possible(_request: Request, error: Exception) -> Response:
    return error_page(error.status if isinstance(error, ConsoleError) else 500, str(error))


def _refused(_request: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return error_page(error.status, error.message, error.code)


def _store_failed(_request: Request, error: Exception) -> Response:
    return error_page(500, f"The data can't be read or written now: {error}")
