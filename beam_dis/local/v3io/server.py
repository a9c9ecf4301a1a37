"""The process of a local V3IO: the store and the listening socket of a local DIS, with another application between them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import uvicorn

from beam_dis.local.clock import Clock, resume
from beam_dis.local.faults.rules import Rules
from beam_dis.local.folder_service import check_folder
from beam_dis.local.http.admin import CLOCK_ROUTES, Admin, Controls
from beam_dis.local.http.request_source import AllowedSources
from beam_dis.local.http.server import READERS, AppServer, Settings, allow_connections, check_exposure, run
from beam_dis.local.listening import endpoint_of, listen
from beam_dis.local.store import open_store
from beam_dis.local.v3io.access import AccessCheck
from beam_dis.local.v3io.app import V3IOApp
from beam_dis.local.v3io.context import V3IOContext


def serve(settings: Settings, *, ready: Callable[[str], None], started: Callable[[uvicorn.Server], None]) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        settings: Where to listen, where the data are, and the access key, if there is one.
        ready: Called with the endpoint once requests are answered.
        started: Called with the server, whose ``should_exit`` stops it.

    Raises:
        StartError: If the server can't start.
        StoreError: If the data can't be opened.
    """
    check_exposure(settings, "BEAM_DIS_ACCESS_KEY")
    allow_connections()
    clock = Clock()
    store = open_store(settings.data_dir, clock=clock)
    try:
        check_folder(store, "v3io")
        resume(store, clock)
        listener = listen(settings.host, settings.port, reserved=settings.port_reserved)
        with ThreadPoolExecutor(READERS, thread_name_prefix="reader") as readers:
            context = V3IOContext(store=store, clock=clock, round_robin=itertools.count().__next__, readers=readers)
            server = AppServer(app_of(settings, context, clock), lambda: ready(endpoint_of(listener)))
            started(server)
            run(server, listener)
    finally:
        store.close()


def app_of(settings: Settings, context: V3IOContext, clock: Clock) -> V3IOApp:
    """The application; with a token for them, it has the admin routes of the clock."""
    sources = AllowedSources(settings.host, settings.allowed_hosts)
    access = AccessCheck(settings.keys[0].access_key if settings.keys else "")
    admin = None
    if settings.admin_token is not None:
        admin = Admin(settings.admin_token, Controls(Rules(), context.store, clock, None), CLOCK_ROUTES)
    return V3IOApp(context, sources, access, admin)
