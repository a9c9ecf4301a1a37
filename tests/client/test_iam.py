"""Tokens for a name and a password: the request to the identity service, and its possible answers."""

import json
from dataclasses import replace

import pytest

from beam_dis.client.iam import Login, iam_endpoint, iam_token, request_token
from beam_dis.client.transport import Response
from beam_dis.errors import ConfigurationError, CredentialsError, TransportError
from beam_dis.texts import Secret

IAM = "https://iam.example"
GIVEN = Response(201, {"x-subject-token": "MII"}, b'{"token":{"expires_at":"2026-01-01T00:00:00.000000Z"}}')


class Identity:
    """Gives the answers of a list, and then the last one again and again."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.sent = []

    def send(self, request):
        self.sent.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def login(*answers):
    time = [0.0]
    identity = Identity(*answers)
    token = request_token(
        identity,
        IAM,
        Login(user="u", password=Secret("hunter2"), domain="d", project_id="p"),
        clock=lambda: time[0],
        sleep=lambda seconds: time.append(time.pop() + seconds),
        random=lambda: 0.5,
    )
    return token, identity


def test_a_token_is_requested_with_name_and_password_for_one_project():
    token, identity = login(GIVEN)
    assert (token.value, token.expires.timestamp()) == ("MII", 1_767_225_600.0)
    (request,) = identity.sent
    assert (request.method, request.target) == ("POST", "/v3/auth/tokens")
    auth = json.loads(request.body)["auth"]
    assert auth["identity"]["password"]["user"] == {"name": "u", "password": "hunter2", "domain": {"name": "d"}}
    assert (auth["identity"]["methods"], auth["scope"]) == (["password"], {"project": {"id": "p"}})


@pytest.mark.parametrize("failure", [TransportError("cut"), TransportError("no"), Response(500), Response(429)])
def test_a_request_for_a_token_is_retried_after_a_transient_failure(failure):
    token, identity = login(failure, failure, GIVEN)
    assert (token.value, len(identity.sent)) == ("MII", 3)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"token":{}}'])
def test_a_token_without_an_expiry_is_accepted(body):
    assert login(replace(GIVEN, body=body))[0].expires is None


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Response(401, {}, b"hunter2"), "HTTP 401 - check the user, the password"),
        (Response(503), "HTTP 503"),
        (Response(201), "answered 201 without a token"),
        (TransportError("cut"), "cut .*attempts"),
    ],
)
def test_a_failed_login_raises_the_reason_without_the_password(answer, said):
    with pytest.raises(CredentialsError, match=said) as error:
        login(answer)
    assert "hunter2" not in repr(error.value) + repr(error.value.__cause__)


@pytest.mark.parametrize(
    ("given", "region", "variable", "profile", "where"),
    [
        ("https://a.example/", "eu-de", "https://b.example", "https://c.example", "https://a.example"),
        (None, "eu-de", "https://b.example/v3", "https://c.example", "https://b.example"),
        (None, "eu-de", "", "https://c.example", "https://c.example"),
        (None, "eu-de", "", "", "https://iam.eu-de.otc.t-systems.com"),
        (None, "cn-north-4", "", "", "https://iam.cn-north-4.myhuaweicloud.com"),
        (None, None, "", "", "https://iam.myhuaweicloud.com"),
        ("http://127.0.0.1:1", None, "", "", "http://127.0.0.1:1"),
    ],
)
def test_which_identity_service_is_used(given, region, variable, profile, where, tmp_path):
    (tmp_path / "profile").write_text(f"[basic]\niam_endpoint={profile}\n")
    environ = {
        "HUAWEICLOUD_SDK_IAM_ENDPOINT": variable,
        "HUAWEICLOUD_SDK_CREDENTIALS_FILE": str(tmp_path / "profile"),
    }
    assert iam_endpoint(given, region, environ) == where


def test_a_password_is_never_sent_over_plain_http():
    with pytest.raises(ConfigurationError, match=r"a password can't be sent to 'http://iam\.example'"):
        iam_endpoint("http://iam.example", None, {})


@pytest.mark.parametrize("url", ["https://me:hunter2@iam.example", "https://iam.example/?p=hunter2@", "hunter2@iam"])
def test_an_identity_endpoint_with_a_password_is_refused_without_showing_it(url):
    with pytest.raises(ConfigurationError, match="the identity service's endpoint … is not a URL") as error:
        iam_endpoint(url, None, {})
    assert "hunter2" not in repr(error.value)


@pytest.mark.parametrize("name", ["user", "password", "domain", "project_id"])
@pytest.mark.parametrize("value", ["", "hunter2\ud800", None, b"hunter2"], ids=repr)
def test_a_login_with_a_wrong_argument_is_refused_by_its_name(name, value):
    arguments = {"user": "u", "password": "p", "domain": "d", "project_id": "1", name: value}
    with pytest.raises(ConfigurationError, match=rf"^iam_token\({name}=.*: give a str") as error:
        iam_token(**arguments, endpoint="https://iam.example")
    assert name != "password" or "hunter2" not in repr(error.value)


@pytest.mark.parametrize("name", ["region", "endpoint"])
@pytest.mark.parametrize("value", ["", 5, b"https://me:hunter2@iam.example", ["eu-de"]], ids=repr)
def test_a_region_or_an_endpoint_that_is_no_text_is_refused_by_its_name(name, value):
    with pytest.raises(ConfigurationError, match=rf"^iam_token\({name}=…\) is .*: give a str") as error:
        iam_token(user="u", password="p", domain="d", project_id="1", **{name: value})
    assert "hunter2" not in repr(error.value)
