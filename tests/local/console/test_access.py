"""Only someone with the token uses the console, only its own pages change something, and pages run no script of others."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from beam_dis.local.console import app
from beam_dis.local.console.app import STATIC
from beam_dis.local.http.server import Settings, StartError, serve
from beam_dis.local.keys import KeysError, read_console_token

TOKEN = "a-token-of-the-console"

VENDORED = {
    "htmx-2.0.11.min.js": "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717",
    "uplot-1.6.32.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uplot-1.6.32.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
"""The files of the npm packages htmx.org 2.0.11 and uplot 1.6.32, with their SHA-256."""


def test_the_first_visit_sets_a_cookie_and_hides_the_token(stranger):
    client, _ = stranger
    answer = client.get("/console", params={"token": TOKEN}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/console", "beam_dis_console_7700="))
    assert client.get("/console/").status_code == 200


@pytest.mark.parametrize(
    "path", ["/console", "/console/", "/console/apps", "/console/unknown", "/console/?token=wrong"]
)
def test_without_the_token_nothing_is_shown(stranger, path):
    client, _ = stranger
    answer = client.get(path)
    assert (answer.status_code, "the URL that beam-dis serve has printed" in answer.text) == (401, True)


@pytest.mark.parametrize("cookie", ["", "wrong", TOKEN[:-1], f"{TOKEN}x", '"'])
def test_a_wrong_cookie_is_refused(stranger, cookie):
    client, _ = stranger
    assert client.get("/console/", headers={"cookie": f"beam_dis_console_7700={cookie}"}).status_code == 401


@pytest.mark.parametrize("other", ['settings={"a":"b"}', "a b", "=x", "x[]=1", "path=/", ""])
def test_cookies_of_other_programs_on_the_host_do_not_matter(stranger, other):
    client, _ = stranger
    cookies = f"{other}; beam_dis_console_7700={TOKEN}"
    assert client.get("/console/", headers={"cookie": cookies}).status_code == 200


def test_the_address_without_a_slash_leads_to_the_streams(console):
    answer = console.client.get("/console", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/", "GET, HEAD"), ("/faults", "GET, HEAD, POST"), ("/clock", "POST"), ("/static/x", "GET, HEAD")],
)
def test_an_answer_to_a_wrong_method_names_the_right_ones(console, path, allowed):
    origin = {"origin": "http://127.0.0.1:7700"}
    answer = console.client.put(f"/console{path}", headers=origin)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)


def test_the_cookie_of_a_server_on_another_port_does_not_count(stranger):
    client, _ = stranger
    assert client.get("/console/", headers={"cookie": f"beam_dis_console_7701={TOKEN}"}).status_code == 401


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "http://evil.example"}, {"origin": "http://127.0.0.1:7701"}, {"origin": "null"}]
)
def test_a_change_comes_from_a_page_of_the_console_only(console, headers):
    answer = console.client.post("/console/clock", data={"hours": "1"}, headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers", [{"host": "rebound.example"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}]
)
def test_a_page_of_another_site_reads_nothing(console, headers):
    assert console.client.get("/console/", headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/", "/unknown", "/static/console.css", "/streams/unknown"])
def test_every_answer_forbids_foreign_scripts_and_frames(console, path):
    headers = console.client.get(f"/console{path}").headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")


def test_pages_are_not_kept_by_browsers(console):
    assert console.client.get("/console/").headers["cache-control"] == "no-store"


def test_no_page_has_inline_scripts_or_styles(root_of_console):
    for template in sorted((root_of_console / "templates").glob("*.html")):
        source = template.read_text("utf-8")
        assert "style=" not in source, template
        assert "|safe" not in source.replace(" ", ""), template
        assert all(" src=" in script for script in source.split("<script")[1:]), template


@pytest.fixture
def root_of_console() -> Path:
    return STATIC.parent


def test_the_token_is_not_logged(console, caplog):
    with caplog.at_level("DEBUG"):
        console.client.get("/console", params={"token": TOKEN})
        console.client.get("/console/unknown", params={"token": "nearly-the-token"})
    own = [record.getMessage() for record in caplog.records if not record.name.startswith("httpx")]
    assert [message for message in own if TOKEN in message] == []
    assert TOKEN not in repr(Settings(data_dir=Path(), console_token=TOKEN))


def test_the_console_is_not_served_to_other_machines(tmp_path):
    settings = Settings(data_dir=tmp_path, host="0.0.0.0", no_keys=True, console_token=TOKEN)
    with pytest.raises(StartError, match=r"only served on a loopback address, not on --host 0.0.0.0"):
        serve(settings, ready=print, started=print)


def test_a_server_without_jinja_says_what_it_needs(in_process, monkeypatch):
    monkeypatch.setattr(app, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="the console needs jinja2"):
        in_process(console=TOKEN)


def test_without_a_token_there_is_no_console(in_process):
    assert in_process()("GET", "/console").status == 404


def test_a_token_is_that_of_the_environment_or_a_new_one():
    assert read_console_token({"BEAM_DIS_CONSOLE_TOKEN": TOKEN}) == TOKEN
    assert read_console_token({}) != read_console_token({"BEAM_DIS_CONSOLE_TOKEN": ""})


@pytest.mark.parametrize("token", ["short", "with spaces in the token", "a-token-of-the-console;", "ä" * 20])
def test_a_token_that_cannot_be_in_an_address_is_refused(token):
    with pytest.raises(KeysError, match="BEAM_DIS_CONSOLE_TOKEN is not a token"):
        read_console_token({"BEAM_DIS_CONSOLE_TOKEN": token})


@pytest.mark.parametrize("name", VENDORED)
def test_a_vendored_file_is_that_of_its_package(name):
    assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == VENDORED[name]


def test_every_script_and_style_is_our_own_or_vendored_with_its_licence():
    known = {*VENDORED, "htmx-LICENSE.txt", "uplot-LICENSE.txt", "console.css", "console.js", "theme.js", "icon.svg"}
    assert {path.name for path in STATIC.iterdir()} == known


def test_our_own_files_name_no_other_host():
    for name in ("console.css", "console.js", "theme.js"):
        assert "//" not in (STATIC / name).read_text("utf-8").replace("// ", ""), name
