"""Records: their numbers, pages of them, and what a put does to the rest of the store."""

import pytest

from beam_dis.local.store import StoredRecords
from beam_dis.wire.error_codes import Refusal


def test_numbers_count_from_zero_in_each_partition(opened):
    stream = opened.stream(partitions=2)
    assert opened.append(stream, (0, None, b"a"), (1, None, b"b"), (0, None, b"c")).result() == [0, 0, 1]


def test_a_record_is_read_as_it_was_put(opened):
    stream = opened.stream()
    opened.put(stream, b"\x00\xff", key="schlüssel")
    opened.put(stream, b"later")
    expected = [(0, "schlüssel", b"\x00\xff", 1767225600000), (1, None, b"later", 1767225600000)]
    assert opened.records(stream) == expected


def test_an_empty_key_differs_from_no_key(opened):
    stream = opened.stream()
    opened.append(stream, (0, "", b"a"), (0, None, b"b")).result()
    assert [key for _, key, _, _ in opened.records(stream)] == ["", None]


def test_a_record_for_a_closed_or_unknown_partition_gets_no_number(opened):
    stream = opened.stream(partitions=2)
    opened.store.scale(stream, 1).result()
    records = [(1, None, b"a"), (0, None, b"b"), (9, None, b"c"), (-1, None, b"d")]
    assert opened.append(stream, *records).result() == [None, 0, None, None]
    assert opened.datas(stream) == [b"b"]


def test_appending_no_records_gives_no_numbers(opened):
    assert opened.append(opened.stream()).result() == []


def test_records_are_read_as_columns_batch_by_batch(opened):
    stream = opened.stream(partitions=2)
    numbers = opened.store.append(stream, [1, 0, 5], ["k", None, None], [b"a", b"b", b"c"]).result()
    assert numbers == [0, 0, None]
    assert opened.store.read(stream, 1, 0, 100) == [StoredRecords(0, 1767225600000, ["k"], [b"a"])]


def test_a_page_ends_before_it_is_too_large(opened):
    stream = opened.stream()
    opened.put(stream, b"aaa", b"bbb", b"ccc")
    opened.put(stream, b"ddd")
    assert [opened.numbers(stream, max_bytes=n) for n in (3, 8, 9, 12)] == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]


def test_a_page_is_empty_if_its_first_record_is_too_large(opened):
    stream = opened.stream()
    opened.put(stream, b"aaaa", b"b")
    assert opened.numbers(stream, max_bytes=3) == []


def test_a_page_spans_batches_and_starts_inside_one(opened):
    stream = opened.stream()
    for first in range(0, 9, 3):
        opened.put(stream, *(bytes([first + i]) for i in range(3)))
    assert opened.numbers(stream, start=4) == [4, 5, 6, 7, 8]


def test_large_records_are_read_unchanged(opened):
    stream = opened.stream()
    datas = [bytes([n]) * 2**20 for n in range(3)]
    opened.put(stream, *datas)
    assert opened.datas(stream) == datas


def test_a_page_at_the_end_or_after_it_is_empty(opened):
    stream = opened.stream()
    opened.put(stream, b"a")
    assert (opened.numbers(stream, start=1), opened.numbers(stream, start=7)) == ([], [])


def test_an_unknown_partition_is_refused(opened):
    with pytest.raises(Refusal, match=r"DIS\.4302"):
        opened.store.read(opened.stream(), 1, 0, 100)


def test_arrival_times_never_decrease_within_a_partition(opened):
    stream = opened.stream()
    opened.put(stream, b"a")
    opened.time = 5.0
    opened.put(stream, b"b")
    assert [time_ms for *_, time_ms in opened.records(stream)] == [1767225600000] * 2


def test_a_put_leaves_the_generation_of_a_stream_as_it_is(opened):
    stream = opened.stream()
    opened.put(stream, b"a")
    assert opened.store.stream("p", "s").generation == stream.generation
    opened.store.scale(stream, 2).result()
    assert opened.store.stream("p", "s").generation > stream.generation


def test_a_snapshot_never_changes(opened):
    stream = opened.stream()
    opened.put(stream, b"a")
    assert (stream.partitions[0].next, opened.partition(stream).next) == (0, 1)


def test_requests_of_one_group_are_numbered_in_their_order(opened):
    stream = opened.stream()
    futures = [opened.append(stream, *[(0, None, b"%d" % n)] * 2) for n in range(50)]
    assert [number for future in futures for number in future.result()] == list(range(100))
    assert opened.datas(stream) == [b"%d" % (n // 2) for n in range(100)]
