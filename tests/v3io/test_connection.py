"""The connection to V3IO is complete before a pipeline runs, and refuses what V3IO doesn't have."""

import pickle

import pytest

from beam_dis.connection import Connection, DISConnection
from beam_dis.credentials import Credentials, Token
from beam_dis.display import display_items
from beam_dis.errors import ConfigurationError
from beam_dis.v3io.connection import V3IOConnection

CONNECTION = V3IOConnection(endpoint="https://v3io.example:8443", container="projects")


def test_it_travels_with_a_pipeline():
    assert pickle.loads(pickle.dumps(CONNECTION)) == CONNECTION
    assert CONNECTION.resolved() == CONNECTION


@pytest.mark.parametrize(
    ("variable", "endpoint"),
    [("v3io-webapi:8081", "http://v3io-webapi:8081"), ("https://v3io.example", "https://v3io.example")],
)
def test_the_endpoint_may_be_in_the_variable_of_official_clients(variable, endpoint):
    resolved = V3IOConnection(container="projects").resolved(environ={"V3IO_API": variable})
    assert (resolved.endpoint, resolved.container) == (endpoint, "projects")


def test_its_own_endpoint_takes_precedence_over_the_variable():
    assert CONNECTION.resolved(environ={"V3IO_API": "other:1"}).endpoint == "https://v3io.example:8443"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, r"no V3IO to connect to: set V3IOConnection\(endpoint=…\), or V3IO_API"),
        ({"V3IO_API": "http://host/path"}, "V3IO_API 'http://host/path' is not a URL"),
    ],
)
def test_a_connection_without_an_endpoint_says_what_to_set(environ, message):
    with pytest.raises(ConfigurationError, match=message):
        V3IOConnection(container="projects").resolved(environ=environ)


@pytest.mark.parametrize("container", ["", "a/b", 5, None, "..", " a"])
def test_a_container_is_a_name(container):
    with pytest.raises(ConfigurationError, match=r"V3IOConnection\(container=.*give the name of the container"):
        V3IOConnection(container=container)


def test_the_other_settings_are_those_of_every_connection():
    with pytest.raises(ConfigurationError, match=r"V3IOConnection\(timeout=0\): give seconds"):
        V3IOConnection(container="c", timeout=0)
    with pytest.raises(ConfigurationError, match="endpoint 'ftp://x' is not a URL"):
        V3IOConnection(container="c", endpoint="ftp://x")


def test_a_key_is_a_token_and_never_shown():
    keyed = V3IOConnection(container="c", credentials=Token(value="hunter2"))
    assert "hunter2" not in repr(keyed)
    assert display_items(keyed) == {"container": "c"}
    with pytest.raises(ConfigurationError, match=r"give Token\(value=access_key\)") as error:
        V3IOConnection(container="c", credentials=Credentials(access_key="AK", secret_key="hunter2"))
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("path", "plain"), [("stream", "stream"), ("/a/b/", "a/b"), ("Ordner/Größe 1", "Ordner/Größe 1")]
)
def test_a_stream_is_its_path(path, plain):
    assert CONNECTION.checked_stream("stream", path) == plain


@pytest.mark.parametrize("path", ["", "/", "a//b", "../a", "a/.", "a\nb", " a", None, 5, b"a"])
def test_what_is_no_path_is_refused_by_its_value(path):
    with pytest.raises(ConfigurationError, match=r"stream=.* is not the path of a stream in its container"):
        CONNECTION.checked_stream("stream", path)


@pytest.mark.parametrize("connection", [CONNECTION, DISConnection(endpoint="http://127.0.0.1:1", project_id="p")])
def test_every_connection_says_where_it_leads(connection):
    assert isinstance(connection, Connection)
    assert connection.account in connection.place.values()
    assert connection.service in ("dis", "v3io")
