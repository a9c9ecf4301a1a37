"""``beam-dis serve`` has a console on a loopback address, unless it is told not to."""

from __future__ import annotations

import pytest

from beam_dis.cli import serve

OF_THE_PROCESS = {"service", "stop_with_parent", "remove_with_parent"}
"""The options that are no settings of a server."""


@pytest.fixture
def token_of():
    """``token_of("--no-console")``: the token of the console of a server with these arguments, None if it has none."""

    def token(*arguments: str) -> str | None:
        options = serve.serve.make_context("serve", ["--data", "unused", *arguments]).params
        own = {name: value for name, value in options.items() if name not in OF_THE_PROCESS}
        return serve._settings(**own).console_token

    return token


@pytest.mark.parametrize("arguments", [(), ("--host", "localhost"), ("--host", "::1"), ("--admin",)])
def test_a_server_on_a_loopback_address_has_a_console(token_of, monkeypatch, arguments):
    monkeypatch.setenv("BEAM_DIS_ADMIN_TOKEN", "another-token")
    assert token_of(*arguments)


@pytest.mark.parametrize(
    "arguments", [("--no-console",), ("--host", "0.0.0.0", "--no-keys"), ("--host", "192.168.7.7")]
)
def test_other_servers_have_none(token_of, arguments):
    assert token_of(*arguments) is None


def test_the_token_of_the_environment_is_that_of_the_console(token_of, monkeypatch):
    monkeypatch.setenv("BEAM_DIS_CONSOLE_TOKEN", "a-token-of-the-console")
    assert token_of() == "a-token-of-the-console"
