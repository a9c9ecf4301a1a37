"""The service's limits of throughput: what can be written to and read from a partition in a second, by stream type."""

from __future__ import annotations

import base64
from pathlib import Path

import httpx
import pytest

from beam_dis.errors import ConfigurationError
from beam_dis.local import LocalDIS
from beam_dis.local.clock import Clock
from beam_dis.local.handlers.throughput import Bucket
from beam_dis.wire.limits import MIB, THROUGHPUT

START = 1_800_000_000.0
STREAMS, RECORDS = "/v2/p/streams", "/v2/p/records"
CURSOR = "/v2/p/cursors?stream-name=s&partition-id=0&cursor-type=TRIM_HORIZON"


@pytest.fixture
def clock():
    return Clock(lambda: START)


@pytest.fixture
def app(in_process, clock):
    """An application with the limits, and streams of two partitions each: ``s``, COMMON, and ``a``, ADVANCED."""
    app = in_process(clock=clock, limits=True)
    for name, kind in (("s", "COMMON"), ("a", "ADVANCED")):
        app.json("POST", STREAMS, {"stream_name": name, "partition_count": 2, "stream_type": kind})
    return app


def put(app, sizes, stream="s", partition=0):
    """Put records of these sizes; the code of each, None if it was stored."""
    datas = [base64.b64encode(bytes(size)).decode() for size in sizes]
    records = [{"data": data, "partition_id": str(partition)} for data in datas]
    answer = app.json("POST", RECORDS, {"stream_name": stream, "records": records})
    codes = [record.get("error_code") for record in answer.body["records"]]
    assert answer.body["failed_record_count"] == len(codes) - codes.count(None)
    return codes


def stored(codes):
    return codes.count(None)


def read(app, cursor, max_fetch_bytes=10 * MIB):
    return app("GET", f"{RECORDS}?partition-cursor={cursor}&max_fetch_bytes={max_fetch_bytes}")


@pytest.mark.parametrize(("stream", "kind"), [("s", "COMMON"), ("a", "ADVANCED")])
def test_a_partition_accepts_its_number_of_records_a_second(app, stream, kind):
    rate = THROUGHPUT[kind].write_records
    codes = put(app, [1] * (rate + 5), stream)
    assert codes == [None] * rate + ["DIS.4303"] * 5


@pytest.mark.parametrize(("stream", "kind"), [("s", "COMMON"), ("a", "ADVANCED")])
def test_a_partition_accepts_its_number_of_bytes_a_second(app, stream, kind):
    requests = THROUGHPUT[kind].write_bytes // (MIB // 4)
    codes = [code for _ in range(requests + 2) for code in put(app, [MIB // 4], stream)]
    assert codes == [None] * requests + ["DIS.4303"] * 2


def test_a_record_over_the_limit_is_refused_alone_and_the_order_stays(app):
    """After the first record the bucket is too low for the second, but not for the third."""
    half = MIB // 2
    put(app, [half])
    records = [{"data": base64.b64encode(bytes(size)).decode(), "partition_id": "0"} for size in (half - 9, 50, 5)]
    records.insert(1, {"data": "", "partition_id": "0"})
    answer = app.json("POST", RECORDS, {"stream_name": "s", "records": records})
    outcomes = [record.get("error_code", record.get("sequence_number")) for record in answer.body["records"]]
    assert outcomes == ["1", "DIS.4200", "DIS.4303", "2"]


def test_each_partition_has_its_own_limits(app):
    assert stored(put(app, [1] * 1001, partition=0)) == 1000
    assert stored(put(app, [1] * 1001, partition=1)) == 1000


def test_a_bucket_is_refilled_as_time_passes_up_to_the_allowance_of_a_second(app, clock):
    put(app, [1] * 1000)
    clock.advance(0.25)
    assert stored(put(app, [1] * 1000)) == 250
    clock.advance(3600)
    assert stored(put(app, [1] * 2000)) == 1000


def test_reads_are_refused_after_a_large_page_until_its_excess_is_refilled(app, clock):
    for _ in range(5):
        put(app, [MIB])
        clock.advance(1)
    cursor = app("GET", CURSOR).body["partition_cursor"]
    page = read(app, cursor)
    assert (page.status, len(page.body["records"])) == (200, 5)
    again = [read(app, cursor)]
    clock.advance(1.5)
    again.append(read(app, cursor))
    clock.advance(0.1)
    again.append(read(app, cursor))
    assert [(answer.status, answer.body.get("errorCode")) for answer in again] == [(400, "DIS.4303")] * 2 + [
        (200, None)
    ]


def test_an_empty_page_takes_nothing_from_the_bucket(app):
    cursor = app("GET", CURSOR).body["partition_cursor"]
    assert [read(app, cursor).status for _ in range(100)] == [200] * 100


def test_a_stream_is_scaled_once_an_hour(app, clock):
    def scale(count):
        return app.json("PUT", f"{STREAMS}/s", {"target_partition_count": count})

    first, second, same = scale(3), scale(4), scale(3)
    clock.advance(3600)
    assert (first.status, second.body["errorCode"], same.status, scale(4).status) == (200, "DIS.4305", 200, 200)


def test_only_sizes_are_limited_by_default(in_process):
    app = in_process(clock=lambda: START)
    app.json("POST", STREAMS, {"stream_name": "s", "partition_count": 1})
    assert stored([code for _ in range(5) for code in put(app, [1000] * 1000)]) == 5000


@pytest.mark.integration
@pytest.mark.parametrize("limits", ["sizes", "real"])
def test_a_local_dis_keeps_its_limits_after_a_restart(limits):
    body = {"stream_name": "s", "records": [{"data": "eA==", "partition_id": "0"}] * 3000}
    with LocalDIS(limits=limits) as dis:
        httpx.post(f"{dis.endpoint}{STREAMS}", json={"stream_name": "s", "partition_count": 1})
        dis.restart(kill=True)
        refused = httpx.post(f"{dis.endpoint}{RECORDS}", json=body).json()["failed_record_count"]
    assert refused == {"sizes": 0, "real": 2000}[limits]


def test_the_page_about_the_local_dis_states_the_limits():
    page = (Path(__file__).parents[3] / "docs" / "local.md").read_text(encoding="utf-8")
    rows = [
        f"| {kind} | {rate.write_bytes // MIB} MiB or {rate.write_records:,} records | {rate.read_bytes // MIB} MiB |"
        for kind, rate in THROUGHPUT.items()
    ]
    assert [row for row in rows if row not in page] == []


def test_unknown_limits_are_refused():
    with pytest.raises(ConfigurationError, match="limits='none' is not one of sizes, real"):
        LocalDIS(limits="none")


def test_a_clock_that_is_set_back_refills_nothing_and_then_goes_on():
    bucket = Bucket(10, now=100.0)
    bucket.take(10)
    assert [bucket.refill(50.0), bucket.refill(50.5)] == [0, 5]


def test_buckets_of_an_idle_partition_are_removed_and_those_in_use_are_kept(app, clock, monkeypatch):
    monkeypatch.setattr("beam_dis.local.handlers.throughput.MAX_METERS", 2)
    put(app, [1] * 1000, partition=0)
    clock.advance(1)
    put(app, [1] * 1000, partition=1)
    assert stored(put(app, [1] * 10, stream="a")) == 10
    assert stored(put(app, [1], partition=1)) == 0
