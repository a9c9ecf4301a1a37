"""The admin routes answer only requests from this machine with the token, and from no page of another origin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from beam_dis.errors import DISError
from beam_dis.local import LocalDIS
from beam_dis.local.admin_client import AdminClient
from beam_dis.local.http.server import Settings, StartError, serve
from beam_dis.local.keys import AccessKeys, KeysError, read_admin_token

TOKEN = "a-token"
FAULTS = "/admin/faults"
THROTTLED = {"type": "Throttled", "nth": 7}


@pytest.fixture
def ask(in_process):
    """Asks a server with keys in this process: ``ask(method, path, body, header=…)``; a header that is None isn't sent."""
    app = in_process(keys=AccessKeys(access_key="AK", secret_key="SK"), admin=TOKEN)

    def asked(method: str, path: str, body: Any = None, **changes: str | None) -> tuple[int, Any]:
        headers = {"host": "127.0.0.1:7700", "x-admin-token": TOKEN}
        headers |= {name.replace("_", "-"): value for name, value in changes.items()}
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        spoken = app(method, path, [pair for pair in headers.items() if pair[1] is not None], content)
        return spoken.status, spoken.body

    return asked


def test_faults_are_put_listed_and_cleared(ask):
    assert ask("POST", FAULTS, THROTTLED) == (201, {"id": 1})
    assert ask("GET", FAULTS) == (200, {"faults": [{"id": 1, "fault": THROTTLED, "calls": 0, "hits": 0}]})
    assert [ask("DELETE", f"{FAULTS}?id=1")[0], ask("DELETE", f"{FAULTS}/")[0]] == [204, 204]
    assert ask("GET", FAULTS) == (200, {"faults": []})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "localhost:7700", "LOCALHOST", "[::1]:7700", "[::1]"])
def test_a_loopback_host_may_be_named_in_any_way(ask, host):
    assert ask("GET", FAULTS, host=host)[0] == 200


@pytest.mark.parametrize("host", ["", "rebound.example:7700", "127.0.0.1.example", "localhost.example:1", "::1"])
def test_another_host_is_refused(ask, host):
    status, problem = ask("GET", FAULTS, host=host)
    assert (status, "this server is not host" in problem["message"]) == (403, True)


@pytest.mark.parametrize("origin", ["https://page.example", "http://localhost:1", "null", ""])
def test_a_page_of_another_origin_is_refused(ask, origin):
    assert ask("POST", FAULTS, THROTTLED, origin=origin)[0] == 403


def test_a_page_of_the_server_itself_is_accepted(ask):
    assert ask("GET", FAULTS, origin="http://127.0.0.1:7700")[0] == 200


@pytest.mark.parametrize("token", [None, "", "a-toke", "a-token ", "ä"])
def test_without_the_token_nothing_is_reported_or_done(ask, token):
    assert [ask("POST", FAULTS, THROTTLED, x_admin_token=token)[0], ask("GET", FAULTS)[1]] == [401, {"faults": []}]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("GET", "/admin/x", None, 404, "there is no /admin/x: there are /admin/faults"),
        ("GET", "/admin/", None, 404, "there is no /admin"),
        ("PUT", FAULTS, None, 405, "/admin/faults takes POST, GET, DELETE, not PUT"),
        ("POST", FAULTS, b"", 400, "truncated"),
        ("POST", FAULTS, b"{", 400, "truncated"),
        ("POST", FAULTS, b"[" * 50_000, 400, ""),
        ("POST", FAULTS, b"x" * 70_000, 413, "70000 bytes"),
        ("POST", FAULTS, {"type": "Explode"}, 400, "Explode"),
        ("POST", FAULTS, {"type": "Throttled", "rate": 2}, 400, "Throttled(rate=2.0): give a number above 0 up to 1"),
        ("POST", FAULTS, {"type": "Throttled", "stream": "s"}, 400, "the streams are: none"),
        ("DELETE", f"{FAULTS}?id=x", None, 400, "'x' is not the number of a fault"),
        ("DELETE", f"{FAULTS}?id=9", None, 404, "there is no fault 9"),
    ],
)
def test_a_wrong_command_is_refused_with_the_reason(ask, method, path, body, status, message):
    answered, problem = ask(method, path, body)
    assert (answered, message in problem["message"]) == (status, True), problem


def test_an_admin_route_needs_no_signature_and_other_routes_still_do(ask):
    assert (ask("GET", FAULTS)[0], ask("GET", "/v2/p/streams")[1]["errorCode"]) == (200, "DIS.4101")


def test_without_a_token_there_are_no_admin_routes(in_process):
    spoken = in_process()("GET", FAULTS, [("host", "127.0.0.1"), ("x-admin-token", "")])
    assert (spoken.status, spoken.body["errorCode"]) == (404, "APIG.0101")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "dis.example"])
def test_admin_routes_are_not_served_to_other_machines(tmp_path, host):
    settings = Settings(data_dir=tmp_path, host=host, port=0, admin_token=TOKEN)
    with pytest.raises(StartError, match=f"only served on a loopback address, not on --host {host}"):
        serve(settings, ready=pytest.fail, started=pytest.fail)


def test_the_token_is_in_no_repr(tmp_path):
    assert TOKEN not in repr(Settings(data_dir=tmp_path, admin_token=TOKEN))


def test_the_token_comes_from_the_environment_or_a_file(tmp_path):
    (tmp_path / "token").write_text("from-file\n")
    environ = {"BEAM_DIS_ADMIN_TOKEN": "from-environment"}
    assert read_admin_token(None, environ) == "from-environment"
    assert read_admin_token(tmp_path / "token", environ) == "from-file"


@pytest.mark.parametrize("token", ["", "two words", "ä", "a\nb"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_shown(token):
    with pytest.raises(KeysError, match=r"^--admin needs a token, .*: BEAM_DIS_ADMIN_TOKEN has none$"):
        read_admin_token(None, {"BEAM_DIS_ADMIN_TOKEN": token})


def test_a_missing_token_file_is_reported():
    with pytest.raises(KeysError, match=r"/nowhere can't be read \(FileNotFoundError\)"):
        read_admin_token(Path("/nowhere"), {})


def test_a_server_that_has_ended_is_reported():
    with pytest.raises(DISError, match="did not answer GET /admin/faults"):
        AdminClient("http://127.0.0.1:9", TOKEN).send("GET", FAULTS)


@pytest.mark.integration
def test_serve_with_admin_and_no_token_says_what_it_needs(tmp_path):
    command = [sys.executable, "-m", "beam_dis", "serve", "--port", "0", "--data", str(tmp_path), "--admin"]
    environ = {name: value for name, value in os.environ.items() if name != "BEAM_DIS_ADMIN_TOKEN"}
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=environ)
    assert (ended.returncode, ended.stderr.startswith("beam-dis: error: --admin needs a token")) == (1, True)


@pytest.mark.integration
def test_the_token_of_a_local_dis_is_another_each_time_and_not_among_its_arguments():
    with LocalDIS() as one, LocalDIS() as other:
        tokens = {one._admin_token, other._admin_token}
        seen = [token for token in tokens if token.encode() in Path(f"/proc/{one.pid}/cmdline").read_bytes()]
        refused = httpx.get(one.endpoint + FAULTS, headers={"X-Admin-Token": other._admin_token})
    assert (len(tokens), seen, refused.status_code) == (2, [], 401)
