"""The clock is moved forward: everything ages by it at once, and stays as old after a restart."""

from __future__ import annotations

import asyncio
import base64
import time
import urllib.request
from email.utils import parsedate_to_datetime

import pytest

from beam_dis.errors import ConfigurationError
from beam_dis.local import LocalDIS
from beam_dis.local.clock import Clock, advance, resume
from beam_dis.local.faults.rules import Rules
from beam_dis.local.http.admin import AdminError, AdminRequest, Controls, advance_clock
from beam_dis.local.keys import AccessKeys
from beam_dis.wire.signing import SigningRequest, sign
from beam_dis.wire.timestamps import sdk_date

START = 1_800_000_000.0
HOUR, DAY = 3600, 24 * 3600
STREAMS = "/v2/p/streams"


@pytest.fixture
def clock():
    return Clock(lambda: START)


@pytest.fixture
def app(in_process, clock):
    """A stream ``s`` of two partitions; the second has been scaled away; three records in the first."""
    app = in_process(clock=clock)
    app.json("POST", STREAMS, {"stream_name": "s", "partition_count": 2})
    app.json("PUT", f"{STREAMS}/s", {"target_partition_count": 1})
    records = [{"data": base64.b64encode(data).decode(), "partition_id": "0"} for data in (b"a", b"b", b"c")]
    app.json("POST", "/v2/p/records", {"stream_name": "s", "records": records})
    return app


def pass_time(app, clock, seconds):
    return asyncio.run(advance(app.store, clock, seconds, app.dumps.flush_due))


def partitions(app):
    described = app("GET", f"{STREAMS}/s").body["partitions"]
    return [(partition["status"], partition["sequence_number_range"]) for partition in described]


def cursor(app, kind="TRIM_HORIZON", **more):
    extra = "".join(f"&{name.replace('_', '-')}={value}" for name, value in more.items())
    return app("GET", f"/v2/p/cursors?stream-name=s&partition-id=0&cursor-type={kind}{extra}")


def read(app, partition_cursor):
    return app("GET", f"/v2/p/records?partition-cursor={partition_cursor}").body.get("errorCode", "read")


def test_the_new_time_is_returned(app, clock):
    assert (pass_time(app, clock, HOUR), clock()) == (START + HOUR, START + HOUR)


def test_records_and_partitions_have_expired_when_advancing_returns(app, clock):
    before = partitions(app)
    pass_time(app, clock, DAY)
    assert before == [("ACTIVE", "[0 : 3]"), ("DELETED", "[0 : 0]")]
    assert partitions(app) == [("ACTIVE", "[3 : 3]"), ("EXPIRED", None)]


def test_a_cursor_expires_after_five_minutes(app, clock):
    first = cursor(app).body["partition_cursor"]
    seen = []
    for seconds in (300, 0.001):
        pass_time(app, clock, seconds)
        seen.append(read(app, first))
    assert seen == ["read", "DIS.4225"]


def test_a_checkpoint_stays_when_its_record_expires(app, clock):
    app.json("POST", "/v2/p/apps", {"app_name": "a"})
    commit = {"app_name": "a", "checkpoint_type": "LAST_READ", "stream_name": "s", "partition_id": "0"}
    app.json("POST", "/v2/p/checkpoints", {**commit, "sequence_number": "1"})
    pass_time(app, clock, DAY)
    (state,) = app("GET", "/v2/p/apps/a/streams/s?checkpoint_type=LAST_READ&limit=1").body["partition_consuming_states"]
    assert (state["sequence_number"], state["earliest_offset"]) == ("1", 3)
    assert cursor(app, "AT_SEQUENCE_NUMBER", starting_sequence_number=1).body["errorCode"] == "DIS.4224"


def test_records_that_are_put_afterwards_have_the_new_time(app, clock):
    pass_time(app, clock, HOUR)
    app.json("POST", "/v2/p/records", {"stream_name": "s", "records": [{"data": "eA==", "partition_id": "0"}]})
    start = cursor(app, "AT_TIMESTAMP", timestamp=int((START + HOUR) * 1000)).body["partition_cursor"]
    (record,) = app("GET", f"/v2/p/records?partition-cursor={start}").body["records"]
    assert (record["sequence_number"], record["timestamp"]) == ("3", int((START + HOUR) * 1000))


def test_the_date_of_answers_is_the_new_time(app, clock):
    pass_time(app, clock, HOUR)
    assert app("GET", STREAMS).headers["date"] == "Fri, 15 Jan 2027 09:00:00 GMT"


def test_signatures_are_checked_by_the_new_time(in_process, clock):
    app = in_process(clock=clock, keys=AccessKeys(access_key="AK", secret_key="SK"))

    def status(signed_at):
        headers = {"host": "127.0.0.1", "x-sdk-date": sdk_date(signed_at)}
        request = SigningRequest("GET", STREAMS, "", headers)
        value = sign(request, access_key="AK", secret_key="SK", signed_headers=["host", "x-sdk-date"])
        return app("GET", STREAMS, [*headers.items(), ("authorization", value)]).status

    before = [status(START), status(START + HOUR)]
    pass_time(app, clock, HOUR)
    assert (before, [status(START), status(START + HOUR)]) == ([200, 441], [441, 200])


def test_a_restart_continues_at_the_advanced_time(app, clock, in_process):
    pass_time(app, clock, DAY)
    pass_time(app, clock, HOUR)
    fresh = Clock(lambda: START)
    again = in_process(clock=fresh)
    resume(again.store, fresh)
    assert (fresh(), partitions(again)) == (START + DAY + HOUR, [("ACTIVE", "[3 : 3]"), ("EXPIRED", None)])


@pytest.mark.parametrize("seconds", [-1, float("nan"), 1e12])
def test_an_impossible_time_is_refused_and_not_stored(app, clock, seconds):
    with pytest.raises(ValueError, match="can't be advanced"):
        pass_time(app, clock, seconds)
    assert (clock(), app.store.clock_advance()) == (START, 0.0)


@pytest.mark.integration
def test_a_local_dis_is_advanced_by_units_and_restarts_at_that_time(tmp_path):
    def time_of(dis):
        with urllib.request.urlopen(f"{dis.endpoint}{STREAMS}") as answer:
            return parsedate_to_datetime(answer.headers["date"]).timestamp()

    with LocalDIS(tmp_path) as dis:
        dis.advance(5, minutes=2, hours=25)
        ahead = [time_of(dis) - time.time()]
        for kill in (False, True):
            dis.restart(kill=kill)
            ahead.append(time_of(dis) - time.time())
        assert ahead == pytest.approx([25 * HOUR + 125] * 3, abs=2)
        with pytest.raises(ConfigurationError, match=r"can't be advanced by -1\.0 seconds"):
            dis.advance(-1)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"seconds":"1"}', b'{"seconds":null}', b'{"seconds":1e999}', b"[1]"])
def test_a_command_without_a_valid_time_is_refused(app, clock, body):
    with pytest.raises(AdminError) as refused:
        asyncio.run(advance_clock(Controls(Rules(), app.store, clock, app.dumps), AdminRequest({}, body)))
    assert (refused.value.status, clock()) == (400, START)


def test_concurrent_advances_add_up(app, clock):
    async def together():
        await asyncio.gather(*(advance(app.store, clock, 60, app.dumps.flush_due) for _ in range(20)))

    asyncio.run(together())
    assert (clock(), app.store.clock_advance()) == (START + 1200, 1200.0)
