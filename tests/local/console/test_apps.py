"""Apps are shown with their lag and its trend, and their checkpoints are reset where the form says."""

from __future__ import annotations

import threading

import pytest

from beam_dis.local.console.lags import KEPT_SAMPLES, SAMPLE_SECONDS, LagHistory

NOTHING = "\u2013"


@pytest.fixture
def lagging(console):
    """``lagging(count)``: an app with a checkpoint at 0 in both partitions of a stream that has ``count`` records in the first."""

    def make(count: int = 10):
        stream, app = console.stream("flights", partitions=2), console.app("delays")
        console.put(stream, *[b"x"] * count)
        for number in (0, 1):
            console.store.commit_checkpoint("p", app, stream, number, 0).result()
        return stream, app

    return make


def reads_next(console, app, stream):
    found = console.store.checkpoints("p", app, stream.stream_id)
    return [found[stream.stream_id, number].sequence_number for number in (0, 1)]


def test_without_apps_the_page_says_so(console):
    assert "There are no apps" in console("/apps").page.text


def test_the_app_that_is_furthest_behind_comes_first(console, lagging):
    stream, _ = lagging(7)
    console.app("idle")
    quick = console.app("quick")
    console.store.commit_checkpoint("p", quick, stream, 0, 7).result()
    assert [[*row[:1], *row[2:4]] for row in console("/apps").page.table] == [
        ["delays", "flights", "7"],
        ["quick", "flights", "0"],
        ["idle", "no checkpoint"],
    ]


def test_a_trend_is_known_once_there_are_two_samples(console, lagging):
    stream, app = lagging(100)
    assert console("/apps").page.table[0][4:] == ["not known yet", NOTHING]
    console.clock.now += 10
    console.store.commit_checkpoint("p", app, stream, 0, 50).result()
    assert console("/apps").page.table[0][4:] == ["shrinking by 5.0/s over 10 s", "10 s"]
    console.clock.now += 10
    console.put(stream, *[b"x"] * 150)
    assert console("/apps").page.table[0][4:] == ["growing by 5.0/s over 20 s", NOTHING]


def test_a_trend_is_that_of_the_last_five_minutes(console, lagging):
    lagging(100)
    for _ in range(3):
        console("/apps")
        console.clock.now += 200
    assert console("/apps").page.table[0][4] == "steady over 3 min 20 s"


def test_the_lag_over_time_has_a_point_for_each_sample(console, lagging):
    stream, app = lagging(3)
    console("/apps")
    console.clock.now += 5
    console.put(stream, b"x")
    columns = console.client.get(f"/console/apps/{app.app_id}/lag").json()
    assert (columns["behind"], columns["times"][1] - columns["times"][0]) == ([3, 4], 5)


def test_lags_are_sampled_while_no_page_is_open(console, lagging):
    stream, app = lagging(3)
    sampled = threading.Event()

    def clock():
        sampled.set()
        return console.clock()

    history = LagHistory(console.store, clock)
    with history.sampled(0.001):
        assert sampled.wait(60)
    assert history.series(("p", app.name, stream.stream_id))[0][1] == 3
    assert "lags" not in [thread.name for thread in threading.enumerate()]


def test_lags_of_many_streams_are_kept_in_little_memory(console):
    history = LagHistory(console.store, console.clock)
    for number in range(3):
        stream, app = console.stream(f"s{number}"), console.app(f"a{number}")
        console.put(stream, b"x")
        console.store.commit_checkpoint("p", app, stream, 0, 0).result()
        for _ in range(KEPT_SAMPLES):
            console.clock.now += SAMPLE_SECONDS
            history.now()
    assert {len(sample.lags) * sample.lags.itemsize for sample in history._samples} == {24}
    assert len(history._samples) == KEPT_SAMPLES


def test_an_app_has_its_checkpoints_and_when_unread_records_expire(console, lagging):
    _, app = lagging(3)
    console.clock.now += 3600
    first, second = console(f"/apps/{app.app_id}").page.table
    assert first == ["flights", "0", "ACTIVE", "0", "0", "3", "3", "23 h", ""]
    assert second[6:8] == ["0", NOTHING]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"to": "latest"}, [10, 0]),
        ({"to": "latest", "partition": 0}, [10, 5]),
        ({"to": "earliest"}, [0, 0]),
        ({"to": "number", "at": "3", "partition": "1"}, [5, 3]),
        ({"to": "time", "at": "2026-01-01 11:00"}, [0, 0]),
        ({"to": "time", "at": "2026-01-01 13:00"}, [10, 0]),
    ],
)
def test_checkpoints_are_reset(console, lagging, fields, expected):
    stream, app = lagging(10)
    for number in (0, 1):
        console.store.commit_checkpoint("p", app, stream, number, 5).result()
    answer = console.post(f"/apps/{app.app_id}/checkpoint", stream="flights", **fields)
    assert reads_next(console, app, stream) == expected
    assert "delays in flights, partitions" in answer.page.text


def test_checkpoints_are_deleted(console, lagging):
    stream, app = lagging()
    console.post(f"/apps/{app.app_id}/checkpoint", stream="flights", to="delete")
    assert console.store.checkpoints("p", app, stream.stream_id) == {}


def test_checkpoints_of_one_partition_are_deleted(console, lagging):
    stream, app = lagging()
    console.post(f"/apps/{app.app_id}/checkpoint", stream="flights", partition="1", to="delete")
    assert list(console.store.checkpoints("p", app)) == [(stream.stream_id, 0)]


@pytest.mark.parametrize("target", ["earliest", "delete"])
def test_a_reset_of_many_partitions_names_the_first_of_them(console, target):
    console.stream("wide", partitions=50)
    answer = console.post(f"/apps/{console.app().app_id}/checkpoint", stream="wide", to=target)
    assert ", 18, 19 and 30 more: " in answer.page.text


def test_all_checkpoints_of_a_stream_are_deleted_in_one_change(console, lagging, monkeypatch):
    _, app = lagging()
    asked = []
    delete = console.store.delete_checkpoints
    monkeypatch.setattr(
        type(console.store), "delete_checkpoints", lambda _, *given: asked.append(given) or delete(*given)
    )
    console.post(f"/apps/{app.app_id}/checkpoint", stream="flights", to="delete")
    assert [given[3] for given in asked] == [None]


@pytest.mark.parametrize(
    "fields",
    [
        {"stream": "none", "to": "latest"},
        {"stream": "flights", "to": "latest", "partition": "7"},
        {"stream": "flights", "to": "number", "at": ""},
        {"stream": "flights", "to": "number", "at": "-1"},
        {"stream": "flights", "to": "time", "at": "noon"},
        {"stream": "flights", "to": "elsewhere"},
    ],
)
def test_a_wrong_reset_changes_nothing_and_says_why(console, lagging, fields):
    stream, app = lagging()
    answer = console.post(f"/apps/{app.app_id}/checkpoint", **fields)
    assert (answer.status in {400, 404}, reads_next(console, app, stream)) == (True, [0, 0])


def test_an_app_that_is_not_there_is_a_page_that_says_so(console):
    assert console("/apps/unknown").status == 404
