"""Retention as clients see it: records expire, numbers go on, partitions expire."""

from __future__ import annotations

import time

import pytest

from beam_dis.wire.cursors import CursorToken, decode_cursor, encode_cursor

HOUR = 3600.0
START = 1_800_000_000.0
AT = "/v2/p/cursors?stream-name=s&partition-id={}&cursor-type={}"


class Ticking:
    """A clock that a test sets."""

    now = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Ticking()


@pytest.fixture
def app(in_process, clock):
    """A stream ``s`` of two partitions with three records in the first, put an hour apart."""
    app = in_process(clock=clock)
    app.json("POST", "/v2/p/streams", {"stream_name": "s", "partition_count": 2})
    for _ in range(3):
        _put(app)
        clock.now += HOUR
    return app


def _put(app) -> str:
    record = {"data": "aGk=", "partition_id": "0"}
    answer = app.json("POST", "/v2/p/records", {"stream_name": "s", "records": [record]})
    return str(answer.body["records"][0]["sequence_number"])


def _pass(app, clock, hours: float) -> None:
    clock.now += hours * HOUR
    app.store.housekeep()


def _range(app, partition: int = 0) -> str | None:
    return app("GET", "/v2/p/streams/s").body["partitions"][partition]["sequence_number_range"]


def test_expired_records_leave_the_range(app, clock):
    _pass(app, clock, 22.5)
    assert _range(app) == "[2 : 3]"


def test_a_refused_cursor_below_the_range_names_the_range(app, clock):
    _pass(app, clock, 22.5)
    answer = app("GET", AT.format(0, "AT_SEQUENCE_NUMBER") + "&starting-sequence-number=0")
    assert answer.body["message"] == "Sequence_number out of range. [0][ should be within ][2][ ][3]"


def test_reading_at_a_cursor_whose_record_has_expired_is_refused(app, clock):
    cursor = app("GET", AT.format(0, "TRIM_HORIZON")).body["partition_cursor"]
    _pass(app, clock, 30)
    fresh = _reissued(cursor, clock.now)
    assert app("GET", f"/v2/p/records?partition-cursor={fresh}").body["errorCode"] == "DIS.4226"


def test_a_refused_time_before_the_oldest_record_names_a_time_that_is_accepted(app, clock):
    _pass(app, clock, 22.5)
    answer = app("GET", AT.format(0, "AT_TIMESTAMP") + "&timestamp=1")
    text, _, oldest = answer.body["message"].removesuffix("]").rpartition(" ")
    again = app("GET", AT.format(0, "AT_TIMESTAMP") + f"&timestamp={oldest}")
    assert (text, again.status) == ("Request error. [timestamp is expired, timestamp should be larger than", 200)


def test_numbers_go_on_after_retention_has_emptied_a_partition_and_a_restart(app, clock, in_process):
    _pass(app, clock, 30)
    assert _range(app) == "[3 : 3]"
    again = in_process(clock=clock)
    assert (_range(again), _put(again)) == ("[3 : 3]", "3")


def test_a_partition_scaled_away_expires_and_is_restored_with_its_numbers(app, clock):
    app.json("PUT", "/v2/p/streams/s", {"target_partition_count": 1})
    _pass(app, clock, 25)
    partition = app("GET", "/v2/p/streams/s").body["partitions"][1]
    refused = app("GET", AT.format(1, "TRIM_HORIZON"))
    assert (partition["status"], partition["sequence_number_range"]) == ("EXPIRED", None)
    assert refused.body["message"] == "Partition is expired. [s][p][shardId-0000000001]"
    app.json("PUT", "/v2/p/streams/s", {"target_partition_count": 2})
    assert app("GET", AT.format(1, "TRIM_HORIZON")).status == 200


def test_a_put_to_an_expired_partition_is_refused_record_by_record(app, clock):
    app.json("PUT", "/v2/p/streams/s", {"target_partition_count": 1})
    _pass(app, clock, 25)
    body = {"stream_name": "s", "records": [{"data": "aGk=", "partition_id": "1"}]}
    assert app.json("POST", "/v2/p/records", body).body["records"][0]["error_code"] == "DIS.4319"


def test_the_date_of_an_answer_is_the_services_clock(app, clock):
    clock.now = START + 100.9
    shown = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(START + 100))
    assert app("GET", "/v2/p/streams").headers["date"] == shown


def _reissued(cursor: str, now: float) -> str:
    """The same cursor as if it had just been issued."""
    return encode_cursor(CursorToken(decode_cursor(cursor).get_iterator_param, int(now * 1000)))
