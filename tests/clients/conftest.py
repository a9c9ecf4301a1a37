"""A local DIS that checks signatures, and the programs that call it with official clients."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from client_programs import ClientProgram, client_program

from beam_dis.local import LocalDIS

HERE = Path(__file__).parent
ACCESS_KEY, SECRET_KEY = "AKOFTHETESTS00000000", "secret-key/of+the=tests"


@pytest.fixture(scope="session")
def keyed_dis() -> Iterator[LocalDIS]:
    """A local DIS that requires signatures."""
    with LocalDIS(access_key=ACCESS_KEY, secret_key=SECRET_KEY) as dis:
        yield dis


class Buckets(NamedTuple):
    """A local DIS that requires signatures, and its bucket ``lake``."""

    dis: LocalDIS
    lake: Path

    def objects(self) -> dict[str, bytes]:
        """The data of each object, by its name in the bucket."""
        return {str(p.relative_to(self.lake)): p.read_bytes() for p in sorted(self.lake.rglob("*")) if p.is_file()}


@pytest.fixture
def buckets(tmp_path: Path) -> Iterator[Buckets]:
    """A local DIS of its own, with a bucket for dump tasks: tests advance its clock."""
    lake = tmp_path / "buckets" / "lake"
    lake.mkdir(parents=True)
    with LocalDIS(access_key=ACCESS_KEY, secret_key=SECRET_KEY, obs_folder=lake.parent) as dis:
        yield Buckets(dis, lake)


@pytest.fixture(scope="session")
def java_command(java_start: list[str], java_client: Path, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command that runs one of our Java programs; its name follows. They are compiled once."""
    classes = tmp_path_factory.mktemp("java-classes")
    sources = sorted((HERE / "java").glob("*.java"))
    subprocess.run(["javac", "-cp", f"{java_client}/*", "-d", classes, *sources], check=True)
    return [*java_start, "-cp", f"{classes}:{java_client}/*"]


@pytest.fixture(scope="session")
def java_operations(java_command: list[str]) -> Iterator[ClientProgram]:
    """A program that calls operations of the Java SDK; a Java machine takes seconds to start, so tests share it."""
    with client_program([*java_command, "Operations"]) as program:
        yield program


@pytest.fixture
def java_settings(keyed_dis: LocalDIS) -> dict[str, str]:
    """The settings of a Java client, with a project of its own."""
    return {
        "endpoint": keyed_dis.endpoint,
        "region": "local",
        "ak": ACCESS_KEY,
        "sk": SECRET_KEY,
        "projectId": uuid.uuid4().hex,
    }


@pytest.fixture
def java(java_operations: ClientProgram, java_settings: dict[str, str]) -> ClientProgram:
    """The Java SDK, in JSON and without compression."""
    java_operations.open(**java_settings)
    return java_operations


@pytest.fixture(scope="module")
def python_program(python_clients: Path) -> Iterator[Callable[[str], ClientProgram]]:
    """``python_program(client)``: the program that calls operations of a Python client, in the client's own environment."""
    with ExitStack() as running:

        @cache
        def start(client: str) -> ClientProgram:
            python = python_clients / client / "bin" / "python"
            return running.enter_context(client_program([python, HERE / "python" / "operations.py", client]))

        yield start


@pytest.fixture
def python_settings(keyed_dis: LocalDIS) -> dict[str, str]:
    """The settings of a Python client, with a project of its own."""
    keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
    return {"endpoint": keyed_dis.endpoint, "region": "cn-north-4", "project_id": uuid.uuid4().hex, **keys}


@pytest.fixture(scope="session")
def go_operations(go_client: Path) -> Iterator[ClientProgram]:
    """The program that calls operations of the Go SDK."""
    with client_program([go_client]) as program:
        yield program


@pytest.fixture
def go_settings(keyed_dis: LocalDIS) -> dict[str, str]:
    """The settings of a Go client, with a project of its own."""
    keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
    return {"endpoint": keyed_dis.endpoint, "project_id": uuid.uuid4().hex, **keys}


@pytest.fixture
def go(go_operations: ClientProgram, go_settings: dict[str, str]) -> ClientProgram:
    """The Go SDK."""
    go_operations.open(**go_settings)
    return go_operations
