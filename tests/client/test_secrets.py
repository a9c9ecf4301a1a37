"""Secrets are shown in no repr, log, exception, cause of an exception or pickle."""

import logging
import pickle
import traceback

import pytest
from apache_beam.internal.cloudpickle import cloudpickle

from beam_dis.client import DISClient
from beam_dis.client.dis_service import DISService
from beam_dis.client.transport import HTTPTransport
from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials
from beam_dis.errors import CredentialsError, DISError, TransportError
from beam_dis.record import PutRecord

SK, TOKEN, DATA = "hunter2-secret-key", "hunter2-token", b"hunter2-data"
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


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_no_pickle_contains_a_secret(dumps):
    connection = DISConnection(endpoint="http://127.0.0.1:1", project_id="p", credentials=vault)
    assert b"hunter2" not in dumps(connection)
    for secret in (KEYS, DISConnection(credentials=KEYS)):
        with pytest.raises(CredentialsError):
            dumps(secret)
