"""The options that name a DIS give the connection that a pipeline would have."""

from __future__ import annotations

import click
import pytest

from beam_dis.cli.connecting import complete_stream, connection_of, connection_options
from beam_dis.cli.exits import Failed
from beam_dis.client import DISClient
from beam_dis.errors import ConfigurationError

PROFILES = """
[basic]
ak = BASIC
sk = secret
[otc]
ak = OTHER
sk = other-secret
project_id = p1
region = eu-de
"""


@pytest.fixture
def profiles(tmp_path, monkeypatch, no_keys):
    file = tmp_path / "credentials"
    file.touch(0o600)
    file.write_text(PROFILES)
    monkeypatch.setenv("HUAWEICLOUD_SDK_CREDENTIALS_FILE", str(file))
    return file


def test_a_local_dis_is_named_by_its_endpoint(no_keys):
    connection = connection_of("http://127.0.0.1:7700", None, None, None)
    assert (connection.endpoint, connection.project_id) == ("http://127.0.0.1:7700", "local")


def test_a_profile_gives_keys_project_and_region(profiles, monkeypatch):
    """Its keys take precedence over the environment."""
    monkeypatch.setenv("HUAWEICLOUD_SDK_AK", "ENVIRONMENT")
    monkeypatch.setenv("HUAWEICLOUD_SDK_SK", "secret")
    connection = connection_of(None, None, None, "otc")
    assert (connection.region, connection.project_id) == ("eu-de", "p1")
    assert connection.credentials.access_key == "OTHER"


def test_options_take_precedence_over_the_profile(profiles):
    connection = connection_of("https://dis.example.com", "cn-north-4", "p2", "otc")
    assert (connection.endpoint, connection.region, connection.project_id) == (
        "https://dis.example.com",
        "cn-north-4",
        "p2",
    )


def test_a_profile_that_is_missing_is_named(profiles):
    with pytest.raises(
        ConfigurationError, match=r"credentials has no section \[fly\] with any value: add it with ak and sk"
    ):
        connection_of(None, None, None, "fly")


def test_without_a_dis_the_command_says_what_to_give(no_keys, monkeypatch):
    monkeypatch.delenv("HUAWEICLOUD_SDK_REGION", raising=False)
    with pytest.raises(Failed, match="no DIS to connect to: give --to-endpoint http"):
        connection_of(None, None, None, None, prefix="to-")


def test_without_a_project_the_command_names_its_option(no_keys):
    with pytest.raises(Failed, match="no project id: give --to-project, or set HUAWEICLOUD_SDK_PROJECT_ID"):
        connection_of(None, "eu-de", None, None, prefix="to-")


def test_a_command_can_have_two_connections(no_keys):
    seen = []

    @click.command()
    @connection_options
    @connection_options(prefix="to-", argument="target")
    def copying(connection, target):
        seen.append((connection.endpoint, target.endpoint))

    copying.main(["--endpoint", "http://127.0.0.1:1", "--to-endpoint", "http://127.0.0.1:2"], standalone_mode=False)
    assert seen == [("http://127.0.0.1:1", "http://127.0.0.1:2")]


@pytest.mark.integration
def test_shells_complete_the_names_of_streams(local_dis, no_keys):
    with DISClient(local_dis.connection) as client:
        for name in ("flights", "flows", "other"):
            client.create_stream(name)
    context = click.Context(click.Command("tail"))
    context.params = {"endpoint": local_dis.connection.endpoint, "project": local_dis.connection.project_id}
    assert complete_stream(context, click.Argument(["stream"]), "fl") == ["flights", "flows"]
    context.params = {}
    assert complete_stream(context, click.Argument(["stream"]), "fl") == []
