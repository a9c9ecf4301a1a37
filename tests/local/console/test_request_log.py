"""The log of requests has what clients asked and how it was answered, a bounded number of requests, and no secrets."""

from __future__ import annotations

import base64

import pytest

from beam_dis.local.keys import AccessKeys
from beam_dis.local.request_log import KEPT_REQUESTS, LoggedRequest, RequestLog

RECORD = {"data": base64.b64encode(b"secret data").decode(), "partition_key": "k"}


@pytest.fixture
def used(console):
    """A console whose service has got requests of several kinds."""
    console.stream()
    send = console.service.json
    send("POST", "/v2/p/records", {"stream_name": "s", "records": [RECORD]})
    cursor = send("GET", "/v2/p/cursors?stream-name=s&partition-id=0&cursor-type=TRIM_HORIZON").body["partition_cursor"]
    send("GET", f"/v2/p/records?partition-cursor={cursor}")
    send("POST", "/v2/p/records", {"stream_name": "s", "records": [RECORD, {**RECORD, "partition_id": "9"}]})
    send("GET", "/v2/p/streams/none")
    send("GET", "/v2/p/nothing")
    return console


def test_requests_have_operation_stream_status_and_code(used):
    rows = [row[1:5] for row in used("/requests").page.table]
    assert [row[:3] for row in rows] == [
        ["GET /v2/p/nothing", "", "404"],
        ["describe_stream", "none", "400"],
        ["put_records", "s", "200"],
        ["get_records", "s", "200"],
        ["get_cursor", "s", "200"],
        ["put_records", "s", "200"],
    ]
    assert [row[3].split()[:1] for row in rows] == [["APIG.0101"], ["DIS.4301"], ["DIS.4302"], [], [], []]


def test_the_request_id_is_that_of_the_answer(console):
    answer = console.service.json("GET", "/v2/p/streams")
    assert console("/requests").page.table[0][-1] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("query", "count"),
    [("filter=PUT_REC", 2), ("outcome=refused", 3), ("filter=4301", 1), ("filter=nothing", 1), ("filter=absent", 0)],
)
def test_requests_are_found(used, query, count):
    assert len(used(f"/requests?{query}").page.table) == count


def test_requests_that_faults_hit_name_them(console):
    console.stream()
    for fault in ({"kind": "Throttled", "operation": "list_streams"}, {"kind": "Latency", "seconds": "0.001"}):
        console.post("/faults", **fault)
    answer = console.service.json("GET", "/v2/p/streams")
    row = console("/requests?outcome=faults").page.table[0]
    assert (row[3], row[4][:8], row[6]) == ("400", "DIS.4303", "Throttled, Latency")
    assert row[7] == answer.headers["x-request-id"]


def test_a_request_from_elsewhere_is_noted(console):
    console.service("GET", "/v2/p/streams", [("host", "rebound.example")])
    assert console("/requests").page.table[0][3] == "403"


def test_neither_data_nor_keys_are_noted(in_process):
    app = in_process(keys=AccessKeys(auth_token="the-secret-token"), console="a-token-of-the-console")
    app("GET", "/v2/p/streams?x=the-secret-token", [("x-auth-token", "the-secret-token")])
    log = app.app._requests.newest_first()
    assert (len(log), "the-secret-token" in repr(log)) == (1, False)


def test_hostile_paths_are_shown_as_text(console):
    console.service("GET", "/v2/%3Cscript%3Ealert(1)%3C/script%3E/%E2%80%AE")
    answer = console("/requests")
    assert "GET /v2/<script>alert(1)</script>/\u27e8U+202E\u27e9" in answer.page.text
    assert "<script>alert" not in answer.source


def test_the_log_keeps_the_last_requests_only():
    log = RequestLog()
    for number in range(KEPT_REQUESTS + 5):
        log.add(LoggedRequest(float(number), "GET", "/", "list_streams", "", 200, "", 0.0, ()))
    kept = log.newest_first()
    assert (len(kept), kept[0].time, kept[-1].time) == (KEPT_REQUESTS, KEPT_REQUESTS + 4, 5)


def test_without_a_console_nothing_is_noted(in_process):
    app = in_process()
    app("GET", "/v2/p/streams")
    assert app.app._requests is None
