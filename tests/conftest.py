"""The local DIS that tests share.

Law: one server for the session; each test speaks in a project of its own, so that tests don't see each other. Whoever
stops, kills or fills a server starts one of their own.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import signal
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from beam_dis.connection import DISConnection
from beam_dis.local import LocalDIS


class LocalProject(NamedTuple):
    """An empty project on a local DIS."""

    connection: DISConnection

    @property
    def endpoint(self) -> str:
        return str(self.connection.endpoint)

    @property
    def project_id(self) -> str:
        return str(self.connection.project_id)

    @property
    def url(self) -> str:
        """What comes before ``/streams`` and the like."""
        return f"{self.endpoint}/v2/{self.project_id}"


def new_project(dis: LocalDIS) -> LocalProject:
    """A project that nobody has used."""
    return LocalProject(dataclasses.replace(dis.connection, project_id=uuid.uuid4().hex))


@pytest.fixture(scope="session", autouse=True)
def _default_signals_in_children() -> None:
    """Children take signals in the default way, even if the process that started the tests ignores them (``nohup``, ``&``).

    A child inherits "ignore", but not a handler. The handler does nothing, so that this process still ignores the signal.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture(scope="session")
def dis_server() -> Iterator[LocalDIS]:
    """The local DIS of the session."""
    with LocalDIS() as dis:
        yield dis


@pytest.fixture
def local_dis(dis_server: LocalDIS) -> LocalProject:
    """A fresh project on the session's local DIS: ``.endpoint``, ``.connection``, ``.project_id``."""
    return new_project(dis_server)


@pytest.fixture
def make_stream(local_dis: LocalProject) -> Callable[..., str]:
    """Makes a stream of a new name in the test's project: ``make_stream(partitions=4, data_type="CSV") -> name``."""
    numbers = itertools.count()

    def make(name: str | None = None, *, partitions: int = 1, **fields: Any) -> str:
        stream = name or f"stream-{next(numbers)}"
        body = {"stream_name": stream, "partition_count": partitions, **fields}
        request = urllib.request.Request(
            f"{local_dis.url}/streams",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 201
        return stream

    return make
