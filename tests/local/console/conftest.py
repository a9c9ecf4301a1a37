"""The console of an application in this process, and a browser's way to ask it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any, NamedTuple

import httpx
import pytest

from beam_dis.local.store import StoredApp, Stream, StreamDefinition

TOKEN = "a-token-of-the-console"
NOON = 1_767_268_800.0
"""2026-01-01 12:00:00 UTC."""


class Text(HTMLParser):
    """The text of a page as a browser shows it, its elements, and the rows of its tables."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.words: list[str] = []
        self._cell = False
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"} and self.rows:
            self.rows[-1].append("")
            self._cell = True

    def handle_endtag(self, tag):
        self._cell = self._cell and tag not in {"td", "th"}

    def handle_data(self, data):
        self.words.append(data)
        if self._cell:
            self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))

    @property
    def table(self) -> list[list[str]]:
        """The rows of the tables without their heads, with single spaces."""
        return [[" ".join(cell.split()) for cell in row] for row in self.rows[1:]]

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


class Browser:
    """A client with cookies that sends its requests to an application in this process, and follows redirects."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._cookies = httpx.Cookies()

    def get(self, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._send("GET", path, options))

    def post(self, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._send("POST", path, options))

    def put(self, path: str, **options: Any) -> httpx.Response:
        return asyncio.run(self._send("PUT", path, options))

    async def _send(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        settings = {"base_url": "http://127.0.0.1:7700", "follow_redirects": True, "cookies": self._cookies}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), **settings) as client:
            answer = await client.request(method, path, **options)
            self._cookies = client.cookies
            return answer


class Answered(NamedTuple):
    """A page: its status, its source and what it shows."""

    status: int
    source: str
    page: Text
    url: str


class Console:
    """A browser that has the console's cookie."""

    def __init__(self, client: Browser, inside: Any, clock: Clock) -> None:
        self.client = client
        self.service = inside
        self.store = inside.store
        self.dumps = inside.dumps
        self.clock = clock

    def __call__(self, path: str) -> Answered:
        answer = self.client.get(f"/console{path}")
        return Answered(answer.status_code, answer.text, Text(answer.text), str(answer.url))

    def post(self, path: str, **fields: Any) -> Answered:
        """Send a form as a page of the console does, and follow its answer."""
        origin = {"origin": "http://127.0.0.1:7700"}
        answer = self.client.post(f"/console{path}", data={k: str(v) for k, v in fields.items()}, headers=origin)
        return Answered(answer.status_code, answer.text, Text(answer.text), str(answer.url))

    def stream(self, name: str = "s", partitions: int = 1, project: str = "p", **fields: Any) -> Stream:
        definition = StreamDefinition(name=name, partition_count=partitions, **fields)
        return self.store.create_stream(project, definition).result()

    def put(self, stream: Stream, *datas: bytes, partition: int = 0, key: str | None = None) -> None:
        self.store.append(stream, [partition] * len(datas), [key] * len(datas), list(datas)).result()

    def app(self, name: str = "a", project: str = "p") -> StoredApp:
        return self.store.create_app(project, name).result()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def stranger(in_process, clock) -> tuple[Browser, Any]:
    """A browser without the cookie, and the application."""
    inside = in_process(clock=clock, console=TOKEN)
    return Browser(inside.app), inside


@pytest.fixture
def console(stranger, clock) -> Callable[[str], Answered]:
    """A browser with the cookie: ``console("/apps")``, ``console.post("/clock", hours=1)``."""
    client, inside = stranger
    client.get("/console", params={"token": TOKEN}, follow_redirects=False)
    return Console(client, inside, clock)
