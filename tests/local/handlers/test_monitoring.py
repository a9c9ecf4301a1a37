"""What is reported about streams and partitions, for which periods, and what is refused."""

from __future__ import annotations

import itertools

import pytest

START = 1_767_225_600
LATER = 13 * 60


@pytest.fixture
def times():
    """The clock of the application, in seconds after START."""
    return [0.0]


@pytest.fixture
def app(in_process, times):
    """The application with a stream ``s`` of two partitions."""
    app = in_process(clock=lambda: START + times[0], limits=True)
    app.json("POST", "/v2/p/streams", {"stream_name": "s", "partition_count": 2})
    return app


def put(app, *datas, partition="0"):
    records = [{"data": data, "partition_id": partition} for data in datas]
    return app.json("POST", "/v2/p/records", {"stream_name": "s", "records": records}).body


def get(app, partition=0):
    target = f"/v2/p/cursors?stream-name=s&partition-id={partition}&cursor-type=TRIM_HORIZON"
    cursor = app("GET", target).body["partition_cursor"]
    return app("GET", f"/v2/p/records?partition-cursor={cursor}&max_fetch_bytes=10000000")


def metrics(app, labels, start=START, end=START + LATER, partition=None):
    middle = "" if partition is None else f"/partitions/{partition}"
    return app("GET", f"/v2/p/streams/s{middle}/metrics?label_list={labels}&start_time={start}&end_time={end}&")


def values(app, labels, **period):
    """The values of each label, minute by minute."""
    return [
        [p["value"] for p in series["dataPoints"]] for series in metrics(app, labels, **period).body["metrics_list"]
    ]


def test_records_bytes_and_requests_are_reported_by_minute(app, times):
    put(app, "YWJj", "ZA==")
    times[0] = 125
    put(app, "ZWY=", partition="1")
    get(app)
    names = (
        "total_put_bytes",
        "total_get_bytes",
        "total_put_records",
        "total_get_records",
        "total_put_req_suc",
        "total_get_req_suc",
    )
    found = values(app, ",".join(f"{name}_per_stream" for name in names))
    assert dict(zip(names, found, strict=True)) == {
        "total_put_bytes": [4, 0, 2],
        "total_get_bytes": [0, 0, 4],
        "total_put_records": [2, 0, 1],
        "total_get_records": [0, 0, 2],
        "total_put_req_suc": [1, 0, 1],
        "total_get_req_suc": [0, 0, 1],
    }  # fmt: skip


def test_a_partition_has_its_own_counts(app):
    put(app, "YWJj")
    put(app, "ZA==", "ZQ==", partition="1")
    get(app, 1)
    labels = "total_put_bytes_per_partition,total_get_records_per_partition"
    found = [values(app, labels, partition=partition) for partition in ("0", "shardId-0000000001")]
    assert found == [[[3], [0]], [[2], [2]]]


def test_a_point_has_the_second_in_which_its_minute_begins(app, times):
    times[0] = 90
    series = metrics(app, "traffic_control_put", start=START + 30).body["metrics"]
    assert series == {
        "label": "traffic_control_put",
        "dataPoints": [{"timestamp": START, "value": 0}, {"timestamp": START + 60, "value": 0}],
    }


def test_throttled_requests_are_counted(app):
    big = "A" * (1 << 20)
    assert [put(app, big)["failed_record_count"] for _ in range(2)] == [0, 1]
    pages = [get(app).status for _ in range(4)]
    labels = "traffic_control_put,total_put_req_suc_per_stream,traffic_control_get,total_get_req_suc_per_stream"
    assert values(app, labels) == [[1], [1], [pages.count(400)], [pages.count(200)]]
    assert pages.count(400) >= 1


def test_the_latency_is_a_mean_in_milliseconds(app, monkeypatch):
    """The timer is asked when a request begins, and around the put."""
    ticks = itertools.chain([9.0, 10.0, 10.005, 19.0, 20.0, 20.002], itertools.count(30.0))
    monkeypatch.setattr(type(app.app._context), "timer", property(lambda _: lambda: next(ticks)))
    put(app, "YQ==")
    put(app, "YQ==")
    assert values(app, "total_put_req_latency,total_get_req_latency") == [[4], [0]]


def test_a_single_label_is_answered_in_both_fields(app):
    target = f"/v2/p/streams/s/metrics/?start_time={START}&end_time={START}&label=traffic_control_get"
    body = app("GET", target, body=b'{"stream_name": "s"}').body
    assert body["metrics_list"] == [body["metrics"]]


def test_a_label_that_is_asked_for_twice_is_answered_once(app):
    found = metrics(app, "traffic_control_get, traffic_control_put,traffic_control_get").body["metrics_list"]
    assert [series["label"] for series in found] == ["traffic_control_get", "traffic_control_put"]


@pytest.mark.parametrize(("start", "end"), [(START - 7200, START - 60), (START + 60, START + 120)])
def test_there_are_no_points_from_before_the_stream_or_from_the_future(app, start, end):
    answer = metrics(app, "traffic_control_get", start=start, end=end)
    assert (answer.status, answer.body["metrics"]["dataPoints"]) == (200, [])


def test_what_was_reported_is_the_same_after_a_restart(app, in_process, times):
    put(app, "YWJj")
    get(app)
    labels = "total_put_bytes_per_stream,total_get_bytes_per_stream,total_get_req_latency"
    before = metrics(app, labels).body
    again = in_process(clock=lambda: START + times[0])
    assert metrics(again, labels).body == before


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("start_time=1&end_time=2", "DIS.4209"),
        ("label=&start_time=1&end_time=2", "DIS.4209"),
        ("label=cpu&start_time=1&end_time=2", "DIS.4209"),
        ("label_list=traffic_control_put,&start_time=1&end_time=2", "DIS.4209"),
        ("label=total_put_bytes_per_partition&start_time=1&end_time=2", "DIS.4209"),
        ("label=traffic_control_put&end_time=2", "DIS.4203"),
        ("label=traffic_control_put&start_time=&end_time=2", "DIS.4203"),
        ("label=traffic_control_put&start_time=1.5&end_time=2", "DIS.4203"),
        ("label=traffic_control_put&start_time=-1&end_time=2", "DIS.4203"),
        ("label=traffic_control_put&start_time=1&end_time=1767225600000", "DIS.4203"),
        ("label=traffic_control_put&start_time=2&end_time=1", "DIS.4203"),
        ("label=traffic_control_put&start_time=1&end_time=604802", "DIS.4204"),
    ],
)
def test_a_wrong_label_or_period_is_refused(app, query, code):
    answer = app("GET", f"/v2/p/streams/s/metrics?{query}")
    assert (answer.status, answer.body["errorCode"]) == (400, code)


@pytest.mark.parametrize(("partition", "code"), [("x", "DIS.4201"), ("2", "DIS.4302")])
def test_a_wrong_partition_is_refused(app, partition, code):
    assert metrics(app, "total_put_bytes_per_partition", partition=partition).body["errorCode"] == code


def test_seven_days_can_be_asked_for_at_once(app, times):
    times[0] = 7 * 86_400
    (points,) = values(app, "traffic_control_put", end=START + 7 * 86_400)
    assert len(points) == 7 * 24 * 60 + 1
