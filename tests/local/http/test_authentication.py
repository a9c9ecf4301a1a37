"""With keys only signed requests are accepted, and the code says why others are refused."""

from __future__ import annotations

import pytest

from beam_dis.local.http.authentication import Authenticator
from beam_dis.local.keys import AccessKeys
from beam_dis.wire.signing import SigningRequest, sign
from beam_dis.wire.timestamps import sdk_date

NOW = 1_800_000_000.0
KEYS = AccessKeys(access_key="AK", secret_key="SK")
PATH, QUERY = "/v2/p/streams", "limit=10"


def _signed(now: float = NOW, secret: str = "SK", access_key: str = "AK", **changes: str | None):
    headers = {"host": "127.0.0.1:7700", "x-sdk-date": sdk_date(now)}
    request = SigningRequest("GET", PATH, QUERY, headers)
    headers["authorization"] = sign(
        request, access_key=access_key, secret_key=secret, signed_headers=["host", "x-sdk-date"]
    )
    return [(name, value) for name, value in {**headers, **changes}.items() if value is not None]


@pytest.fixture
def app(in_process):
    return in_process(clock=lambda: NOW, keys=KEYS)


def test_a_signed_request_is_accepted(app):
    assert app("GET", f"{PATH}?{QUERY}", _signed()).status == 200


def test_a_signature_is_valid_for_one_query_only(app):
    assert app("GET", f"{PATH}?limit=11", _signed()).body["errorCode"] == "DIS.4100"


REFUSED = {
    "nothing signed": (_signed(authorization=None), "DIS.4101"),
    "an unknown scheme": (_signed(authorization="Basic QUs6U0s="), "DIS.4102"),
    "no date": (_signed(**{"x-sdk-date": None}), "DIS.4103"),
    "an unreadable date": (_signed(**{"x-sdk-date": "today"}), "DIS.4104"),
    "a date too early": (_signed(NOW - 901), "DIS.4105"),
    "a date too late": (_signed(NOW + 901), "DIS.4105"),
    "an unknown access key": (_signed(access_key="OTHER"), "DIS.4107"),
    "another secret": (_signed(secret="OTHER"), "DIS.4100"),
    "a part missing": (_signed(authorization="SDK-HMAC-SHA256 Access=AK, SignedHeaders=host"), "DIS.4109"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_the_code_says_why_a_signature_is_refused(app, name):
    headers, code = REFUSED[name]
    answer = app("GET", f"{PATH}?{QUERY}", headers)
    assert (answer.status, answer.body["errorCode"]) == (441, code)


def test_a_secret_is_never_shown(app):
    answers = [app("GET", f"{PATH}?{QUERY}", headers).body for headers, _ in REFUSED.values()]
    assert "SK" not in repr(KEYS).replace("'AK'", "")
    assert not any("'SK'" in str(answer) for answer in answers)


def test_without_keys_every_request_is_accepted_signed_or_not(in_process):
    app = in_process(clock=lambda: NOW)
    assert [app("GET", f"{PATH}?{QUERY}", headers).status for headers, _ in REFUSED.values()] == [200] * len(REFUSED)


@pytest.mark.parametrize(
    "keys", [AccessKeys(auth_token="t"), AccessKeys(access_key="AK", secret_key="SK", auth_token="t")]
)
def test_a_request_with_the_token_is_accepted(in_process, keys):
    app = in_process(clock=lambda: NOW, keys=keys)
    assert app("GET", PATH, [("x-auth-token", "t")]).status == 200


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ([("x-auth-token", "T")], 401, "DIS.4112"),
        ([("x-auth-token", "")], 401, "DIS.4112"),
        ([], 441, "DIS.4101"),
        (_signed(), 441, "DIS.4107"),
    ],
)
def test_with_only_a_token_nothing_else_is_accepted(in_process, headers, status, code):
    app = in_process(clock=lambda: NOW, keys=AccessKeys(auth_token="t"))
    answer = app("GET", f"{PATH}?{QUERY}", headers)
    assert (answer.status, answer.body["errorCode"]) == (status, code)


def test_a_token_is_refused_where_requests_must_be_signed(app):
    answer = app("GET", PATH, [("x-auth-token", "t")])
    assert (answer.status, answer.body["errorCode"]) == (401, "DIS.4112")


def test_a_signature_counts_before_a_token(in_process):
    app = in_process(clock=lambda: NOW, keys=AccessKeys(access_key="AK", secret_key="SK", auth_token="t"))
    assert app("GET", f"{PATH}?{QUERY}", _signed(secret="OTHER", **{"x-auth-token": "t"})).status == 441


def test_a_service_for_one_project_refuses_another_after_its_signature(in_process):
    app = in_process(clock=lambda: NOW, keys=KEYS, project="mine")
    unsigned = app("GET", f"{PATH}?{QUERY}")
    foreign = app("GET", f"{PATH}?{QUERY}", _signed())
    assert (unsigned.body["errorCode"], foreign.body["errorCode"]) == ("DIS.4101", "DIS.4117")


CALLERS = (
    AccessKeys(name="acme.writer", access_key="AK", secret_key="SK", project="p"),
    AccessKeys(name="other.reader", access_key="BK", secret_key="SB", project="q", security_token="X"),
    AccessKeys(name="other.robot", auth_token="tq", project="q"),
    AccessKeys(name="admin", auth_token="ta"),
)


def _code(app, path, headers):
    body = app("GET", f"{path}?{QUERY}", headers).body
    return body.get("errorCode", "")


def test_each_caller_may_use_its_own_project_and_no_other(in_process):
    app = in_process(clock=lambda: NOW, keys=CALLERS)
    found = [
        _code(app, f"/v2/{project}/streams", headers)
        for project in "pq"
        for headers in (_signed(), [("x-auth-token", "tq")], [("x-auth-token", "ta")])
        if (project, headers[0][0]) != ("q", "host")  # its signature is for the path of the other project
    ]
    assert found == ["", "DIS.4117", "", "", ""]


def test_temporary_keys_need_their_security_token(in_process):
    app = in_process(clock=lambda: NOW, keys=(AccessKeys(access_key="AK", secret_key="SK", security_token="X"),))
    codes = [_code(app, PATH, _signed(**more)) for more in ({}, {"x-security-token": "Y"}, {"x-security-token": "X"})]
    assert codes == ["DIS.4112", "DIS.4112", ""]


def test_a_security_token_of_keys_that_need_none_is_ignored(app):
    assert _code(app, PATH, _signed(**{"x-security-token": "Y"})) == ""


@pytest.mark.parametrize(
    ("headers", "caller"), [(_signed(), ("acme.writer", "p")), ([("x-auth-token", "ta")], ("admin", "p")), ([], None)]
)
def test_a_handler_knows_who_called(headers, caller):
    authenticator = Authenticator(CALLERS if headers else (), None, lambda: NOW)
    scope = {
        "method": "GET",
        "raw_path": PATH.encode(),
        "query_string": QUERY.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    assert authenticator.check(scope, "p", b"") == caller
