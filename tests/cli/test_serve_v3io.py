"""``beam-dis serve --service v3io``: what it prints, and the options of DIS that it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from beam_dis.cli.serve import v3io_announcement
from beam_dis.local.keys import AccessKeys, KeysError, session_key_of_environment

SERVE = [sys.executable, "-m", "beam_dis", "serve", "--service", "v3io", "--port", "0", "--data"]


def refused(*arguments: object, **environment: str) -> str:
    """The line that a server prints if it can't start."""
    command = [*SERVE, *map(str, arguments)]
    ended = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    [line] = ended.stderr.splitlines()
    return line


@pytest.mark.integration
def test_it_serves_and_says_how_to_connect(tmp_path):
    with subprocess.Popen([*SERVE, tmp_path], stdout=subprocess.PIPE, text=True) as process:
        lines = [process.stdout.readline().rstrip() for _ in range(3)]
        endpoint = lines[0].split()[2]
        made = urllib.request.Request(f"{endpoint}/c/s/", b"{}", {"X-v3io-function": "CreateStream"}, method="PUT")
        with urllib.request.urlopen(made, timeout=30) as answer:
            status = answer.status
        process.terminate()
    assert (status, process.returncode) == (204, 0)
    assert lines == v3io_announcement(endpoint, tmp_path)


def test_it_names_the_connection_of_a_pipeline_and_of_official_clients():
    assert v3io_announcement("http://127.0.0.1:7700", Path("data"), [AccessKeys(access_key="k")]) == [
        "beam-dis: serving http://127.0.0.1:7700 (data in data)",
        '  connection=V3IOConnection(endpoint="http://127.0.0.1:7700", container="local")',
        "  official clients: V3IO_API=http://127.0.0.1:7700",
        "  requests need the access key: set V3IO_ACCESS_KEY to it on the workers",
    ]


def test_the_addresses_that_it_prints_can_be_connected_to():
    lines = v3io_announcement("http://0.0.0.0:7700", Path("data"))
    assert lines[0] == "beam-dis: serving http://127.0.0.1:7700 (data in data)"
    assert not any("0.0.0.0" in line for line in lines)


@pytest.mark.integration
@pytest.mark.parametrize(
    "option",
    [
        ("--obs-folder", "x"),
        ("--obs-endpoint", "http://x"),
        ("--project", "p"),
        ("--limits", "real"),
        ("--access-key-file", "x"),
    ],
)
def test_an_option_of_dis_alone_is_an_error(tmp_path, option):
    line = refused(tmp_path, *option)
    assert line.startswith(f"beam-dis: error: {option[0]}")
    assert line.endswith("is an option of DIS, and --service v3io is given: leave out one of them")


@pytest.mark.integration
def test_without_a_key_it_serves_other_machines_only_on_request(tmp_path):
    line = refused(tmp_path, "--host", "0.0.0.0")
    assert "lets other machines use this server, and it has no keys: give it keys (BEAM_DIS_ACCESS_KEY), or" in line


def test_the_key_is_the_access_key_of_the_environment():
    assert session_key_of_environment({}) == ()
    [keys] = session_key_of_environment({"BEAM_DIS_ACCESS_KEY": "k", "BEAM_DIS_SECRET_KEY": "unused"})
    assert (keys.access_key, keys.secret_key) == ("k", "")


@pytest.mark.parametrize("name", ["BEAM_DIS_SECRET_KEY", "BEAM_DIS_AUTH_TOKEN"])
def test_a_secret_that_would_protect_nothing_is_an_error(name):
    with pytest.raises(KeysError, match="set BEAM_DIS_ACCESS_KEY instead"):
        session_key_of_environment({name: "x"})


@pytest.mark.parametrize("key", ["a b", "ä", "a\n"])
def test_a_key_that_no_client_can_send_is_an_error_that_does_not_show_it(key):
    with pytest.raises(KeysError, match="BEAM_DIS_ACCESS_KEY is no access key") as refusal:
        session_key_of_environment({"BEAM_DIS_ACCESS_KEY": key})
    assert key not in str(refusal.value)
