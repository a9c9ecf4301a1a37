"""The live tail shows what arrives after what it has shown, and a bounded part of it."""

from __future__ import annotations

import re

import pytest


def step(console, answer):
    """The next step of a tail."""
    path = next(a["hx-get"] for _, a in answer.page.elements if a.get("id") == "tail-state")
    return console(path.removeprefix("/console"))


def entries(answer) -> list[str]:
    return [
        " ".join(text.split()) for text in re.findall(r'<pre class="data"[^>]*>(.*?)</pre>', answer.source, re.DOTALL)
    ]


def test_a_tail_begins_with_a_few_records_and_goes_on_with_new_ones(console):
    stream = console.stream(partitions=2)
    console.put(stream, *[b"old"] * 12)
    begun = console(f"/streams/{stream.stream_id}/tail")
    console.put(stream, b"a", partition=1)
    console.clock.now += 1
    console.put(stream, b"b")
    second = step(console, begun)
    assert (entries(begun), entries(second), entries(step(console, second))) == (["old"] * 10, ["b", "a"], [])


def test_a_tail_of_one_partition_shows_no_others(console):
    stream = console.stream(partitions=2)
    begun = console(f"/streams/{stream.stream_id}/tail?partition=1")
    console.put(stream, b"no")
    console.put(stream, b"yes", partition=1)
    assert entries(step(console, begun)) == ["yes"]


def test_a_filter_of_a_tail_stays(console):
    stream = console.stream()
    begun = console(f"/streams/{stream.stream_id}/tail?filter=yes")
    console.put(stream, b"no", b"yes 1")
    second = step(console, begun)
    console.put(stream, b"yes 2", b"no")
    assert (entries(second), entries(step(console, second))) == (["yes 1"], ["yes 2"])


def test_a_step_leaves_out_what_is_too_much_and_says_so(console):
    stream = console.stream()
    begun = console(f"/streams/{stream.stream_id}/tail")
    console.put(stream, *[b"x"] * 999, b"last")
    second = step(console, begun)
    assert (len(entries(second)), entries(second)[0]) == (200, "last")
    assert "800 older ones left out" in second.page.text


@pytest.mark.parametrize("positions", ["x", "0", "0:1,", "0:99999999999999999999"])
def test_wrong_positions_are_an_error(console, positions):
    stream = console.stream()
    assert console(f"/streams/{stream.stream_id}/tail/records?positions={positions}").status == 400
