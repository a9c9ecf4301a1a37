"""The partitions that records go to, and the pages in which they are read again."""

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
        Partition(number=number, status="DELETED" if hashes is None else "ACTIVE", hash_range=hashes)
        for number, hashes in enumerate(ranges)
    ]
    return Stream(
        project="p", stream_id="i", name="s", row=1, created_ms=0, modified_ms=0, partitions=tuple(partitions)
    )


def route(target: Stream, *records: PutRecordsRequestEntry):
    return Routes(target, itertools.count().__next__).route(records)


@given(st.integers(1, 50), st.integers(0, 5), st.lists(KEYS, max_size=20))
def test_a_key_goes_to_the_writable_partition_of_its_hash(active, deleted, keys):
    target = stream(active, deleted)
    routed = route(target, *(PutRecordsRequestEntry(b"x", key) for key in keys))
    ranges = [target.partitions[number].hash_range for number in routed.partitions]
    assert [hashes.start <= hash_of(key) <= hashes.end for hashes, key in zip(ranges, keys, strict=True)] == [
        True
    ] * len(keys)


@given(st.integers(1, 50), st.integers(0, MAX_HASH))
def test_an_explicit_hash_key_goes_to_the_partition_of_that_hash(active, value):
    target = stream(active)
    [number] = route(target, PutRecordsRequestEntry(b"x", "k", str(value))).partitions
    hashes = target.partitions[number].hash_range
    assert hashes.start <= value <= hashes.end


@given(st.lists(st.booleans(), max_size=30))
def test_every_record_is_either_refused_or_routed(good):
    records = [PutRecordsRequestEntry(b"x" if fine else b"", partition_id="0") for fine in good]
    routed = route(stream(1), *records)
    assert list(routed.refusals) == [index for index, fine in enumerate(good) if not fine]
    assert len(routed.partitions) == len(routed.keys) == len(routed.datas) == sum(good)


def test_records_that_name_no_partition_go_to_the_partitions_in_turn():
    assert route(stream(3), *[PutRecordsRequestEntry(b"x")] * 5).partitions == [0, 1, 2, 0, 1]


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(datas=st.lists(st.binary(min_size=1, max_size=50), max_size=30), size=st.integers(50, 400))
def test_paging_reads_every_record_once_in_order_for_any_page_size(in_process, datas, size):
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
