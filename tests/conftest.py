"""The local DIS that all tests share.

Rules:

1. There is one server for the session. Each test uses a project of its own, so tests don't see each other's streams.
2. A test that stops, kills or fills a server, or advances its clock, starts one of its own.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import logging
import signal
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from two_services import StreamsOnDIS, StreamsOnV3IO

from beam_dis.connection import DISConnection
from beam_dis.local import LocalDIS, LocalV3IO
from beam_dis.v3io.connection import V3IOConnection


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
        """The URL under which the project's resources are, such as ``/streams``."""
        return f"{self.endpoint}/v2/{self.project_id}"


@pytest.fixture(scope="session", autouse=True)
def _default_signals_in_children() -> None:
    """Let child processes handle signals in the default way, even if this one was started to ignore them (``nohup``, ``&``).

    A child inherits that a signal is ignored, but it doesn't inherit a handler. So this process gets a handler that does
    nothing: it still ignores the signal, and its children don't.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Callable[[str], list[str]]:
    """``logged("local.store")``: the messages of a part of the package from INFO up.

    Threads of a pipeline that an earlier test has cancelled on Flink may log at any time, so other parts don't count.
    """

    def messages(part: str) -> list[str]:
        records = [record for record in caplog.records if record.levelno >= logging.INFO]
        return [record.getMessage() for record in records if record.name.startswith(f"beam_dis.{part}")]

    return messages


@pytest.fixture(scope="session")
def dis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalDIS]:
    """The local DIS of the session; it has a bucket ``lake``."""
    buckets = tmp_path_factory.mktemp("buckets")
    (buckets / "lake").mkdir()
    with LocalDIS(obs_folder=buckets) as dis:
        yield dis


@pytest.fixture
def local_dis(dis_server: LocalDIS) -> LocalProject:
    """A new project on the session's local DIS: ``.endpoint``, ``.connection``, ``.project_id``."""
    return LocalProject(dataclasses.replace(dis_server.connection, project_id=uuid.uuid4().hex))


@pytest.fixture(scope="session")
def v3io_server() -> Iterator[LocalV3IO]:
    """The local V3IO of the session."""
    with LocalV3IO() as v3io:
        yield v3io


@pytest.fixture
def local_v3io(v3io_server: LocalV3IO) -> V3IOConnection:
    """A connection to a new container on the session's local V3IO."""
    return dataclasses.replace(v3io_server.connection, container=uuid.uuid4().hex)


@pytest.fixture
def streams(request: pytest.FixtureRequest) -> Iterator[StreamsOnDIS]:
    """Streams for a test, on DIS unless it is marked ``ON_BOTH_SERVICES``: ``.connection``, ``.create``, ``.put`` …"""
    if getattr(request, "param", "dis") == "v3io":
        made: StreamsOnDIS = StreamsOnV3IO(request.getfixturevalue("local_v3io"))
    else:
        made = StreamsOnDIS(request.getfixturevalue("local_dis").connection)
    yield made
    made.close()


@pytest.fixture
def make_stream(local_dis: LocalProject) -> Callable[..., str]:
    """Creates a stream in the test's project and returns its name: ``make_stream(partitions=4, data_type="CSV")``."""
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


@pytest.fixture
def no_keys(monkeypatch, tmp_path):
    """An environment without credentials."""
    for name in ("AK", "SK", "SECURITY_TOKEN", "PROJECT_ID", "REGION"):
        monkeypatch.delenv(f"HUAWEICLOUD_SDK_{name}", raising=False)
    monkeypatch.setenv("HUAWEICLOUD_SDK_CREDENTIALS_FILE", str(tmp_path / ".huaweicloud"))
