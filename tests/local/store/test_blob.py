"""Blobs: every batch is decoded as it was encoded, and any damage to it is found."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.local.store.blob import MAX_BLOB_BYTES, DamagedBlob, blob_ranges, decode, encode, header_of
from beam_dis.local.store.values import StoredRecords

KEYS = st.none() | st.text(st.characters(), max_size=8)
RECORDS = st.lists(st.tuples(KEYS, st.binary(max_size=20)), min_size=1, max_size=30)
FIRSTS = st.integers(0, 2**62)


def columns(records):
    return [key for key, _ in records], [data for _, data in records]


@given(RECORDS, FIRSTS, st.integers(0, 2**45))
@settings(deadline=None)
def test_a_decoded_batch_equals_the_encoded_one(records, first, time_ms):
    keys, datas = columns(records)
    assert decode(encode(first, time_ms, keys, datas)) == (StoredRecords(first, time_ms, keys, datas), True)


@given(RECORDS, FIRSTS, st.integers(0, 40))
@settings(deadline=None)
def test_records_before_the_start_are_left_out(records, first, skip):
    keys, datas = columns(records)
    decoded, complete = decode(encode(first, 7, keys, datas), first + skip)
    assert (decoded, complete) == (StoredRecords(first + skip, 7, keys[skip:], datas[skip:]), True)


@given(RECORDS, st.integers(0, 29), st.integers(0, 200))
@settings(deadline=None)
def test_a_page_has_as_many_records_as_fit_and_no_more(records, skip, max_bytes):
    keys, datas = columns(records)
    decoded, complete = decode(encode(0, 7, keys, datas), skip, max_bytes)
    taken = len(decoded.datas)
    following = sum(map(len, datas[skip : skip + taken + 1]))
    assert sum(map(len, decoded.datas)) <= max_bytes
    assert complete == (skip + taken >= len(datas)) == (following <= max_bytes)


def test_a_header_gives_the_first_number_the_count_and_the_time():
    assert header_of(encode(41, 7, [None, "k"], [b"a", b"b"])) == (41, 2, 7)


@given(st.data())
@settings(deadline=None)
def test_any_flipped_bit_is_damage(data):
    blob = bytearray(encode(5, 7, ["key", None], [b"some data", b"more"]))
    bit = data.draw(st.integers(0, 8 * len(blob) - 1))
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedBlob):
        decode(bytes(blob))


@given(st.integers(0, 60))
@settings(deadline=None)
def test_any_missing_end_is_damage(length):
    blob = encode(5, 7, ["key", None], [b"some data", b"more"])
    with pytest.raises(DamagedBlob):
        decode(blob[: min(length, len(blob) - 1)])


def test_a_blob_of_another_version_is_refused_with_its_version(monkeypatch):
    monkeypatch.setattr("beam_dis.local.store.blob.VERSION", 2)
    blob = encode(0, 0, [None], [b"x"])
    monkeypatch.undo()
    with pytest.raises(DamagedBlob, match="its version is 2, not 1"):
        decode(blob)


SIZES = st.lists(st.sampled_from([0, 1, 1000, 100_000, 200_000, 262_144, 300_000, 2**20]), min_size=1, max_size=12)


@given(SIZES, st.sampled_from([None, "k", "ü" * 9000]))
@settings(deadline=None, max_examples=50)
def test_ranges_cover_all_records_and_each_blob_is_small_or_one_record(sizes, key):
    keys, datas = [key] * len(sizes), [bytes(size) for size in sizes]
    ranges = list(blob_ranges(keys, datas))
    assert [i for lo, hi in ranges for i in range(lo, hi)] == list(range(len(sizes)))
    for lo, hi in ranges:
        assert hi - lo == 1 or len(encode(0, 0, keys[lo:hi], datas[lo:hi])) <= MAX_BLOB_BYTES
