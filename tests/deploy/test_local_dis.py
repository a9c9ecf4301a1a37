"""The image and the Compose file of a local DIS: their commands work here as they are, and the services find one another."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest
import yaml

from beam_dis import DISConnection
from beam_dis.client import DISClient
from beam_dis.endpoints import is_local_dis

PORT = 7700


@pytest.fixture
def compose(deploy: Path) -> Any:
    return yaml.safe_load((deploy / "local-dis" / "compose.yaml").read_text("utf-8"))


@pytest.fixture
def dockerfile(deploy: Path) -> str:
    return (deploy / "local-dis" / "Dockerfile").read_text("utf-8")


def instruction(dockerfile: str, name: str) -> list[str]:
    words: list[str] = json.loads(re.findall(rf"^{name} .*?(\[.*\])$", dockerfile, re.MULTILINE)[-1])
    return words


@pytest.fixture
def served(dockerfile: str, compose: Any, tmp_path: Path) -> Iterator[str]:
    """The server as the Compose file starts it, without tini, on a free port and with data of its own; gives its address."""
    init, end, program, *arguments = instruction(dockerfile, "ENTRYPOINT")
    assert (init, end, program) == ("tini", "--", "beam-dis")
    words = [str(tmp_path / "data") if word == "/data" else word for word in arguments]
    line = [sys.executable, "-m", "beam_dis", *words, *compose["services"]["dis"]["command"], "--port", "0"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().split()[2]
        finally:
            process.terminate()


def status_of(url: str, host: str) -> int:
    try:
        with urlopen(Request(url, headers={"Host": host}), timeout=30) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


@pytest.mark.integration
def test_the_server_of_the_compose_file_answers_its_service_name(served, compose):
    (name,) = [name for name in compose["services"] if name != "demo"]
    url = f"{served}/v2/local/streams"
    assert [status_of(url, host) for host in (f"{name}:{PORT}", "127.0.0.1", "evil.example")] == [200, 200, 403]


@pytest.mark.integration
def test_the_address_that_the_server_prints_can_be_used(served):
    assert urlsplit(served).hostname == "127.0.0.1"
    with DISClient(DISConnection(endpoint=served, project_id="p")) as client:
        client.create_stream("s", partition_count=1)
        assert client.describe_stream("s").status == "RUNNING"


@pytest.fixture
def is_healthy(dockerfile: str) -> Callable[[int], bool]:
    """Runs the image's health check for a server on another port."""
    python, *arguments = instruction(dockerfile, "HEALTHCHECK")
    assert python == "python"

    def check(port: int) -> bool:
        line = [sys.executable, *(word.replace(f":{PORT}/", f":{port}/") for word in arguments)]
        return subprocess.run(line, capture_output=True, check=False, timeout=60).returncode == 0

    return check


@pytest.mark.integration
def test_the_health_check_finds_out_whether_the_server_answers(served, is_healthy):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        assert [is_healthy(port) for port in (urlsplit(served).port, silent.getsockname()[1])] == [True, False]


@pytest.mark.parametrize("host", ["dis", "dis.tests", "dis.tests.svc.cluster.local", "host.docker.internal", "dis_1"])
def test_a_name_of_a_container_is_a_local_dis_that_needs_no_keys(host):
    connection = DISConnection(endpoint=f"http://{host}:{PORT}").resolved(None, environ={})
    assert (is_local_dis(connection.endpoint), connection.project_id) == (True, "local")


def test_what_the_files_name_exists(deploy, compose, dockerfile):
    copied = [word for line in re.findall(r"^COPY (.*)$", dockerfile, re.MULTILINE) for word in line.split()[:-1]]
    built = [service["build"]["dockerfile"] for service in compose["services"].values()]
    demo = [word for word in compose["services"]["demo"]["entrypoint"] if word.endswith(".py")]
    assert [name for name in (*copied, *built, *demo) if not (deploy.parent / name).exists()] == []
    assert {service["build"]["context"] for service in compose["services"].values()} == {"../.."}


def test_the_demo_waits_for_the_server_and_calls_it_by_its_name(compose):
    demo = compose["services"]["demo"]
    assert demo["depends_on"] == {"dis": {"condition": "service_healthy"}}
    assert demo["command"] == [f"--dis_endpoint=http://dis:{PORT}"]


def test_only_this_machine_reaches_the_port_that_is_published(compose, dockerfile):
    assert compose["services"]["dis"]["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    assert f"\nEXPOSE {PORT}\n" in dockerfile
