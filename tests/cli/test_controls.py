"""``beam-dis faults`` and ``beam-dis clock`` command a local DIS."""

from __future__ import annotations

import json

import pytest

from beam_dis.cli.main import main
from beam_dis.client import DISClient
from beam_dis.connection import DISConnection
from beam_dis.errors import ConfigurationError
from beam_dis.local import LocalDIS
from beam_dis.local.admin_client import AdminClient

TOKEN = "token-of-the-tests"


@pytest.fixture(scope="module")
def server():
    with LocalDIS() as dis:
        yield dis


@pytest.fixture
def control(server, no_keys, capsys, monkeypatch):
    """``control("faults", "ls")`` runs a command on a server of its own."""
    monkeypatch.setenv("BEAM_DIS_ADMIN_TOKEN", server._admin_token)

    def run(*arguments):
        capsys.readouterr()
        status = main([*map(str, arguments), "--endpoint", server.endpoint])
        return status, *capsys.readouterr()

    return run


@pytest.mark.integration
def test_faults_are_injected_listed_and_cleared(control, server):
    assert control("faults", "add", "throttled", "operation=create_app", "code=DIS.4303", "count=1")[0] == 0
    with DISClient(server.connection) as client:
        client.create_app("a")
    [fault] = json.loads(control("faults", "ls", "--json")[1])
    assert (fault["fault"]["type"], fault["fault"]["count"], fault["calls"], fault["hits"]) == ("Throttled", 1, 2, 1)
    assert control("faults", "rm", fault["id"]) == (0, f"cleared fault {fault['id']}\n", "")
    control("faults", "add", "Latency", "seconds=0.1")
    assert control("faults", "rm", "--all")[0] == 0
    assert control("faults", "ls")[1].splitlines() == ["id  fault  calls  hits"]


@pytest.mark.integration
def test_the_clock_moves_forward_only(control):
    before = json.loads(control("clock", "now", "--json")[1])["time"]
    after = json.loads(control("clock", "advance", "1h30m", "--json")[1])["time"]
    assert 5400 <= after - before < 6000
    assert control("clock", "until", "2100-01-01T00:00Z")[1].startswith("2100-01-01T00:00:0")
    status, _, said = control("clock", "until", "2099-01-01T00:00Z")
    assert (status, "it can't go back" in said) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["faults", "add", "Throtled"], "no fault 'Throtled' (did you mean 'Throttled'?): it is one of Failing"),
        (["faults", "add", "Latency", "second=1"], "Latency has no field 'second' (did you mean 'seconds'?)"),
        (["faults", "add", "Latency", "seconds=x"], "seconds='x': Expected `float`"),
        (["faults", "add", "Latency"], "Latency: Missing required argument 'seconds'"),
        (["faults", "add", "Throttled", "rate=2"], "Throttled(rate=2.0): give a number above 0 up to 1"),
        (["faults", "rm"], "give the numbers of faults, or --all"),
        (["faults", "rm", "1", "--all"], "give the numbers of faults, or --all"),
        (["clock", "advance", "soon"], "'soon' is not a duration"),
        (["clock", "until", "soon"], "'soon' is not a time: give one such as"),
        (["clock", "until", "2026-01-01"], "has no time zone"),
    ],
)
def test_a_wrong_argument_is_named_before_anything_is_sent(arguments, said, capsys, no_keys, monkeypatch):
    monkeypatch.setenv("BEAM_DIS_ADMIN_TOKEN", TOKEN)
    assert main([*arguments, "--endpoint", "http://127.0.0.1:9"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["faults", "ls"], ["clock", "now"]])
def test_only_a_local_dis_has_controls(arguments, capsys, no_keys, monkeypatch):
    monkeypatch.setenv("BEAM_DIS_ADMIN_TOKEN", TOKEN)
    assert main([*arguments, "--region", "eu-de", "--project", "p"]) == 1
    assert "is no local DIS, and only that has faults and a clock to move" in capsys.readouterr().err


def test_a_token_that_is_missing_is_named(capsys, no_keys, monkeypatch):
    monkeypatch.delenv("BEAM_DIS_ADMIN_TOKEN", raising=False)
    assert main(["faults", "ls", "--endpoint", "http://127.0.0.1:9"]) == 1
    assert (
        "BEAM_DIS_ADMIN_TOKEN has none: give the token that serve --admin was started with" in capsys.readouterr().err
    )


def test_the_kinds_of_faults_are_listed_with_their_fields(capsys):
    assert main(["faults", "kinds", "--json"]) == 0
    kinds = {each["kind"]: each["fields"] for each in json.loads(capsys.readouterr().out)}
    assert (kinds["Latency"], kinds["Failing"]) == ("seconds, jitter", "status, body, when")


def test_a_server_without_admin_routes_is_told(monkeypatch):
    class Answer:
        status = 404

        def read(self):
            return b'{"errorCode": "APIG.0101", "message": "no such API"}'

    monkeypatch.setattr("http.client.HTTPConnection.request", lambda *_: None)
    monkeypatch.setattr("http.client.HTTPConnection.getresponse", lambda _: Answer())
    with pytest.raises(ConfigurationError, match="it serves no admin routes: start it with --admin and a token"):
        AdminClient(DISConnection(endpoint="http://127.0.0.1:9").endpoint, TOKEN).send("GET", "/admin/faults")
