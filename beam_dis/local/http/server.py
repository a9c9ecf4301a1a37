"""The process of a local DIS: a store, a listening socket, and uvicorn between them.

Rules:

1. A server that can't start says why in one line, as a StartError, before anything is served.
2. SIGTERM and Ctrl-C stop it alike, from the moment when it listens: no new connections, two seconds for the requests in
   flight, then the store is closed and the process ends with exit code 0.
3. What clients do is no error of the server: clients that leave, send garbage or don't take their answers aren't logged.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import resource
import signal
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp

from beam_dis.local.budgets import BodyBudget
from beam_dis.local.clock import Clock, resume
from beam_dis.local.console.app import console_routes
from beam_dis.local.console.lags import LagHistory
from beam_dis.local.console.parts import Parts
from beam_dis.local.dump.engine import DumpEngine
from beam_dis.local.dump.object_store import ObjectFolder, ObjectStore
from beam_dis.local.dump.s3_store import S3Store
from beam_dis.local.faults.rules import Rules
from beam_dis.local.folder_service import check_folder
from beam_dis.local.handlers.call import ServerContext
from beam_dis.local.handlers.throughput import ThroughputLimits
from beam_dis.local.http.admin import Admin, Controls
from beam_dis.local.http.app import LocalApp
from beam_dis.local.http.authentication import Authenticator
from beam_dis.local.http.deadlines import IDLE_SECONDS, DeadlineProtocol
from beam_dis.local.http.fault_injector import FaultInjector
from beam_dis.local.http.request_source import AllowedSources, is_loopback
from beam_dis.local.keys import AccessKeys
from beam_dis.local.listening import StartError, endpoint_of, listen
from beam_dis.local.request_log import RequestLog
from beam_dis.local.store import open_store
from beam_dis.local.store.causes import system_advice

_log = logging.getLogger(__name__)

DRAIN_SECONDS = 2
READERS = 4

_LOG_SECONDS = 60.0
"""The time between two warnings about connections that can't be accepted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a server. Port 0 takes any free one; without ``keys`` every request is accepted.

    ``port_reserved`` says that the parent process has reserved the port (``listening.reserve``).
    ``allowed_hosts`` are names and addresses by which the server may be called, besides those that it accepts anyway. On an
    address that isn't a loopback one, a server needs keys, or ``no_keys``, which says that everybody may use it.

    ``obs_folder`` is the folder whose folders are the buckets of dump tasks, ``obs_endpoint`` an S3-compatible store that has
    them; without either there are no buckets.

    ``real_limits`` adds the service's limits of throughput to those of sizes, which always apply. With an ``admin_token``
    there are admin routes, with a ``console_token`` there is the console; both on a loopback address only.
    """

    data_dir: Path
    obs_folder: Path | None = None
    obs_endpoint: str | None = None
    host: str = "127.0.0.1"
    port: int = 7700
    port_reserved: bool = False
    allowed_hosts: tuple[str, ...] = ()
    keys: tuple[AccessKeys, ...] = ()
    no_keys: bool = False
    project: str | None = None
    real_limits: bool = False
    admin_token: str | None = field(default=None, repr=False)
    console_token: str | None = field(default=None, repr=False)


def serve(settings: Settings, *, ready: Callable[[str], None], started: Callable[[uvicorn.Server], None]) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        settings: Where to listen, where the data are, and who may ask.
        ready: Called with the endpoint once requests are answered.
        started: Called with the server, whose ``should_exit`` stops it.

    Raises:
        StartError: If the server can't start.
        StoreError: If the data can't be opened.
    """
    check_exposure(settings)
    allow_connections()
    clock = Clock()
    store = open_store(settings.data_dir, clock=clock, auto_scaling=settings.real_limits)
    try:
        check_folder(store, "dis")
        resume(store, clock)
        dumps = DumpEngine(store, _buckets(settings), clock)
        listener = listen(settings.host, settings.port, reserved=settings.port_reserved)
        with ThreadPoolExecutor(READERS, thread_name_prefix="reader") as readers:
            limits = ThroughputLimits(clock) if settings.real_limits else None
            context = ServerContext(
                store=store,
                clock=clock,
                round_robin=itertools.count().__next__,
                readers=readers,
                dumps=dumps,
                limits=limits,
            )
            lags = LagHistory(store, clock)
            app = app_of(settings, context, clock, lags)
            server = AppServer(app, lambda: ready(endpoint_of(listener)))
            started(server)
            dumps.start()
            try:
                with lags.sampled() if settings.console_token is not None else nullcontext():
                    run(server, listener)
            finally:
                dumps.close()
    finally:
        store.close()


def app_of(settings: Settings, context: ServerContext, clock: Clock, lags: LagHistory) -> LocalApp:
    """The application, with admin routes and the console if there are tokens for them, and faults if there is one of the two."""
    sources = AllowedSources(settings.host, settings.allowed_hosts)
    authenticator = Authenticator(settings.keys, settings.project, clock)
    rules = Rules()
    more: list[BaseRoute] = []
    requests: RequestLog | None = None
    if settings.admin_token is not None:
        admin = Admin(settings.admin_token, Controls(rules, context.store, clock, context.dumps))
        more.append(Mount("/admin", admin))
    if settings.console_token is not None:
        requests = RequestLog()
        parts = Parts(context=context, rules=rules, clock=clock, requests=requests, lags=lags)
        more += console_routes(settings.console_token, parts)
    faults = FaultInjector(context, rules) if more else None
    return LocalApp(context, sources, authenticator, BodyBudget(), faults, more, requests)


def _buckets(settings: Settings) -> ObjectStore | None:
    """The object store that has the buckets. A folder that is missing is a misspelling: there would be no bucket in a new one."""
    folder, endpoint = settings.obs_folder, settings.obs_endpoint
    if folder is not None and endpoint is not None:
        raise StartError("--obs-folder and --obs-endpoint are given: leave out one of them")
    if endpoint is not None:
        try:
            return S3Store(endpoint, settings.data_dir / "dumps")
        except ImportError as error:
            raise StartError(f"--obs-endpoint needs {error.name}: install beam-dis[s3]") from error
        except ValueError as error:
            raise StartError(f"--obs-endpoint {endpoint}: {error}") from error
    if folder is not None and not folder.is_dir():
        raise StartError(f"{folder} is not a folder: make it, with a folder in it for each bucket")
    return None if folder is None else ObjectFolder(folder)


def check_exposure(settings: Settings, keys_by: str = "--access-key-file FILE") -> None:
    """Raise StartError if the settings would let in others than they say; ``keys_by`` is how a server is given keys."""
    if settings.no_keys and settings.keys:
        raise StartError("--no-keys is given, and there are keys: leave out one of them")
    foreign = (
        [keys for keys in settings.keys if keys.project not in (None, settings.project)] if settings.project else []
    )
    if foreign:
        raise StartError(
            f"the keys of [{foreign[0].name}] are for project {foreign[0].project}, and --project {settings.project} serves"
            " only that: leave out one of them"
        )
    if is_loopback(settings.host):
        return
    if settings.console_token is not None:
        raise StartError(f"the console is only served on a loopback address, not on --host {settings.host}")
    if settings.admin_token is not None:
        raise StartError(
            f"admin routes are only served on a loopback address, not on --host {settings.host}: leave out one of them"
        )
    if not settings.keys and not settings.no_keys:
        raise StartError(
            f"--host {settings.host or repr('')} lets other machines use this server, and it has no keys: give it keys"
            f" ({keys_by}), or let everybody use it with --no-keys"
        )


def allow_connections() -> None:
    """Allow as many open files as the system permits: 1024, the usual limit, could be used up by idle connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # some systems report an unlimited maximum that they don't grant
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class AppServer(uvicorn.Server):
    """uvicorn with our limits; it reports when it is ready."""

    def __init__(self, app: ASGIApp, ready: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=DeadlineProtocol,
                ws="none",
                loop="asyncio",
                lifespan="off",
                access_log=False,
                date_header=False,
                server_header=False,
                proxy_headers=False,
                log_config=None,
                timeout_keep_alive=int(IDLE_SECONDS),
                timeout_graceful_shutdown=DRAIN_SECONDS,
                workers=1,  # otherwise uvicorn reads WEB_CONCURRENCY, which may be no number
            )
        )
        self._ready = ready
        self._next_log = 0.0

    def _log_failure(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log a failure outside of requests. One of the system, such as too many open files, comes thousands of times."""
        error = context.get("exception")
        if self.should_exit or isinstance(error, ConnectionError):
            return
        if not isinstance(error, OSError):
            loop.default_exception_handler(context)
        elif loop.time() >= self._next_log:
            self._next_log = loop.time() + _LOG_SECONDS
            _log.warning("a connection was not accepted: %s; %s", error.strerror, system_advice(error))

    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]
        """Leave the handlers as they are: they are set before the event loop runs, so that no signal is lost until then."""
        return nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and report it."""
        asyncio.get_running_loop().set_exception_handler(self._log_failure)
        await super().startup(sockets)
        self._ready()


def run(server: AppServer, listener: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, server.handle_exit)
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # the application logs its own failures
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns when a client has left before its answer
    server.run([listener])
