"""A local V3IO in this process, which gets requests exactly as given."""

from __future__ import annotations

import asyncio
import itertools
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from beam_dis.local.clock import Clock
from beam_dis.local.http.server import Settings
from beam_dis.local.keys import AccessKeys
from beam_dis.local.store import open_store
from beam_dis.local.v3io.app import V3IOApp
from beam_dis.local.v3io.context import V3IOContext
from beam_dis.local.v3io.server import app_of

START = 1_700_000_000.25
HOST = (b"host", b"127.0.0.1:7700")


class V3IOAnswer(NamedTuple):
    """An answer: its status, its JSON, or its bytes if it is something else, and its headers."""

    status: int
    body: Any
    headers: dict[str, str]


class InProcessV3IO:
    """The application without a server."""

    def __init__(self, app: V3IOApp, context: V3IOContext) -> None:
        self.app = app
        self.context = context
        self.store = context.store

    def __call__(
        self,
        path: str,
        function: str = "",
        body: Any = None,
        *,
        method: str = "PUT",
        raw: bytes | None = None,
        **headers: str,
    ) -> V3IOAnswer:
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        named = [(b"x-v3io-function", function.encode())] if function else []
        return asyncio.run(self._send(method, path, [HOST, *named, *given], content))

    async def _send(self, method: str, target: str, headers: list[tuple[bytes, bytes]], body: bytes) -> V3IOAnswer:
        path, _, query = target.partition("?")
        scope = {"type": "http", "method": method, "path": path, "raw_path": path.encode(), "http_version": "1.1"}
        scope |= {"query_string": query.encode(), "headers": headers}
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        content = b"".join(message.get("body", b"") for message in sent[1:])
        is_json = answered.get("content-type") == "application/json"
        return V3IOAnswer(sent[0]["status"], json.loads(content) if is_json else content, answered)

    def put(self, *records: Any, path: str = "/c/s/") -> list[Any]:
        """Put records, given as fields, or as data for shard 0; returns their results."""
        given = [record if isinstance(record, dict) else {"Data": b64(record), "ShardId": 0} for record in records]
        answer = self(path, "PutRecords", {"Records": given})
        assert answer.status == 200, answer
        return list(answer.body["Records"])

    def location(self, kind: str = "EARLIEST", shard: int = 0, **more: int) -> str:
        """A location in the stream ``s``."""
        answer = self(f"/c/s/{shard}", "Seek", {"Type": kind, **more})
        assert answer.status == 200, answer
        return str(answer.body["Location"])

    def page(self, location: str, shard: int = 0, **more: int) -> Any:
        """The answer to GetRecords in the stream ``s``."""
        answer = self(f"/c/s/{shard}", "GetRecords", {"Location": location, **more})
        assert answer.status == 200, answer
        return answer.body


def b64(data: bytes) -> str:
    return b64encode(data).decode()


class ManualTime:
    """A source of time that tests set."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> ManualTime:
    """The time of the test's server."""
    return ManualTime()


@pytest.fixture
def make_v3io(tmp_path, time) -> Iterator[Callable[..., InProcessV3IO]]:
    """A function that makes the application on the test's store; a second call is a restart."""
    opened = ExitStack()

    def make(access_key: str = "", admin: str | None = None) -> InProcessV3IO:
        opened.close()
        clock = Clock(time)
        store = open_store(tmp_path / "data", clock=clock, housekeeping_interval=None)
        opened.callback(store.close)
        readers = opened.enter_context(ThreadPoolExecutor(1))
        context = V3IOContext(store=store, clock=clock, round_robin=itertools.count().__next__, readers=readers)
        keys = (AccessKeys(access_key=access_key),) if access_key else ()
        settings = Settings(data_dir=tmp_path, keys=keys, admin_token=admin)
        return InProcessV3IO(app_of(settings, context, clock), context)

    with opened:
        yield make


@pytest.fixture
def v3io(make_v3io) -> InProcessV3IO:
    """A local V3IO whose container ``c`` has a stream ``s`` of three shards."""
    made = make_v3io()
    assert made("/c/s/", "CreateStream", {"ShardCount": 3}).status == 204
    return made
