"""The page of all streams and the page of one show what the store has, and a part of it at a time."""

from __future__ import annotations

import pytest

from beam_dis.local.console.paging import slice_of
from beam_dis.local.console.queries import Fields

NOTHING = "\u2013"


def test_without_streams_the_page_says_so(console):
    assert "There are no streams yet" in console("/").page.text


def test_a_stream_has_its_rates_records_and_time_left(console):
    stream = console.stream("flights", partitions=2)
    console.put(stream, b"12345678" * 10, b"x" * 40)
    console.clock.now += 3600
    console.put(stream, *[b"x"] * 60)
    row = console("/").page.table[0]
    assert row == ["flights", "BLOB", "2", "62", "1.0", "1 bytes", "0", NOTHING, "24 h", "23 h"]


def test_the_page_has_the_largest_lag_of_an_app(console):
    stream = console.stream("flights")
    console.put(stream, b"a", b"b", b"c")
    for name, number in (("fast", 3), ("slow", 1)):
        console.store.commit_checkpoint("p", console.app(name), stream, 0, number).result()
    assert console("/").page.table[0][7] == "2 slow"


def test_streams_are_found_by_a_part_of_their_name(console):
    for name in ("flights", "Flight_delays", "parcels"):
        console.stream(name)
    assert [row[0] for row in console("/?filter=FLIGHT").page.table] == ["Flight_delays", "flights"]
    assert "No stream has nothing in its name" in console("/?filter=nothing").page.text


def test_streams_of_several_projects_have_their_project_beside_them(console):
    console.stream("a", project="one")
    console.stream("b", project="<b>two</b>")
    page = console("/").page
    assert [row[1] for row in page.table] == ["one", "<b>two</b>"]
    assert "b" not in page.tags


@pytest.mark.parametrize(
    ("page", "count", "where"), [("", 50, "1 of 2"), ("?page=2", 3, "2 of 2"), ("?page=99", 3, "2 of 2")]
)
def test_a_page_has_fifty_streams(console, page, count, where):
    for number in range(53):
        console.stream(f"s{number:02d}", project=f"p{number}")
    shown = console(f"/{page}").page
    assert (len(shown.table), f"Page {where}" in shown.text) == (count, True)


@pytest.mark.parametrize("query", ["page=0", "page=x", "page=-1", "page=99999999999999999999", "filter=%ff"])
def test_a_wrong_query_is_an_error_that_names_it(console, query):
    answer = console(f"/?{query}")
    assert answer.status == 400
    assert "page" in answer.page.text or "UTF-8" in answer.page.text


def test_a_stream_has_its_partitions_with_ranges_and_rates(console):
    stream = console.stream("flights", partitions=2)
    console.put(stream, *[b"xy"] * 30, partition=1)
    first, second, *_ = console(f"/streams/{stream.stream_id}").page.table
    assert first == ["0", "ACTIVE", "[0 : 4611686018427387902]", "0", "0", "0", "0", "0 bytes", "0", "0.0 %", NOTHING]
    assert second[3:7] == ["0", "30", "30", "0.5"]
    assert second[9:] == ["100.0 %", "2026-01-01 12:00:00.000"]


@pytest.mark.parametrize(
    ("total", "page", "expected"),
    [
        (0, "", (0, 0, 0, 1, 1)),
        (50, "", (0, 50, 50, 1, 1)),
        (120, "3", (100, 120, 120, 3, 3)),
        (120, "9", (100, 120, 120, 3, 3)),
    ],
)
def test_a_slice_is_a_page_of_rows_that_there_are(total, page, expected):
    assert slice_of(total, Fields({"page": page})) == expected


def test_a_stream_that_is_not_there_is_a_page_that_says_so(console):
    answer = console("/streams/unknown")
    assert (answer.status, "There is no stream with the id unknown" in answer.page.text) == (404, True)


def test_rates_over_time_have_a_point_for_each_minute(console):
    stream = console.stream()
    console.put(stream, *[b"x" * 10] * 60)
    console.clock.now += 120
    columns = console.client.get(f"/console/streams/{stream.stream_id}/rates?hours=1").json()
    assert [len(column) for column in columns.values()] == [60] * 5
    assert (columns["put_records"][-2:], columns["put_bytes"][-2]) == ([1.0, 0], 10.0)


def test_rates_of_a_week_have_no_more_points_than_a_chart_shows(console):
    stream = console.stream()
    columns = console.client.get(f"/console/streams/{stream.stream_id}/rates?hours=168").json()
    assert 600 < len(columns["times"]) <= 720


def test_the_most_frequent_keys_are_counted_in_a_sample(console):
    stream = console.stream(partitions=2)
    console.put(stream, *[b"x"] * 3, key="often")
    console.put(stream, b"x", key="<script>", partition=1)
    page = console(f"/streams/{stream.stream_id}/keys").page
    assert page.table == [["often", "3", "75.0 %"], ["<script>", "1", "25.0 %"]]
    assert "the newest 4 records of 2 of 2 partitions" in page.text


def test_a_stream_leads_to_its_apps(console):
    stream = console.stream()
    console.put(stream, b"x")
    app = console.app("delays")
    console.store.commit_checkpoint("p", app, stream, 0, 0).result()
    answer = console(f"/streams/{stream.stream_id}")
    assert "delays : 1 records behind" in answer.page.text
    assert f'href="/console/apps/{app.app_id}"' in answer.source
