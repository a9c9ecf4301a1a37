"""A client with a function as its network, and a fake clock."""

import json
from email.utils import formatdate
from typing import NamedTuple

import pytest

from beam_dis.client import DISClient
from beam_dis.client.api import API
from beam_dis.client.dis_service import DISService
from beam_dis.client.transport import Response
from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials
from beam_dis.errors import TransportError

NOW = 1_767_225_600.0
KEYS = Credentials(access_key="TESTAK0000000000AKID", secret_key="TestSecretKey/0123456789abcdefghijklmnop")


class FakeTime:
    """A clock that only ``sleep`` advances."""

    def __init__(self):
        self.slept = []

    def now(self):
        return NOW + sum(self.slept)

    def sleep(self, seconds):
        self.slept.append(seconds)


class FakeTransport:
    """Answers with the result of a function of the request; an exception is raised."""

    def __init__(self, answer):
        self.answer = answer
        self.sent = []
        self.renewals = 0
        self.closed = False

    def send(self, request):
        self.sent.append(request)
        answer = self.answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def renew(self):
        self.renewals += 1

    def close(self):
        self.closed = True


class NoMetadata:
    """A machine without a metadata service."""

    def send(self, _request):
        raise TransportError("no route", maybe_done=False)

    def close(self):
        """Has nothing to close."""


class Rig(NamedTuple):
    api: API
    transport: FakeTransport
    time: FakeTime

    @property
    def client(self):
        return DISClient(api=self.api)

    @property
    def service(self):
        return DISService(self.api.connection, api=self.api)

    @property
    def sent(self):
        """The last request: method, target, body as JSON."""
        request = self.transport.sent[-1]
        return request.method, request.target, json.loads(request.body) if request.body else None


@pytest.fixture
def connect():
    """Makes a Rig: ``answer`` is a function of the request, or a list of answers in order."""

    def rig(answer, *, transport=None, random=lambda: 0.5, metadata=None, **fields):
        answers = iter(answer) if isinstance(answer, list) else None
        transport = transport or FakeTransport(answer if answers is None else lambda _: next(answers))
        fields = {"endpoint": "https://dis.example", "project_id": "p1", "credentials": KEYS, **fields}
        time = FakeTime()
        api = API(
            DISConnection(**fields),
            transport=transport,
            clock=time.now,
            monotonic=time.now,
            sleep=time.sleep,
            random=random,
            metadata=metadata or NoMetadata(),
        )
        return Rig(api, transport, time)

    return rig


@pytest.fixture
def ok():
    """Makes a good answer: a JSON body, a status, and the seconds that it took."""

    def answer(body=None, *, status=200, seconds=0.0, date=NOW):
        text = b"" if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"} | (
            {} if date is None else {"date": formatdate(date, usegmt=True)}
        )
        return Response(status, headers, text, seconds)

    return answer


@pytest.fixture
def refused():
    """Makes an error answer of DIS."""

    def answer(code, message="", *, status=400):
        return Response(status, {}, json.dumps({"errorCode": f"DIS.{code}", "message": message}).encode())

    return answer
