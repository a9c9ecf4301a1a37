"""Secrets are shown in no repr, log, exception, cause of an exception or pickle."""

import logging
import pickle
import socket
import threading
import traceback
from contextlib import suppress

import httpcore
import pytest
from apache_beam.internal.cloudpickle import cloudpickle
from rich.pretty import pretty_repr

from beam_dis.client import DISClient
from beam_dis.client.dis_service import DISService
from beam_dis.client.iam import iam_token
from beam_dis.client.transport import HTTPTransport, Response
from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials, Token, found_credentials
from beam_dis.errors import ConfigurationError, CredentialsError, DISError, TransportError
from beam_dis.record import PutRecord

SK, TOKEN, DATA = "hunter2-secret-key", "hunter2-token", b"hunter2-data"
SECRET = "hunter2"
KEYS = Credentials(access_key="AKIDhunter2", secret_key=SK, security_token=TOKEN)


def vault():
    return KEYS


def shows(text):
    return [secret for secret in ("hunter2", "aHVudGVyMi1kYXRh", "Signature=") if secret in text]


def everything_of(error):
    seen = []
    while error is not None:
        seen += [repr(error), str(error), repr(vars(error)), *traceback.format_exception(error)]
        error = error.__cause__ or error.__context__
    return "\n".join(seen)


@pytest.mark.parametrize("make", [lambda c: c, DISClient, DISService], ids=["connection", "client", "service"])
def test_no_repr_shows_a_secret(make):
    connection = DISConnection(endpoint="http://127.0.0.1:1", project_id="p", credentials=KEYS)
    made = make(connection)
    assert shows(repr(made) + str(made) + repr(KEYS) + str(KEYS)) == []


def test_no_request_shows_a_secret(connect, ok):
    rig = connect(lambda _: ok({"records": [{"partition_id": "0", "sequence_number": "0"}]}), credentials=KEYS)
    rig.client.put_records("s", [PutRecord(DATA)])
    assert shows(repr(rig.transport.sent)) == []
    assert shows(str(dict(rig.transport.sent[0].headers))) == ["hunter2", "Signature="]


@pytest.mark.parametrize("status", [441, 400, 500, None], ids=str)
def test_no_error_shows_a_secret(status, connect, refused):
    answer = TransportError("cut") if status is None else refused(4100, "Authorization error.", status=status)
    rig = connect(lambda _: answer, credentials=KEYS)
    with pytest.raises(DISError) as error:
        rig.client.put_records("s", [PutRecord(DATA)])
    assert shows(everything_of(error.value)) == []
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)


def test_no_log_shows_a_secret_and_attempts_have_the_level_debug(caplog, connect):
    caplog.set_level(logging.DEBUG)
    transport = HTTPTransport("http://127.0.0.1:1")
    rig = connect(None, transport=transport, endpoint="http://127.0.0.1:1", credentials=KEYS)
    with pytest.raises(TransportError):
        rig.client.put_records("s", [PutRecord(DATA)])
    transport.close()
    ours = [record for record in caplog.records if record.name.startswith("beam_dis")]
    levels = {(record.name, record.levelno) for record in ours}
    assert levels == {("beam_dis.client.retry", logging.DEBUG), ("beam_dis.outages", logging.WARNING)}
    assert shows(caplog.text) == []


def safe_repr(value):
    """The repr of a value, which may be half built."""
    try:
        return repr(value)
    except AttributeError:
        return type(value).__name__


def frames_of(error):
    """Name and repr of the local variables in all tracebacks of an error, except those of the tests."""
    seen = []
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            code = frame.f_code
            if "/tests/" not in code.co_filename:
                seen += [(code.co_name, name, safe_repr(v), pretty_repr(v)) for name, v in frame.f_locals.items()]
        error = error.__cause__ or error.__context__
    return seen


def login():
    return iam_token(user="u", password=SECRET, domain="d", project_id="p", endpoint=HTTP)


HTTP = "http://127.0.0.1:1"
IAM = "https://iam.example"
METADATA = {
    "a token, then nothing": [Response(200, {}, b"hunter2-session"), TransportError("cut")],
    "a token, then no keys": [
        Response(200, {}, b"hunter2-session"),
        Response(200, {}, b'{"credential":{"secret":"hunter2"}}'),
    ],
    "a token, then wrong keys": [
        Response(200, {}, b"hunter2-session"),
        Response(
            200,
            {},
            b'{"credential":{"access":"hunter2 ","secret":"hunter2","securitytoken":"","expires_at":"hunter2"}}',
        ),
    ],
}
FAILURES = {
    "no connection, with keys": lambda connect: connect(
        None, transport=HTTPTransport(HTTP), endpoint=HTTP, credentials=KEYS
    ).client.list_streams(),
    "no connection, with a token": lambda connect: connect(
        None, transport=HTTPTransport(HTTP), endpoint=HTTP, credentials=Token(value=SECRET)
    ).client.list_streams(),
    "cut after it was sent": lambda connect: connect(
        None, transport=closing_server(), endpoint=HTTP, credentials=KEYS
    ).client.list_streams(),
    "a token that may not be sent": lambda connect: connect(
        None, endpoint="http://dis.example", credentials=Token(value=SECRET)
    ).client.list_streams(),
    "a refusal": lambda connect: connect(
        lambda _: Response(441, {"x-secret": "hunter2"}, b'{"errorCode":"DIS.4100","message":"no"}'), credentials=KEYS
    ).client.list_streams(),
    "no identity service": lambda _: login(),
    "keys that can't be sent": lambda _: Credentials(access_key="a", secret_key=SECRET + "\0"),
    "a token that can't be sent": lambda _: Token(value=SECRET + "\n"),
    **{
        f"metadata service: {name}": lambda connect, answers=answers: connect(
            None, credentials=None, metadata=Answers(answers)
        ).client.list_streams()
        for name, answers in METADATA.items()
    },
}


class Answers:
    """Gives the answers of a list, and then the last one again and again."""

    def __init__(self, answers):
        self.answers = list(answers)

    def send(self, _request):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def closing_server():
    """A transport to a server that reads a request and closes the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run():
        with listener, suppress(OSError):
            for _ in range(20):
                connection, _ = listener.accept()
                with connection:
                    connection.recv(65536)

    threading.Thread(target=run, daemon=True).start()
    return HTTPTransport(f"http://127.0.0.1:{listener.getsockname()[1]}")


SLOWEST = "no identity service"
"""It is tried for twenty seconds."""


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize(
    "failure",
    [pytest.param(name, marks=pytest.mark.long) if name == SLOWEST else name for name in FAILURES],
)
def test_no_local_variable_of_a_traceback_shows_a_secret(failure, connect):
    """Printers of tracebacks show local variables: rich, pytest with --showlocals, and services that collect errors."""
    with pytest.raises(DISError) as error:
        FAILURES[failure](connect)
    shown = frames_of(error.value)
    assert shown
    assert [variable for variable in shown if shows("".join(variable[2:]))] == []
    assert shows(everything_of(error.value)) == []


PROXIES = [
    f"http://me:{SECRET}@127.0.0.1:1",
    f"http://me:a/{SECRET}@127.0.0.1:1",
    f"http://me:a@{SECRET}@127.0.0.1:1",
    f"http://{SECRET}:@127.0.0.1:1",
    f"me:{SECRET}@127.0.0.1:1",
    f"ftp://me:{SECRET}@127.0.0.1",
    f"socks5://me:{SECRET}@127.0.0.1:1",
    f"http://me:{SECRET}@127.0.0.1:port",
    f"http://me:{SECRET}@[",
    f"http://me:{SECRET}@",
]


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize("how", ["environment", "argument"])
@pytest.mark.parametrize("proxy", PROXIES)
def test_nothing_shows_the_password_of_a_proxy(proxy, how, monkeypatch, caplog):
    """Neither if it can't be used, nor if nothing is there."""
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    calls = [
        lambda: DISClient(DISConnection(endpoint="https://dis.example", project_id="p", deadline=0.5)).list_streams()
    ]
    if how == "argument":
        calls = [
            lambda: iam_token(user="u", password="p", domain="d", project_id="p", endpoint=IAM, proxy=proxy),
        ]
    monkeypatch.setattr("beam_dis.client.iam.DEADLINE_SECONDS", 0.5)
    monkeypatch.setenv("HUAWEICLOUD_SDK_AK", "ak")
    monkeypatch.setenv("HUAWEICLOUD_SDK_SK", "sk")
    for call in calls:
        with pytest.raises(DISError) as error:
            call()
        assert shows(everything_of(error.value) + caplog.text) == []
        assert [variable for variable in frames_of(error.value) if shows("".join(variable[2:]))] == []


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize("keys", [{"AK": "ak"}, {"AK": "a b", "SK": SECRET}], ids=["half of the keys", "a wrong key"])
def test_no_local_variable_shows_the_environment(keys, monkeypatch):
    monkeypatch.setenv("ANOTHER_SECRET", SECRET)
    for name, value in keys.items():
        monkeypatch.setenv(f"HUAWEICLOUD_SDK_{name}", value)
    for call, kind in (
        (lambda: found_credentials(None), CredentialsError),
        (DISConnection().resolved, ConfigurationError),
    ):
        with pytest.raises(kind) as error:
            call()
        assert [variable for variable in frames_of(error.value) if shows("".join(variable[2:]))] == []


def test_no_log_shows_the_token_that_the_identity_service_gives(caplog):
    """httpcore logs the headers of answers at DEBUG, and the token is in one."""
    caplog.set_level(logging.DEBUG)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 201 Created\r\nX-Subject-Token: hunter2\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=run, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        token = iam_token(user="u", password="p", domain="d", project_id="p", endpoint=url)
    assert token.value == "hunter2"
    assert shows(caplog.text) == []


def test_httpcores_log_of_other_requests_is_kept(caplog):
    """Only those of our own requests are dropped."""
    caplog.set_level(logging.DEBUG)
    with pytest.raises(httpcore.ConnectError):
        httpcore.ConnectionPool().request("GET", "http://127.0.0.1:1/")
    assert "connect_tcp.started" in caplog.text


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_no_pickle_contains_a_secret(dumps):
    connection = DISConnection(endpoint="http://127.0.0.1:1", project_id="p", credentials=vault)
    assert b"hunter2" not in dumps(connection)
    for secret in (KEYS, DISConnection(credentials=KEYS)):
        with pytest.raises(CredentialsError):
            dumps(secret)
