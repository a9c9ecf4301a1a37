"""Records are put from a form and put again exactly, by the way of every put; what isn't possible is said on the form."""

from __future__ import annotations

import json

import pytest

FLIGHT = json.dumps({"type": "record", "name": "flight", "fields": [{"name": "delay", "type": "int"}]})


def stored(console, stream, partition=0):
    return [data for run in console.store.read(stream, partition, 0, 10_000_000) for data in run.datas]


@pytest.mark.parametrize(
    ("way", "text", "data"),
    [("text", " a\r\nb ", b" a\nb "), ("base64", "AP8=\r\n", b"\x00\xff"), ("hex", "00 ff", b"\x00\xff")],
)
def test_data_is_put_as_it_is_given(console, way, text, data):
    stream = console.stream()
    answer = console.post(f"/streams/{stream.stream_id}/put", data=text, **{"as": way})
    assert "Put into s: record 0 of partition 0." in answer.page.text
    assert stored(console, stream) == [data]


def test_a_row_is_encoded_by_the_schema(console):
    stream = console.stream(data_schema=FLIGHT)
    console.post(f"/streams/{stream.stream_id}/put", data='{"delay": 7}', **{"as": "json"})
    assert stored(console, stream) == [b"\x0e"]


def test_a_record_goes_to_its_partition(console):
    stream = console.stream(partitions=2)
    console.post(f"/streams/{stream.stream_id}/put", data="x", partition="1")
    console.post(f"/streams/{stream.stream_id}/put", data="y", hash="0")
    assert (stored(console, stream, 1), stored(console, stream, 0)) == ([b"x"], [b"y"])


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"data": "zz", "as": "hex"}, "can't be read as hexadecimal digits"),
        ({"data": "", "as": "text"}, "data has 0 bytes"),
        ({"data": "x", "partition": "9"}, "DIS.4302"),
        ({"data": "x", "partition": "p"}, "DIS.4201"),
        ({"data": "{}", "as": "json"}, "delay"),
    ],
)
def test_what_cannot_be_put_is_said_beside_the_form(console, fields, says):
    stream = console.stream(data_schema=FLIGHT)
    answer = console.post(f"/streams/{stream.stream_id}/put", **fields)
    assert (answer.status, says in answer.page.text) == (400, True)
    assert stored(console, stream) == []


def test_a_notice_is_shown_once_and_not_for_a_made_up_number(console):
    stream = console.stream()
    answer = console.post(f"/streams/{stream.stream_id}/put", data="x")
    path = answer.url.removeprefix("http://127.0.0.1:7700/console")
    assert "Put into s: record" not in console(path).page.text
    assert "visit" not in console(f"/streams/{stream.stream_id}/put?notice=visit").page.text


def test_a_record_is_put_again_exactly_with_its_key(console):
    stream, other = console.stream(), console.stream("other")
    console.put(stream, b"a\r\n\x00\xff", key="k\n")
    answer = console.post(f"/streams/{stream.stream_id}/records/0/0/resend", target="other", key="same")
    assert "Put into other: record 0 of partition 0." in answer.page.text
    (run,) = console.store.read(other, 0, 0, 1000)
    assert (run.datas, run.keys) == ([b"a\r\n\x00\xff"], ["k\n"])


def test_a_record_is_not_put_into_a_stream_that_is_not_there(console):
    stream = console.stream()
    console.put(stream, b"x")
    assert console.post(f"/streams/{stream.stream_id}/records/0/0/resend", target="none").status == 404


@pytest.mark.parametrize(("data", "shown", "way"), [(b"a\nb", "a\nb", "text"), (b"\x00\xff", "AP8=", "base64")])
def test_the_form_starts_from_a_record(console, data, shown, way):
    stream = console.stream()
    console.put(stream, data, key="k")
    answer = console(f"/streams/{stream.stream_id}/put?partition=0&number=0")
    assert f">\n{shown}</textarea>" in answer.source
    assert f'value="{way}" selected' in answer.source


def test_a_form_that_is_too_large_is_refused(console):
    stream = console.stream()
    answer = console.post(f"/streams/{stream.stream_id}/put", data="x" * 9_000_000)
    assert answer.status == 413
