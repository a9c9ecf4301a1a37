"""No log, error, repr, pickle, job graph or file of a pipeline or failing request contains a secret."""

import base64
import bz2
import logging
import os
import pickle
import re
import subprocess
import sys
import traceback
import zlib
from contextlib import suppress
from dataclasses import replace

import apache_beam as beam
import pytest
from apache_beam.internal import pickler

from beam_dis import DISClient, ReadFromDIS, StoppingPosition, WriteToDIS
from beam_dis.credentials import Credentials, Token
from beam_dis.errors import DISError
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord
from beam_dis.testing import Failing, RequestRefused, Reset, WrongJSON

pytestmark = [pytest.mark.integration, pytest.mark.fnapi]

AK, SK, SECURITY_TOKEN, AUTH_TOKEN = "AKIDhunter2", "hunter2-secret-key", "hunter2-security-token", "hunter2-auth-token"
SHOWN = re.compile(rb"hunter2|Signature=|" + base64.b64encode(b"hunter"))
DATA = b"hunter2-data"
PACKED = re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}")


def vault():
    return Credentials(access_key=AK, secret_key=SK, security_token=SECURITY_TOKEN)


def wrong_vault():
    return Credentials(access_key=AK, secret_key="hunter2-wrong", security_token=SECURITY_TOKEN)


def token_vault():
    return Token(value=AUTH_TOKEN)


def wrong_token_vault():
    return Token(value="hunter2-wrong")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of the server's data."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def server(folder):
    """A server that requires the secrets."""
    with LocalDIS(folder, access_key=AK, secret_key=SK, auth_token=AUTH_TOKEN) as dis:
        with DISClient(replace(dis.connection, credentials=vault)) as client:
            client.create_stream("s")
        yield dis


@pytest.fixture
def dis(server, monkeypatch):
    """The server, with the secrets also in the environment."""
    for name, value in {"AK": AK, "SK": SK, "SECURITY_TOKEN": SECURITY_TOKEN}.items():
        monkeypatch.setenv(f"HUAWEICLOUD_SDK_{name}", value)
    yield server
    server.clear_faults()


def shown(data):
    """The secrets that bytes or a str contain, also in the encodings of Beam's picklers."""
    data = data if isinstance(data, bytes) else data.encode()
    return [found.group() for part in (data, *unpacked(data)) for found in SHOWN.finditer(part)]


def unpacked(data):
    """The decompressed content of base64 of bz2 or zlib, as Beam's pickler writes it."""
    for found in PACKED.findall(data):
        for small in (bz2.decompress, zlib.decompress):
            with suppress(ValueError, OSError, zlib.error):
                yield small(base64.b64decode(found))


def everything_of(error):
    """The text of an error with its causes and tracebacks."""
    seen = []
    while error is not None:
        seen += [repr(error), repr(vars(error)), *traceback.format_exception(error)]
        error = error.__cause__ or error.__context__
    return "\n".join(seen)


def pipelines(connection):
    """A pipeline that writes and one that reads."""
    writing = beam.Pipeline(runner="FnApiRunner")
    _ = writing | beam.Create([b"x", b"y"]) | WriteToDIS("s", connection=connection)
    reading = beam.Pipeline(runner="FnApiRunner")
    records = reading | ReadFromDIS("s", stop=StoppingPosition.latest(), connection=connection)
    _ = records | beam.Map(lambda record: record.data)
    return [writing, reading]


@pytest.mark.parametrize("credentials", [vault, token_vault, None], ids=["function", "token", "environment"])
def test_pipelines_that_succeed_show_no_secret(credentials, dis, folder, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    made = pipelines(replace(dis.connection, credentials=credentials))
    graphs = [pipeline.to_runner_api().SerializeToString() for pipeline in made]
    assert any(b"DISConnection" in part for graph in graphs for part in unpacked(graph))
    for pipeline in made:
        pipeline.run().wait_until_finish()
    files = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert any(b"x" in data for data in files)
    printed = capfd.readouterr()
    for text in (*graphs, *files, caplog.text, printed.out, printed.err, repr(made)):
        assert shown(text) == []


@pytest.mark.parametrize("credentials", [wrong_vault, wrong_token_vault], ids=["key", "token"])
def test_a_pipeline_with_refused_credentials_shows_no_secret(credentials, dis, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Exception, match=r"DIS\.41") as error:  # noqa: PT012 - where it is raised is the runner's affair
        writing, _ = pipelines(replace(dis.connection, credentials=credentials))
        writing.run().wait_until_finish()
    printed = capfd.readouterr()
    for text in (everything_of(error.value), caplog.text, printed.out, printed.err):
        assert shown(text) == []


FAULTS = {
    "refused": RequestRefused(code="DIS.4200"),
    "failing": Failing(status=502),
    "reset": Reset(),
    "garbled": WrongJSON(operation="put_records"),
}


@pytest.mark.parametrize("credentials", [vault, token_vault], ids=["key", "token"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_request_that_fails_shows_no_secret(fault, credentials, dis, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    dis.inject(FAULTS[fault])
    with (
        DISClient(replace(dis.connection, credentials=credentials)) as client,
        pytest.raises(DISError) as error,
    ):
        client.put_records("s", [PutRecord(DATA)])
    printed = capfd.readouterr()
    texts = (everything_of(error.value), caplog.text, printed.out, printed.err, repr(client), repr(dis))
    assert [shown(text) for text in texts] == [[]] * len(texts)
    assert shown(pickle.dumps(error.value)) == []


def test_a_job_graph_contains_no_secret_of_a_connection(dis):
    """Credentials that can't be pickled raise an error while the pipeline is built or submitted, without being shown."""
    writing = beam.Pipeline(runner="FnApiRunner")
    with pytest.raises(Exception, match="importable function") as error:  # noqa: PT012 - Beam may wrap what it meets
        _ = writing | beam.Create([b"x"]) | WriteToDIS("s", connection=replace(dis.connection, credentials=vault()))
        writing.to_runner_api()
    assert shown(everything_of(error.value)) == []


def test_the_search_finds_secrets_in_every_encoding():
    """Plain, as base64, and in a pickle of Beam's."""
    packed = pickler.dumps({"secret": "hunter2", "padding": list(range(99))})
    assert [bool(shown(data)) for data in (b"..hunter2", base64.b64encode(b"hunter2-data"), packed)] == [True] * 3


SHOW_EVERYTHING = """
import importlib, inspect, pkgutil, pydoc
import beam_dis

modules = [beam_dis] + [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(beam_dis.__path__, "beam_dis.")
    if not found.name.endswith("__main__")
]
values = {id(value): value for module in modules for value in vars(module).values()}
values |= {id(getattr(beam_dis, name)): getattr(beam_dis, name) for name in beam_dis.__all__}
for value in (*modules, *values.values()):
    print(repr(value))
    home = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None)
    if isinstance(home, str) and home.startswith("beam_dis"):
        print(pydoc.render_doc(value))
        print(getattr(value, "__annotations__", ""))
        if callable(value):
            try:
                print(inspect.signature(value))
            except ValueError:
                pass
connection = beam_dis.DISConnection(region="eu-de")
print(connection, connection.resolved(), beam_dis.DISClient(connection), beam_dis.DISClient(connection).connection)
"""
"""A program that prints help, signature, annotations and repr of everything in the package, and of some values in use."""


def test_help_and_signatures_show_nothing_of_the_environment():
    """Documentation is generated and published; a default such as ``os.environ`` would be a part of it."""
    names = ["HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN", "BEAM_DIS_SECRET_KEY",
             "BEAM_DIS_ADMIN_TOKEN", "AWS_SECRET_ACCESS_KEY", "DATABASE_PASSWORD"]  # fmt: skip
    secrets = dict.fromkeys(names, "hunter2")
    secrets |= {"HTTPS_PROXY": "http://me:hunter2@127.0.0.1:1", "HUAWEICLOUD_SDK_PROJECT_ID": "p"}
    shown_by = subprocess.run(
        [sys.executable, "-c", SHOW_EVERYTHING], check=True, capture_output=True, env={**os.environ, **secrets}
    )
    assert b"class ReadFromDIS" in shown_by.stdout
    assert b"HUAWEICLOUD_SDK_AK" in shown_by.stdout  # named, as the place where keys are looked for
    assert shown(shown_by.stdout) == shown(shown_by.stderr) == []


def test_the_servers_command_line_contains_no_secret(dis):
    arguments = subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(dis.pid)], check=True, capture_output=True).stdout
    assert b"serve" in arguments
    assert shown(arguments) == []
