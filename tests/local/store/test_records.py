import pytest

from beam_dis.local.store import Entry, Placed, Run, StoredRecord
from beam_dis.wire.error_codes import Refusal


def test_numbers_count_from_zero_in_each_partition(shelf):
    stream = shelf.stream(partitions=2)
    entries = [Entry(0, None, b"a"), Entry(1, None, b"b"), Entry(0, None, b"c")]
    assert shelf.store.append(stream, entries).result() == [Placed(0, 0), Placed(1, 0), Placed(0, 1)]


def test_a_record_comes_back_as_it_was_put(shelf):
    stream = shelf.stream()
    shelf.put(stream, b"\x00\xff", key="schlüssel")
    shelf.put(stream, b"later")
    expected = [
        StoredRecord(0, "schlüssel", b"\x00\xff", 1767225600000),
        StoredRecord(1, None, b"later", 1767225600000),
    ]
    assert expected == shelf.store.read(stream, 0, 0, 100)


def test_an_empty_key_is_not_an_absent_one(shelf):
    stream = shelf.stream()
    shelf.store.append(stream, [Entry(0, "", b"a"), Entry(0, None, b"b")]).result()
    assert [record.key for record in shelf.store.read(stream, 0, 0, 100)] == ["", None]


def test_a_closed_or_unknown_partition_takes_nothing_and_harms_no_other(shelf):
    stream = shelf.stream(partitions=2)
    shelf.store.scale(stream, 1).result()
    entries = [Entry(1, None, b"a"), Entry(0, None, b"b"), Entry(9, None, b"c"), Entry(-1, None, b"d")]
    assert shelf.store.append(stream, entries).result() == [None, Placed(0, 0), None, None]


def test_nothing_appended_is_nothing_placed(shelf):
    assert shelf.store.append(shelf.stream(), []).result() == []


def test_columns_and_tuples_are_the_same_records(shelf):
    stream = shelf.stream(partitions=2)
    numbers = shelf.store.append_columns(stream, [1, 0, 5], ["k", None, None], [b"a", b"b", b"c"]).result()
    assert numbers == [0, 0, None]
    assert shelf.store.read_runs(stream, 1, 0, 100) == [Run(0, 1767225600000, ["k"], [b"a"])]


def test_a_page_ends_before_it_is_too_large(shelf):
    stream = shelf.stream()
    shelf.put(stream, b"aaa", b"bbb", b"ccc")
    shelf.put(stream, b"ddd")
    assert [shelf.numbers(stream, max_bytes=n) for n in (3, 8, 9, 12)] == [[0], [0, 1], [0, 1, 2], [0, 1, 2, 3]]


def test_a_first_record_too_large_for_the_page_leaves_it_empty(shelf):
    stream = shelf.stream()
    shelf.put(stream, b"aaaa", b"b")
    assert shelf.numbers(stream, max_bytes=3) == []


def test_a_page_spans_batches_and_starts_inside_one(shelf):
    stream = shelf.stream()
    for first in range(0, 9, 3):
        shelf.put(stream, *(bytes([first + i]) for i in range(3)))
    assert shelf.numbers(stream, start=4) == [4, 5, 6, 7, 8]


def test_large_records_are_kept_whole(shelf):
    stream = shelf.stream()
    datas = [bytes([n]) * 2**20 for n in range(3)]
    shelf.put(stream, *datas)
    assert [record.data for record in shelf.store.read(stream, 0, 0, 2**22)] == datas


def test_reading_at_the_end_and_beyond_finds_nothing(shelf):
    stream = shelf.stream()
    shelf.put(stream, b"a")
    assert (shelf.numbers(stream, start=1), shelf.numbers(stream, start=7)) == ([], [])


def test_an_unknown_partition_is_refused(shelf):
    with pytest.raises(Refusal, match=r"DIS\.4302"):
        shelf.store.read(shelf.stream(), 1, 0, 100)


def test_times_never_fall_within_a_partition(shelf, monkeypatch):
    stream = shelf.stream()
    shelf.put(stream, b"a")
    monkeypatch.setattr(shelf.clock, "_source", lambda: 5.0)
    shelf.put(stream, b"b")
    assert [record.timestamp_ms for record in shelf.store.read(stream, 0, 0, 100)] == [1767225600000] * 2


def test_a_stream_keeps_its_generation_while_only_positions_move(shelf):
    stream = shelf.stream()
    shelf.put(stream, b"a")
    assert shelf.store.stream("p", "s").generation == stream.generation
    shelf.store.scale(stream, 2).result()
    assert shelf.store.stream("p", "s").generation > stream.generation


def test_a_snapshot_never_changes(shelf):
    stream = shelf.stream()
    shelf.put(stream, b"a")
    assert (stream.partitions[0].next, shelf.partition(stream).next) == (0, 1)


def test_requests_that_wait_together_are_numbered_in_their_order(shelf):
    stream = shelf.stream()
    futures = [shelf.store.append(stream, [Entry(0, None, b"%d" % n)] * 2) for n in range(50)]
    placed = [place.sequence_number for future in futures for place in future.result()]
    assert placed == list(range(100))
    assert [record.data for record in shelf.store.read(stream, 0, 0, 1000)] == [b"%d" % (n // 2) for n in range(100)]
