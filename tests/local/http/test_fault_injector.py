"""Each fault as a client sees it over plain HTTP, and whether the work of the call was done."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from beam_dis.errors import ConfigurationError
from beam_dis.local import LocalDIS
from beam_dis.testing import (
    ClockSkew,
    CutAnswer,
    EmptyPages,
    Failing,
    Latency,
    RecordsRefused,
    RequestRefused,
    Reset,
    SlowBody,
    SlowHeaders,
    Throttled,
    WrongContentType,
    WrongJSON,
)
from beam_dis.wire.signing import SigningRequest, sign
from beam_dis.wire.timestamps import sdk_date

pytestmark = pytest.mark.integration


class Streams:
    """A local DIS with two empty streams of two partitions, ``s`` and ``t``, and a plain HTTP client."""

    def __init__(self, dis: LocalDIS) -> None:
        self.dis = dis
        self.http = httpx.Client(base_url=f"{dis.endpoint}/v2/p", timeout=10)
        for name in ("s", "t"):
            self.http.delete(f"/streams/{name}")
            assert self.http.post("/streams", json={"stream_name": name, "partition_count": 2}).status_code == 201

    def put(self, *partitions: int | None, stream: str = "s") -> httpx.Response:
        """Put one record into each of these partitions; None: into any."""
        records: list[dict[str, Any]] = [
            {"data": base64.b64encode(b"%d" % n).decode(), **({} if number is None else {"partition_id": str(number)})}
            for n, number in enumerate(partitions)
        ]
        return self.http.post("/records", json={"stream_name": stream, "records": records})

    def count(self, stream: str = "s") -> int:
        """Clear the faults; returns how many records a stream has."""
        self.dis.clear_faults()
        described = self.http.get(f"/streams/{stream}").json()
        ranges = [partition["sequence_number_range"] for partition in described["partitions"]]
        return sum(int(text.strip("[]").split(":")[1]) for text in ranges)

    def hits(self) -> list[int]:
        return [fault.hits for fault in self.dis.faults()]


@pytest.fixture(scope="module")
def own() -> Iterator[LocalDIS]:
    with LocalDIS() as dis:
        yield dis


@pytest.fixture
def streams(own) -> Iterator[Streams]:
    made = Streams(own)
    yield made
    own.clear_faults()
    made.http.close()


@pytest.mark.parametrize(
    ("fault", "status", "code", "stored"),
    [
        (Failing(), 500, "DIS.5000", 0),
        (Failing(status=502), 502, "APIG.0201", 0),
        (Failing(status=503), 503, "APIG.0201", 0),
        (Failing(status=502, when="after"), 502, "APIG.0201", 1),
        (Throttled(), 400, "DIS.4303", 0),
        (Throttled(code="DIS.4309"), 400, "DIS.4309", 0),
        (Throttled(status=429), 429, "APIG.0308", 0),
        (RequestRefused(code="DIS.4301"), 400, "DIS.4301", 0),
        (RequestRefused(code="DIS.4100"), 441, "DIS.4100", 0),
    ],
    ids=str,
)
def test_a_fault_replaces_the_answer(streams, fault, status, code, stored):
    streams.dis.inject(fault)
    answer = streams.put(0)
    assert (answer.status_code, answer.json()["errorCode"], streams.hits()) == (status, code, [1])
    assert streams.count() == stored


def test_a_failure_after_the_work_hides_its_result(streams):
    streams.dis.inject(Failing(status=502, when="after"))
    assert (streams.put(0, stream="nowhere").status_code, streams.put(0).status_code) == (502, 502)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_failure_without_a_body_has_none(streams, status):
    streams.dis.inject(Failing(status=status, body=False))
    answer = streams.put(0)
    assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize(("when", "stored"), [("before", 0), ("after", 1)])
def test_a_reset_leaves_no_answer(streams, when, stored):
    streams.dis.inject(Reset(when=when))
    with pytest.raises(httpx.ReadError, match=r"[Rr]eset"):
        streams.put(0)
    assert (streams.hits(), streams.count()) == ([1], stored)


@pytest.mark.parametrize("after", [0.0, 0.5, 0.99])
def test_a_cut_answer_ends_within_its_body(streams, after):
    streams.dis.inject(CutAnswer(after=after))
    with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending complete"):
        streams.put(0)
    assert streams.count() == 1


def test_a_cut_answer_without_a_body_ends_within_its_headers(streams):
    streams.dis.inject(CutAnswer(operation="create_app"))
    with pytest.raises(httpx.RemoteProtocolError):
        streams.http.post("/apps", json={"app_name": "cut"})
    assert streams.http.get("/apps/cut").status_code == 200


@pytest.fixture
def put_at_once(streams) -> Callable[[int], float]:
    """Puts ``count`` records at the same time, each in a request of its own; returns the seconds until all are stored."""

    def put(count: int) -> float:
        started = time.monotonic()
        with ThreadPoolExecutor(count) as callers:
            assert list(callers.map(lambda _: streams.put(0).status_code, range(count))) == [200] * count
        return time.monotonic() - started

    return put


@pytest.mark.parametrize("fault", [SlowHeaders(seconds=0.5), SlowBody(seconds=0.5)], ids=str)
def test_a_slow_answer_arrives_whole_and_delays_no_other(streams, put_at_once, undisturbed, fault):
    streams.dis.inject(fault)
    assert 0.5 <= undisturbed(lambda: put_at_once(5), 2) < 2


def test_slow_headers_pass_a_timeout_for_each_read(streams):
    streams.dis.inject(SlowHeaders(seconds=1))
    assert streams.http.get("/streams", timeout=0.5).status_code == 200


def test_wrong_json_has_the_right_length_and_does_not_parse(streams):
    streams.dis.inject(WrongJSON())
    answer = streams.put(0)
    assert (answer.status_code, len(answer.content)) == (200, int(answer.headers["content-length"]))
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        answer.json()
    assert streams.count() == 1


def test_a_wrong_content_type_says_html_for_the_right_body(streams):
    streams.dis.inject(WrongContentType())
    answer = streams.put(0)
    assert (answer.headers["content-type"], answer.json()["failed_record_count"]) == ("text/html; charset=utf-8", 0)


def test_an_empty_page_keeps_its_cursor_in_front_of_the_records(streams):
    """Only the partition of the fault answers so."""
    streams.put(0, 1)
    streams.dis.inject(EmptyPages(partition=0, count=2))
    seen = {}
    for number in (0, 1):
        place = {"stream-name": "s", "partition-id": str(number), "cursor-type": "TRIM_HORIZON"}
        cursor = streams.http.get("/cursors", params=place).json()["partition_cursor"]
        pages = []
        for _ in range(4):
            page = streams.http.get("/records", params={"partition-cursor": cursor}).json()
            cursor = page["next_partition_cursor"]
            pages.append(len(page["records"]))
        seen[number] = pages
    assert seen == {0: [0, 0, 1, 0], 1: [1, 0, 0, 0]}


def test_a_wrong_cursor_is_refused_before_an_empty_page(streams):
    streams.dis.inject(EmptyPages())
    answer = streams.http.get("/records", params={"partition-cursor": "wrong"})
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "DIS.4217")


@pytest.mark.parametrize("seconds", [7200, -7200])
def test_skew_moves_the_date_of_an_answer(streams, seconds):
    streams.dis.inject(ClockSkew(seconds=seconds))
    date = parsedate_to_datetime(streams.http.get("/streams").headers["date"])
    assert abs((date - datetime.now(timezone.utc)).total_seconds() - seconds) < 10


def test_skew_moves_the_clock_that_signatures_are_checked_by():
    with LocalDIS(access_key="AK", secret_key="SK") as dis:
        headers = {"host": dis.endpoint.removeprefix("http://"), "x-sdk-date": sdk_date(time.time())}
        request = SigningRequest("GET", "/v2/p/streams", "", headers)
        signed = {
            **headers,
            "authorization": sign(request, access_key="AK", secret_key="SK", signed_headers=list(headers)),
        }
        dis.inject(ClockSkew(seconds=7200, nth=2))
        answers = [httpx.get(f"{dis.endpoint}/v2/p/streams", headers=signed) for _ in range(3)]
    assert [answer.json().get("errorCode") for answer in answers] == [None, "DIS.4105", None]


def test_latency_adds_to_each_call_and_delays_no_other(streams, put_at_once, undisturbed):
    streams.dis.inject(Latency(seconds=0.3, jitter=0.1, operation="put_records"))

    def list_streams() -> float:
        started = time.monotonic()
        assert streams.http.get("/streams").status_code == 200
        return time.monotonic() - started

    assert 0.2 <= undisturbed(lambda: put_at_once(8), 1) < 1
    assert undisturbed(list_streams, 0.2) < 0.2


def codes(answer: httpx.Response) -> list[str | None]:
    return [record.get("error_code") for record in answer.json()["records"]]


@pytest.mark.parametrize(("stored", "count"), [(False, 0), (True, 3)])
def test_single_records_are_refused_although_they_may_be_stored(streams, stored, count):
    streams.dis.inject(RecordsRefused(code="DIS.5250", stored=stored))
    answer = streams.put(0, None, 1)
    assert (codes(answer), answer.json()["failed_record_count"]) == (["DIS.5250"] * 3, 3)
    assert (streams.hits(), streams.count()) == ([3], count)


def test_records_of_one_partition_are_refused_and_the_others_stored(streams):
    streams.dis.inject(RecordsRefused(partition=1))
    answers = [streams.put(0, 1, 0), streams.put(None, None, None, None)]
    refused = [["DIS.4303" in (code or "") for code in codes(answer)] for answer in answers]
    assert (refused[0], sum(refused[1])) == ([False, True, False], 2)
    assert streams.count() == 4


def test_a_rate_of_records_is_drawn_by_its_seed(streams):
    streams.dis.inject(RecordsRefused(rate=0.3, seed=5))
    first = codes(streams.put(*[0] * 40))
    streams.dis.clear_faults()
    streams.dis.inject(RecordsRefused(rate=0.3, seed=5))
    again = codes(streams.put(*[0] * 40))
    assert (first, 5 < first.count("DIS.4303") < 20) == (again, True)


def test_a_count_of_records_ends_within_a_call(streams):
    streams.dis.inject(RecordsRefused(count=2))
    assert codes(streams.put(0, 0, 0)) == ["DIS.4303", "DIS.4303", None]


def test_a_wrong_put_is_refused_before_a_fault_of_its_records(streams):
    streams.dis.inject(RecordsRefused())
    assert (streams.put(0, stream="nowhere").json()["errorCode"], streams.put().json()["errorCode"]) == (
        "DIS.4301",
        "DIS.4202",
    )


def first_cursor(streams: Streams, partition: int) -> str:
    query = {"stream-name": "s", "partition-id": partition, "cursor-type": "TRIM_HORIZON"}
    return str(streams.http.get("/cursors", params=query).json()["partition_cursor"])


def test_stream_and_partition_are_found_however_a_call_names_them(streams):
    cursors = [first_cursor(streams, partition) for partition in (0, 1)]
    stream_id = streams.http.get("/streams/s").json()["stream_id"]
    streams.dis.inject(Throttled(stream="s", partition=1))
    by_id = {"stream_id": stream_id, "records": [{"data": "aGk=", "partition_id": "1"}]}
    answers = {
        "put elsewhere": streams.put(0),
        "put of another stream": streams.put(1, stream="t"),
        "put": streams.put(0, 1),
        "put to any": streams.put(None),
        "put by id": streams.http.post("/records", json=by_id),
        "page elsewhere": streams.http.get("/records", params={"partition-cursor": cursors[0]}),
        "page": streams.http.get("/records", params={"partition-cursor": cursors[1]}),
        "no page": streams.http.get("/records", params={"partition-cursor": "?"}),
        "description": streams.http.get("/streams/s"),
        "metrics": streams.http.get("/streams/s/partitions/1/metrics"),
        "metrics elsewhere": streams.http.get("/streams/s/partitions/0/metrics"),
    }
    hit = {what for what, answer in answers.items() if "4303" in answer.text}
    assert hit == {"put", "put to any", "put by id", "page", "metrics"}


def test_a_stream_is_found_by_the_id_in_the_path(streams):
    ids = [streams.http.get(f"/streams/{name}").json()["stream_id"] for name in "st"]
    streams.dis.inject(Throttled(stream="s", operation="list_stream_tags"))
    assert [streams.http.get(f"/stream/{stream_id}/tags").status_code for stream_id in ids] == [400, 200]


def test_an_unknown_stream_or_partition_is_an_error_that_names_the_known_ones(streams):
    with pytest.raises(ConfigurationError, match="there is no stream 'x'; the streams are: s, t"):
        streams.dis.inject(Throttled(stream="x"))
    with pytest.raises(ConfigurationError, match="'s' has no partition 2: it has 0 to 1"):
        streams.dis.inject(Throttled(stream="s", partition=2))
    streams.dis.inject(Throttled(stream="x", operation="create_stream"))
    assert streams.http.post("/streams", json={"stream_name": "x", "partition_count": 1}).status_code == 400


def test_faults_are_listed_counted_and_cleared(streams):
    numbers = [streams.dis.inject(fault) for fault in (Throttled(nth=2), Latency(seconds=0.0))]
    for _ in range(3):
        streams.put(0)
    assert [(f.id, type(f.fault), f.calls, f.hits) for f in streams.dis.faults()] == [
        (numbers[0], Throttled, 3, 1),
        (numbers[1], Latency, 3, 3),
    ]
    streams.dis.clear_faults(numbers[0])
    assert [fault.id for fault in streams.dis.faults()] == numbers[1:]
    with pytest.raises(ConfigurationError, match=f"there is no fault {numbers[0]}"):
        streams.dis.clear_faults(numbers[0])


def test_faults_make_the_server_log_nothing(capfd):
    """A connection that was cut on purpose is no error."""
    with LocalDIS() as dis:
        for fault in (Reset(), Reset(when="after"), CutAnswer(), SlowBody(seconds=2), SlowHeaders(seconds=2)):
            number = dis.inject(fault)
            with pytest.raises(httpx.TransportError):
                httpx.get(f"{dis.endpoint}/v2/p/streams", timeout=0.1)
            dis.clear_faults(number)
        dis.inject(Latency(seconds=0.3))
        dis.inject(Reset())
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{dis.endpoint}/v2/p/streams", timeout=0.1)
        time.sleep(0.4)  # nothing is logged when the delayed reset comes, after the client has left
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("fault", [Latency(seconds=60), SlowHeaders(seconds=60), SlowBody(seconds=600)], ids=str)
def test_a_server_that_stops_does_not_wait_for_slow_answers_without_a_client(fault, undisturbed):
    def restart() -> float:
        dis.inject(fault)
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{dis.endpoint}/v2/p/streams", timeout=0.1)
        started = time.monotonic()
        dis.restart()
        return time.monotonic() - started

    with LocalDIS() as dis:
        assert undisturbed(restart, 5) < 5
