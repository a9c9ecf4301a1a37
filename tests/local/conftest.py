"""Two ways to send requests to a local DIS: over plain HTTP, and in this process with exactly the given bytes."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple
from urllib.parse import unquote

import httpx
import pytest

from beam_dis.local.clock import Clock
from beam_dis.local.console.lags import LagHistory
from beam_dis.local.dump.engine import DumpEngine
from beam_dis.local.dump.object_store import ObjectFolder
from beam_dis.local.handlers.call import ServerContext
from beam_dis.local.handlers.throughput import ThroughputLimits
from beam_dis.local.http.app import LocalApp
from beam_dis.local.http.server import Settings, app_of
from beam_dis.local.keys import AccessKeys
from beam_dis.local.store import open_store


class ApiAnswer(NamedTuple):
    """An answer: its status, its code if it is an error, and its JSON."""

    status: int
    code: str
    body: Any


class Api:
    """One project of a local DIS; paths begin after ``/v2/{project_id}``."""

    def __init__(self, endpoint: str, project_id: str) -> None:
        self.root = f"{endpoint}/v2/{project_id}"
        self.http = httpx.Client(timeout=30)

    def __call__(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **query: Any
    ) -> ApiAnswer:
        url = self.root + path if path.startswith("/") else path
        content = {"content": raw} if raw is not None else {} if body is None else {"json": body}
        answer = self.http.request(method, url, params=query or None, **content)
        parsed = answer.json() if answer.content else None
        return ApiAnswer(answer.status_code, (parsed or {}).get("errorCode", ""), parsed)

    def stream(self, name: str = "s", partitions: int = 1, **fields: Any) -> str:
        assert self("POST", "/streams", {"stream_name": name, "partition_count": partitions, **fields}).status == 201
        return name

    def put(self, *records: dict[str, Any], stream: str = "s") -> ApiAnswer:
        return self("POST", "/records", {"stream_name": stream, "records": list(records)})

    def cursor(self, partition: int | str = 0, kind: str = "TRIM_HORIZON", stream: str = "s", **more: Any) -> str:
        query = {"stream-name": stream, "partition-id": partition, "cursor-type": kind, **more}
        answer = self("GET", "/cursors", **query)
        assert answer.status == 200, answer
        return str(answer.body["partition_cursor"])

    def page(self, cursor: str, **query: Any) -> ApiAnswer:
        return self("GET", "/records", **{"partition-cursor": cursor, **query})


@pytest.fixture
def api(local_dis) -> Iterator[Api]:
    """A fresh project of the session's local DIS."""
    made = Api(local_dis.endpoint, local_dis.project_id)
    yield made
    made.http.close()


class AppAnswer(NamedTuple):
    """An answer of the application itself; ``body`` is its JSON, or the bytes if it is something else."""

    status: int
    headers: dict[str, str]
    body: Any


class InProcess:
    """The application without a server: it gets requests exactly as given."""

    def __init__(self, app: LocalApp, context: ServerContext) -> None:
        self.app = app
        self.store = context.store
        self.dumps = context.dumps

    def __call__(self, method: str, target: str, headers: Sequence[Sequence[str]] = (), body: bytes = b"") -> AppAnswer:
        return asyncio.run(self._send(method, target, headers, [body]))

    def json(self, method: str, target: str, body: Any = None) -> AppAnswer:
        """A request with a JSON body."""
        return self(method, target, body=b"" if body is None else json.dumps(body).encode())

    async def _send(self, method: str, target: str, headers: Sequence[Sequence[str]], chunks: list[bytes]) -> AppAnswer:
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        }
        if not any(name == b"host" for name, _ in scope["headers"]):
            scope["http_version"] = "1.0"
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        raw = b"".join(message.get("body", b"") for message in sent[1:])
        is_json = answered.get("content-type", "").startswith("application/json")
        return AppAnswer(sent[0]["status"], answered, (json.loads(raw) if is_json else raw) if raw else None)


@pytest.fixture
def in_process(tmp_path) -> Iterator[Callable[..., InProcess]]:
    """A function that makes the application on the test's store: ``in_process(clock=…, keys=…, project=…)``.

    A second call is a restart. ``limits`` adds the service's limits of throughput; ``admin`` is the token of the admin routes,
    ``console`` that of the console.
    The bucket ``lake`` of dump tasks is the folder ``obs/lake``; its tasks work when a test calls ``dumps.flush_due``.
    """
    stores = ExitStack()

    def make(
        clock: Callable[[], float] = time.time,
        keys: AccessKeys | tuple[AccessKeys, ...] = (),
        project: str | None = None,
        *,
        limits: bool = False,
        buckets: bool = True,
        admin: str | None = None,
        console: str | None = None,
        host: str = "127.0.0.1",
        allowed_hosts: tuple[str, ...] = (),
    ) -> InProcess:
        stores.close()
        moving = clock if isinstance(clock, Clock) else Clock(clock)
        store = open_store(tmp_path / "data", clock=moving)
        stores.callback(store.close)
        (tmp_path / "obs" / "lake").mkdir(parents=True, exist_ok=True)
        dumps = DumpEngine(store, ObjectFolder(tmp_path / "obs") if buckets else None, moving)
        readers = stores.enter_context(ThreadPoolExecutor(1))
        throughput = ThroughputLimits(clock) if limits else None
        context = ServerContext(
            store=store,
            clock=moving,
            round_robin=itertools.count().__next__,
            readers=readers,
            dumps=dumps,
            limits=throughput,
        )
        settings = Settings(
            data_dir=tmp_path,
            host=host,
            allowed_hosts=allowed_hosts,
            keys=keys if isinstance(keys, tuple) else (keys,),
            project=project,
            admin_token=admin,
            console_token=console,
        )
        return InProcess(app_of(settings, context, moving, LagHistory(context.store, moving)), context)

    with stores:
        yield make
