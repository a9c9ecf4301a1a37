"""Requests captured from the official Python client are understood, and their signatures are valid.

The vectors are its requests as they were sent, with the answers of a test server. The keys are not real.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from beam_dis.local.keys import AccessKeys
from beam_dis.wire.timestamps import parse_sdk_date

CAPTURED = json.loads((Path(__file__).parents[2] / "vectors" / "huaweicloudsdkdis_requests.json").read_text())
KEYS = AccessKeys(access_key="TESTAK0000000000AKID", secret_key="TestSecretKey/0123456789abcdefghijklmnop")


def _date(captured) -> float:
    return parse_sdk_date(dict(captured["headers"])["X-Sdk-Date"])


def _replay(app, captured):
    return app(captured["method"], captured["target"], captured["headers"], captured["body_text"].encode())


@pytest.fixture
def app(in_process):
    """An application at the time of the capture, with the keys of the requests."""
    return in_process(clock=lambda: _date(CAPTURED[0]), keys=KEYS)


def test_each_captured_request_is_answered_as_the_client_expects(app):
    """The requests create, fill, read, scale and delete a stream, in that order."""
    answered = [(_replay(app, captured).status, captured["target"]) for captured in CAPTURED]
    expected = [
        (400 if captured["target"].endswith("/boom") else captured["response"]["status"], captured["target"])
        for captured in CAPTURED
    ]
    expected[15] = (204, CAPTURED[15]["target"])
    assert answered == expected


def test_each_answer_has_the_fields_that_the_client_reads(app):
    for captured in CAPTURED:
        answer = _replay(app, captured)
        expected = captured["response"]["body_text"]
        if answer.status == 200 and expected:
            assert sorted(set(json.loads(expected)) - set(answer.body)) == [], captured["target"]


def test_the_records_of_the_captured_put_come_back_in_the_captured_get(app):
    for captured in CAPTURED[:6]:
        _replay(app, captured)
    records = _replay(app, CAPTURED[6]).body["records"]
    assert [(record["partition_key"], record["data"]) for record in records] == [
        ("k1", "aGVsbG8="),
        (None, "AP8="),
        (None, "eg=="),
    ]


@pytest.mark.parametrize("captured", CAPTURED, ids=lambda captured: f"{captured['method']} {captured['target'][36:70]}")
def test_a_captured_request_with_another_signature_is_refused(app, captured):
    forged = [(name, value[:-1] + "x" if name == "Authorization" else value) for name, value in captured["headers"]]
    answer = app(captured["method"], captured["target"], forged, captured["body_text"].encode())
    assert (answer.status, answer.body["errorCode"]) == (441, "DIS.4100")
