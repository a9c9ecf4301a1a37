"""Keys from the metadata service of a cloud server: complete and broken answers, and machines without the service."""

import json
import threading
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from beam_dis.client.cached_credentials import CachedCredentials
from beam_dis.client.metadata import DEADLINE_SECONDS, metadata_credentials, parse_expiry
from beam_dis.client.retry import Retry
from beam_dis.client.transport import HTTPTransport, Response
from beam_dis.connection import DISConnection
from beam_dis.errors import CredentialsError, TransportError

NOW = 1_767_225_600.0
WHOLE = {"credential": {"access": "AK", "secret": "hunter2", "securitytoken": "T", "expires_at": "2026-01-02T00:00:00.000000Z"}}  # fmt: skip
TOKEN, KEY = "/meta-data/latest/api/token", "/openstack/latest/securitykey"


class Instance(BaseHTTPRequestHandler):
    """Gives the answers of ``server.answers``: a list of (status, body) per method, and then the last again and again."""

    def answer(self):
        self.server.heard.append((self.command, self.path, dict(self.headers.items())))
        if self.command == "PUT" and self.server.silent is not None:
            self.server.silent.wait(30)
        answers = self.server.answers[self.command]
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = answer  # noqa: N815 - the library's names

    def log_message(self, *_):
        """Logs nothing."""


@pytest.fixture
def instance():
    with ThreadingHTTPServer(("127.0.0.1", 0), Instance) as server:
        server.heard = []
        server.silent = None
        server.answers = {"PUT": [(200, b"session")], "GET": [(200, json.dumps(WHOLE).encode())]}
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def keys(instance, no_keys):
    """The credentials of a connection on that instance, with a clock that pauses advance."""
    now = [NOW]
    transport = HTTPTransport(f"http://127.0.0.1:{instance.server_port}")
    yield CachedCredentials(
        DISConnection(endpoint="https://dis.example", project_id="p"),
        metadata=transport,
        monotonic=lambda: now[0],
        sleep=lambda seconds: now.append(now.pop() + seconds),
        random=lambda: 0.5,
    )
    transport.close()


def test_an_instance_returns_keys_with_a_token_and_an_expiry(keys, instance):
    found = keys.current(NOW)
    assert (found.access_key, found.secret_key, found.security_token) == ("AK", "hunter2", "T")
    assert found.expires == datetime(2026, 1, 2, tzinfo=timezone.utc)
    (put, token, opened), (get, key, asked) = instance.heard
    assert (put, token, opened["x-metadata-token-ttl-seconds"]) == ("PUT", TOKEN, "21600")
    assert (get, key, asked["x-metadata-token"]) == ("GET", KEY, "session")


def test_keys_are_kept_until_forty_minutes_before_they_expire(keys, instance):
    for _ in range(3):
        keys.current(NOW)
    assert len(instance.heard) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 503])
def test_an_instance_without_session_tokens_is_asked_without_one(status, keys, instance):
    instance.answers["PUT"] = [(status, b"")]
    assert keys.current(NOW).access_key == "AK"
    assert "x-metadata-token" not in instance.heard[1][2]


@pytest.mark.parametrize("method", ["PUT", "GET"])
def test_a_request_to_the_metadata_service_is_retried(method, keys, instance):
    instance.answers[method] = [(500, b""), (429, b""), *instance.answers[method]]
    assert keys.current(NOW).access_key == "AK"


FAULTS = {
    "no agency": ("GET", 401, b"Please configure Cloud Service Agency first", "HTTP 401 - assign an agency"),
    "nothing there": ("GET", 404, b"", "HTTP 404 - assign an agency"),
    "failing": ("PUT", 500, b"", "HTTP 500"),
    "down": ("GET", 500, b"", "HTTP 500"),
    "no JSON": ("GET", 200, b"<html>hunter2", "13 bytes contain no credentials"),
    "not UTF-8": ("GET", 200, b"\xffhunter2", "contain no credentials"),
    "a list": ("GET", 200, b'["hunter2"]', "contain no credentials"),
    "half a key": ("GET", 200, b'{"credential":{"access":"hunter2"}}', "contain no credentials"),
    "an empty key": (
        "GET",
        200,
        b'{"credential":{"access":"","secret":"hunter2","securitytoken":"","expires_at":""}}',
        "contain no credentials",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_instance_without_credentials_is_an_error_without_secrets(fault, keys, instance):
    method, status, body, said = FAULTS[fault]
    instance.answers[method] = [(status, body)]
    with pytest.raises(CredentialsError, match=rf"looked at credentials=.* metadata service \(.*{said}") as error:
        keys.current(NOW)
    assert "hunter2" not in repr(error.value) + repr(error.value.__cause__)


class Silent:
    """A metadata service that doesn't answer some methods; it advances a clock by the time that this takes."""

    def __init__(self, answers):
        self.answers = answers
        self.sent = []
        self.now = 0.0

    def send(self, request):
        self.sent.append(request)
        answer = self.answers[request.method]
        if answer is None:
            self.now += request.timeout
            raise TransportError(f"no answer in {request.timeout:g} s")
        return answer

    def sleep(self, seconds):
        self.now += seconds

    def keys(self):
        """The credentials that it gives."""
        retry = Retry(
            deadline=DEADLINE_SECONDS,
            retry_lost=True,
            retry_throttling=True,
            clock=lambda: self.now,
            sleep=self.sleep,
            random=lambda: 0.5,
        )
        return metadata_credentials(self, retry, "https://dis.example")


def test_if_the_session_token_is_lost_the_keys_are_requested_without_one():
    """As in a container, where the hop limit of the answer is too low."""
    service = Silent({"PUT": None, "GET": Response(200, {}, json.dumps(WHOLE).encode())})
    assert service.keys().access_key == "AK"
    assert [request.method for request in service.sent] == ["PUT", "GET"]
    assert "x-metadata-token" not in service.sent[1].headers
    assert service.now <= 1


def test_a_metadata_service_that_never_answers_takes_three_seconds_at_most():
    """It is asked for a session token only once."""
    service = Silent({"PUT": None, "GET": None})
    with pytest.raises(CredentialsError, match=rf"PUT {TOKEN}: no answer in 1 s; without a session token: no answer"):
        service.keys()
    assert [request.method for request in service.sent][:3] == ["PUT", "GET", "GET"]
    assert [request.method for request in service.sent].count("PUT") == 1
    assert service.now <= 3


@pytest.mark.parametrize(
    ("put", "reason"), [(None, "no answer in 1 s"), (Response(403), "HTTP 403"), (Response(400), "HTTP 400")]
)
def test_the_error_says_what_both_requests_to_the_metadata_service_got(put, reason):
    service = Silent({"PUT": put, "GET": Response(401)})
    with pytest.raises(
        CredentialsError,
        match=rf"metadata service \(PUT {TOKEN}: {reason}; without a session token: it answered HTTP 401 - assign an agency",
    ):
        service.keys()


def test_a_server_that_accepts_the_request_for_a_session_token_and_is_silent(instance, keys):
    """With a real connection, that is kept open."""
    instance.silent = threading.Event()
    try:
        assert keys.current(NOW).access_key == "AK"
    finally:
        instance.silent.set()


def test_if_renewal_fails_the_old_keys_are_used_until_they_expire(keys, instance):
    found = keys.current(NOW)
    instance.answers["GET"] = [(500, b"")]
    assert keys.replace_refused(found, NOW) is False
    assert keys.current(NOW + 23.9 * 3600) == found
    assert keys.replace_refused(found, NOW + 24.1 * 3600) is False
    with pytest.raises(CredentialsError):
        keys.current(NOW + 24.1 * 3600)


def test_on_another_machine_the_metadata_service_is_asked_once(connect, no_keys):
    rig = connect(None, credentials=None)
    with pytest.raises(CredentialsError, match="metadata service \\(there is none here\\)"):
        rig.client.list_streams()
    assert rig.time.slept == []


def test_a_client_of_a_local_dis_never_asks_the_metadata_service(connect, ok, no_keys):
    rig = connect(lambda _: ok(status=204), credentials=None, endpoint="http://127.0.0.1:1", metadata=object())
    assert rig.client.delete_stream("s") is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01T00:00:00.000000Z", NOW),
        ("2026-01-01T00:00:01.5Z", NOW + 1.5),
        ("2026-01-01T00:00:00Z", NOW),
        ("tomorrow", None),
        (None, None),
    ],
)
def test_an_expiry_is_read_or_unknown(text, seconds):
    found = parse_expiry(text)
    assert (found and found.timestamp()) == seconds
