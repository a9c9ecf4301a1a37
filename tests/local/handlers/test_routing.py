"""Where records go, and what pages they come back in, whatever they are."""

from __future__ import annotations

import base64
import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beam_dis.local.handlers.routing import Routes
from beam_dis.local.store import Partition, Stream
from beam_dis.wire.ranges import MAX_HASH, hash_of, hash_ranges
from beam_dis.wire.records import PutRecordsRequestEntry

KEYS = st.text(min_size=1, max_size=8)


def stream(active: int, deleted: int = 0) -> Stream:
    """A stream whose last partitions were scaled away."""
    ranges = [*hash_ranges(active), *[None] * deleted]
    partitions = [
        Partition(number=number, status="DELETED" if held is None else "ACTIVE", hash_range=held)
        for number, held in enumerate(ranges)
    ]
    return Stream(
        project="p", stream_id="i", name="s", row=1, created_ms=0, modified_ms=0, partitions=tuple(partitions)
    )


def route(target: Stream, *records: PutRecordsRequestEntry):
    return Routes(target, itertools.count().__next__).route(records)


@given(st.integers(1, 50), st.integers(0, 5), st.lists(KEYS, max_size=20))
def test_a_key_goes_to_the_writable_partition_whose_range_holds_its_hash(active, deleted, keys):
    target = stream(active, deleted)
    routed = route(target, *(PutRecordsRequestEntry(b"x", key) for key in keys))
    ranges = [target.partitions[number].hash_range for number in routed.partitions]
    assert [held.start <= hash_of(key) <= held.end for held, key in zip(ranges, keys, strict=True)] == [True] * len(
        keys
    )


@given(st.integers(1, 50), st.integers(0, MAX_HASH))
def test_an_explicit_hash_key_goes_where_it_says(active, value):
    target = stream(active)
    [number] = route(target, PutRecordsRequestEntry(b"x", "k", str(value))).partitions
    held = target.partitions[number].hash_range
    assert held.start <= value <= held.end


@given(st.lists(st.booleans(), max_size=30))
def test_what_is_refused_and_what_is_placed_are_together_what_was_asked(good):
    records = [PutRecordsRequestEntry(b"x" if fine else b"", partition_id="0") for fine in good]
    routed = route(stream(1), *records)
    assert list(routed.refusals) == [position for position, fine in enumerate(good) if not fine]
    assert len(routed.partitions) == len(routed.keys) == len(routed.datas) == sum(good)


def test_records_without_a_place_go_round():
    assert route(stream(3), *[PutRecordsRequestEntry(b"x")] * 5).partitions == [0, 1, 2, 0, 1]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(datas=st.lists(st.binary(min_size=1, max_size=50), max_size=30), size=st.integers(50, 400))
def test_paging_reads_every_record_once_in_order_whatever_the_pages_hold(in_process, datas, size):
    app = in_process()
    name = f"s{next(_names)}"
    app.json("POST", "/v2/p/streams", {"stream_name": name, "partition_count": 1})
    entries = [{"data": base64.b64encode(data).decode(), "partition_id": "0"} for data in datas]
    if entries:
        app.json("POST", "/v2/p/records", {"stream_name": name, "records": entries})
    assert list(_paged(app, name, size)) == datas


_names = itertools.count()


def _paged(app, name: str, size: int):
    at = f"stream-name={name}&partition-id=0&cursor-type=TRIM_HORIZON"
    cursor = app("GET", f"/v2/p/cursors?{at}").body["partition_cursor"]
    while True:
        page = app("GET", f"/v2/p/records?partition-cursor={cursor}&max_fetch_bytes={size}").body
        if not page["records"]:
            return
        assert sum(len(base64.b64decode(record["data"])) for record in page["records"]) <= size
        yield from (base64.b64decode(record["data"]) for record in page["records"])
        cursor = page["next_partition_cursor"]
