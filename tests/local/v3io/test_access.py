"""Who may use a local V3IO: who sends the access key, and no web page."""

from __future__ import annotations

from base64 import b64encode

import pytest

KEY = "e8bd4ca2-537b-4175-bf01-8c74963e90bf"
DENIED = (403, {"ErrorCode": -13, "ErrorMessage": "Permission denied"})
AWS = "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00"


def basic(text):
    return "Basic " + b64encode(text.encode()).decode()


def described(v3io, **headers):
    return v3io("/c/s/", "DescribeStream", **headers)[:2]


@pytest.mark.parametrize(
    "headers",
    [
        {"x_v3io_session_key": KEY},
        {"authorization": basic(f"user:{KEY}")},
        {"authorization": basic(f":{KEY}")},
        {"authorization": AWS.format(KEY)},
        {"x_v3io_session_key": KEY, "authorization": basic("user:wrong")},
    ],
)
def test_the_key_is_accepted_in_each_documented_place(make_v3io, headers):
    assert described(make_v3io(access_key=KEY), **headers)[0] == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x_v3io_session_key": KEY[:-1]},
        {"x_v3io_session_key": "wrong", "authorization": basic(f"user:{KEY}")},
        {"authorization": KEY},
        {"authorization": f"Bearer {KEY}"},
        {"authorization": basic(KEY)},
        {"authorization": "Basic !"},
        {"authorization": AWS.format("wrong")},
    ],
)
def test_a_request_without_the_key_is_denied(make_v3io, headers):
    assert described(make_v3io(access_key=KEY), **headers) == DENIED


@pytest.mark.parametrize("headers", [{}, {"x_v3io_session_key": "anything"}, {"authorization": "Basic !"}])
def test_without_a_key_everybody_is_accepted(v3io, headers):
    assert described(v3io, **headers)[0] == 200


def test_no_answer_shows_the_key(make_v3io):
    answer = make_v3io(access_key=KEY)("/c/s/", "DescribeStream", x_v3io_session_key="wrong")
    assert answer.headers["x-error-detail"] == "the request has another access key: send it in X-v3io-session-key"


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"sec_fetch_site": "cross-site"}])
def test_a_web_page_is_refused(v3io, headers):
    assert described(v3io, **headers) == DENIED


@pytest.mark.parametrize("token", ["wrong", "right"])
def test_the_clock_is_for_the_token_of_the_admin_routes(make_v3io, token):
    v3io = make_v3io(admin="right")
    moved = v3io("/admin/clock", body={"seconds": 60}, method="POST", x_admin_token=token)
    assert moved.status == (200 if token == "right" else 401)
    foreign = v3io("/admin/clock", method="GET", x_admin_token=token, origin="http://evil.example")
    assert foreign[:2] == DENIED


def test_there_are_no_faults(make_v3io):
    answer = make_v3io(admin="right")("/admin/faults", method="GET", x_admin_token="right")
    assert answer.status == 404
