"""The pages of records: where they begin, what they show of data, what they find, and how much they read."""

from __future__ import annotations

import gzip
import json

import msgspec
import pytest

from beam_dis.local.console import record_values, record_window
from beam_dis.local.console.record_values import hex_dump
from beam_dis.local.console.visible import visible

FLIGHT = json.dumps({"type": "record", "name": "flight", "fields": [{"name": "delay", "type": "int"}]})
ELLIPSIS = "\u2026"


@pytest.fixture
def numbers(console):
    """``numbers(query)``: the numbers of the records on a page of a partition with 0 to 119."""
    stream = console.stream()
    for start in range(0, 120, 40):
        console.clock.now += 60
        console.put(stream, *[f"n{start + n}".encode() for n in range(40)])

    def shown(query: str = "") -> list[int]:
        return [int(row[0]) for row in console(f"/streams/{stream.stream_id}/records?{query}").page.table]

    return shown


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("", 70, 119),
        ("count=20", 100, 119),
        ("from=start", 0, 49),
        ("from=number&at=7", 7, 56),
        ("from=number&at=110", 110, 119),
        ("from=before&at=110", 60, 109),
        ("from=time&at=2026-01-01+12:02", 40, 89),
        ("from=time&at=2026-01-01T13:03%2B01:00&count=200", 80, 119),
        ("from=time&at=1999-01-01", 0, 49),
    ],
)
def test_a_page_begins_where_it_is_asked_to(numbers, query, first, last):
    assert numbers(query) == list(range(first, last + 1))


@pytest.mark.parametrize(
    "query", ["from=time&at=noon", "from=number&at=x", "count=0", "count=1000", "view=x", "from=x"]
)
def test_a_wrong_question_is_an_error(console, query):
    stream = console.stream()
    assert console(f"/streams/{stream.stream_id}/records?{query}").status == 400


@pytest.mark.parametrize(
    "path", ["records?partition=1", "records/0/0", "records/0/7", "records/1/0", "records/0/x/data"]
)
def test_a_record_or_partition_that_is_not_there_is_an_error_that_says_so(console, path):
    stream = console.stream()
    answer = console(f"/streams/{stream.stream_id}/{path}")
    assert answer.status in {400, 404}
    assert any(word in answer.page.text for word in ("no record", "Partition 1 of this stream", "not a whole number"))


def test_a_filter_finds_keys_and_data_in_any_case(console):
    stream = console.stream()
    console.put(stream, b"one", b"TWO", b"three")
    console.put(stream, b"four", key="Two")
    page = console(f"/streams/{stream.stream_id}/records?filter=two").page
    assert [row[4] for row in page.table] == ["TWO", "four"]
    assert "Looked at 0 to 4 (exclusive), found 2" in page.text


def test_a_filter_looks_at_a_bounded_part_and_goes_on_after_it(console, monkeypatch):
    monkeypatch.setattr(record_window, "MOST_RECORDS", 300)
    stream = console.stream()
    console.put(stream, b"wanted", *[b"other"] * 999)
    address, pages = f"/streams/{stream.stream_id}/records?filter=wanted", 0
    while not console(address).page.table:
        pages += 1
        older = next(a["href"] for tag, a in console(address).page.elements if tag == "a" and a.get("rel") == "prev")
        address = f"/streams/{stream.stream_id}/records{older}"
    assert pages == 3


@pytest.mark.parametrize("place", ["end", "start", "before&at=8", "number&at=2"])
def test_a_page_of_large_records_reads_a_bounded_amount(console, monkeypatch, place):
    monkeypatch.setattr(record_window, "MOST_BYTES", 100_000)
    stream = console.stream()
    for number in range(10):
        console.put(stream, str(number).encode() * 60_000)
    read = []
    original = console.store.read
    monkeypatch.setattr(console.store, "read", lambda *a: read.append(r := original(*a)) or r)
    rows = console(f"/streams/{stream.stream_id}/records?from={place}").page.table
    total = sum(len(data) for runs in read for run in runs for data in run.datas)
    assert (1 <= len(rows) <= 3, total <= 240_000) == (True, True)


def test_data_is_decoded_by_the_schema_of_the_stream(console):
    stream = console.stream(data_type="JSON", data_schema=FLIGHT)
    console.put(stream, b'{"delay": 7}', b'{"delay": "late"}')
    good, bad = console(f"/streams/{stream.stream_id}/records").page.table
    assert good[4] == '{"delay": 7}'
    assert bad[4].startswith("Not decoded: ")
    assert bad[4].endswith('{"delay": "late"}')


@pytest.mark.parametrize(
    ("view", "shown"),
    [("decoded", '{"a": 1}'), ("raw", '{"a":1}'), ("hex", "000000 7b 22 61 22 3a 31 7d {&quot;a&quot;:1}")],
)
def test_data_without_a_schema_has_three_views(console, view, shown):
    stream = console.stream()
    console.put(stream, b'{"a":1}')
    row = console(f"/streams/{stream.stream_id}/records?view={view}").page.table[0]
    assert row[4] == shown.replace("&quot;", '"')


def test_bytes_that_are_no_text_are_shown_as_numbers(console):
    stream = console.stream()
    console.put(stream, b"a\xff\x00b")
    row = console(f"/streams/{stream.stream_id}/records").page.table[0]
    assert row[4].endswith("a\\xff\u27e8U+0000\u27e9b")


HOSTILE = [
    ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ('"><img src=x onerror=alert(1)>', '"><img src=x onerror=alert(1)>'),
    ("{{ 7 * 7 }}", "{{ 7 * 7 }}"),
    ("</pre><h1>x</h1>", "</pre><h1>x</h1>"),
    ("a\0b\x1b[31m\x7f", "a\u27e8U+0000\u27e9b\u27e8U+001B\u27e9[31m\u27e8U+007F\u27e9"),
    ("\u202eabc\u200f\u2066", "\u27e8U+202E\u27e9abc\u27e8U+200F\u27e9\u27e8U+2066\u27e9"),
    ("\ufeff\u2028\u0085", "\u27e8U+FEFF\u27e9\u27e8U+2028\u27e9\u27e8U+0085\u27e9"),
]


@pytest.mark.parametrize(("text", "shown"), HOSTILE)
@pytest.mark.parametrize("path", ["records", "records/0/0", "tail", "keys"])
def test_hostile_data_and_keys_are_shown_as_text(console, path, text, shown):
    stream = console.stream()
    console.put(stream, text.encode(), key=text)
    answer = console(f"/streams/{stream.stream_id}/{path}")
    assert shown in "".join(answer.page.words)
    assert {"img", "h1"} & {tag for tag, a in answer.page.elements if a.get("src") == "x"} == set()
    assert all(a.get("src", "").startswith("/console/static/") for tag, a in answer.page.elements if tag == "script")
    assert "\0" not in answer.source
    assert "\u202e" not in answer.source


def test_a_key_with_half_a_surrogate_breaks_no_page(console):
    stream = console.stream()
    console.put(stream, b'"\\ud800"', key="\ud800")
    for path in ("records", "records/0/0", "records/export", "tail", "keys", "put?partition=0&number=0"):
        assert console(f"/streams/{stream.stream_id}/{path}").status == 200


def test_a_line_of_a_megabyte_is_cut_and_can_be_downloaded(console):
    stream = console.stream()
    console.put(stream, b"x" * 1_000_000)
    address = f"/streams/{stream.stream_id}/records"
    assert len(console(address).source) < 20_000
    assert f"{ELLIPSIS} 800,000 more" in console(f"{address}/0/0").page.text
    answer = console.client.get(f"/console{address}/0/0/data")
    assert (len(answer.content), answer.headers["content-type"]) == (1_000_000, "application/octet-stream")
    assert answer.headers["content-disposition"] == 'attachment; filename="s-0-0.bin"'


def test_compressed_records_are_decoded_up_to_a_bound(console, monkeypatch):
    monkeypatch.setattr(record_values, "MOST_CHARS", 150_000)
    stream = console.stream(compression_format="gzip")
    console.put(stream, *[gzip.compress(b"x" * 100_000)] * 4)
    cells = [row[4][:12] for row in console(f"/streams/{stream.stream_id}/records").page.table]
    assert cells == ["xxxxxxxxxxxx", "xxxxxxxxxxxx", "Not decoded:", "Not decoded:"]
    lines = console.client.get(f"/console/streams/{stream.stream_id}/records/export").text.splitlines()
    assert ["value" in json.loads(line) for line in lines] == [True, True, False, False]


def test_compressed_records_that_do_not_decode_count_for_the_bound(console, monkeypatch):
    monkeypatch.setattr(record_values, "MOST_CHARS", 150_000)
    stream = console.stream(compression_format="gzip")
    console.put(stream, *[gzip.compress(b"\xff" * 100_000)] * 4)
    cells = [row[4] for row in console(f"/streams/{stream.stream_id}/records").page.table]
    assert ["very large once they are decoded" in cell for cell in cells] == [False, False, True, True]


@pytest.mark.parametrize("data", [b"NaN", b'{"a": [1e999, {"b": -1e999}]}', b"[NaN]"])
def test_the_export_is_json_whatever_numbers_the_data_have(console, data):
    stream = console.stream()
    console.put(stream, data)
    answer = console.client.get(f"/console/streams/{stream.stream_id}/records/export")
    value = msgspec.json.decode(answer.text)["value"]
    assert value in (data.decode(), {"a": ["Infinity", {"b": "-Infinity"}]})


@pytest.mark.parametrize("millisecond", [1, 57, 123, 583, 999])
def test_a_time_with_milliseconds_is_that_millisecond(millisecond):
    assert record_window.time_ms(f"2026-01-01 12:00:00.{millisecond:03d}") == 1_767_268_800_000 + millisecond
    assert record_window.time_ms(f"2026-01-01 12:00:00.{millisecond:03d}001") == 1_767_268_800_001 + millisecond


def test_a_listing_shows_a_few_lines_of_each_record(console):
    stream = console.stream()
    console.put(stream, b"line\n" * 50)
    assert (
        console(f"/streams/{stream.stream_id}/records").page.table[0][4]
        == " ".join(["line"] * 12) + f"{ELLIPSIS} 191 more"
    )


def test_the_export_has_the_records_of_the_page_with_all_their_data(console):
    stream = console.stream(data_type="JSON", data_schema=FLIGHT)
    console.put(stream, b'{"delay": 7}', b"\xff", key="k")
    console.put(stream, b'{"delay": 8}')
    answer = console.client.get(f"/console/streams/{stream.stream_id}/records/export?from=start&count=2")
    first, second = map(json.loads, answer.text.splitlines())
    assert (first["sequence_number"], first["partition_key"], first["value"]) == (0, "k", {"delay": 7})
    assert (second["hex"], "value" in second) == ("ff", False)
    assert answer.headers["content-disposition"].startswith("attachment;")


def test_visible_text_is_not_changed():
    assert visible("Grüße, שלום, 日本 🙂\n\t~") == "Grüße, שלום, 日本 🙂\n\t~"


def test_a_hex_dump_has_sixteen_bytes_on_a_line():
    assert hex_dump(bytes(range(60, 77))).splitlines()[1].split() == ["000010", "4c", "L"]
