import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.local.store.blob import MAX_BLOB_BYTES, DamagedBlob, cuts, decode, encode, place_of
from beam_dis.local.store.values import Run

KEYS = st.none() | st.text(st.characters(), max_size=8)
RECORDS = st.lists(st.tuples(KEYS, st.binary(max_size=20)), min_size=1, max_size=30)
FIRSTS = st.integers(0, 2**62)


def columns(records):
    return [key for key, _ in records], [data for _, data in records]


@given(RECORDS, FIRSTS, st.integers(0, 2**45))
@settings(deadline=None)
def test_what_is_encoded_comes_back(records, first, time_ms):
    keys, datas = columns(records)
    assert decode(encode(first, time_ms, keys, datas)) == (Run(first, time_ms, keys, datas), True)


@given(RECORDS, FIRSTS, st.integers(0, 40))
@settings(deadline=None)
def test_a_start_within_the_batch_leaves_out_what_is_before_it(records, first, skip):
    keys, datas = columns(records)
    run, whole = decode(encode(first, 7, keys, datas), first + skip)
    assert (run, whole) == (Run(first + skip, 7, keys[skip:], datas[skip:]), True)


@given(RECORDS, st.integers(0, 29), st.integers(0, 200))
@settings(deadline=None)
def test_a_page_holds_as_many_records_as_fit_and_never_more(records, skip, max_bytes):
    keys, datas = columns(records)
    run, whole = decode(encode(0, 7, keys, datas), skip, max_bytes)
    taken = len(run.datas)
    following = sum(map(len, datas[skip : skip + taken + 1]))
    assert sum(map(len, run.datas)) <= max_bytes
    assert whole == (skip + taken >= len(datas)) == (following <= max_bytes)


def test_a_blob_says_where_it_belongs():
    assert place_of(encode(41, 7, [None, "k"], [b"a", b"b"])) == (41, 2, 7)


@given(st.data())
@settings(deadline=None)
def test_any_flipped_bit_is_found(data):
    blob = bytearray(encode(5, 7, ["key", None], [b"some data", b"more"]))
    bit = data.draw(st.integers(0, 8 * len(blob) - 1))
    blob[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedBlob):
        decode(bytes(blob))


@given(st.integers(0, 60))
@settings(deadline=None)
def test_any_cut_off_end_is_found(length):
    blob = encode(5, 7, ["key", None], [b"some data", b"more"])
    with pytest.raises(DamagedBlob):
        decode(blob[: min(length, len(blob) - 1)])


def test_a_later_version_is_told_apart(monkeypatch):
    monkeypatch.setattr("beam_dis.local.store.blob.VERSION", 2)
    blob = encode(0, 0, [None], [b"x"])
    monkeypatch.undo()
    with pytest.raises(DamagedBlob, match="its version is 2, known is 1"):
        decode(blob)


SIZES = st.lists(st.sampled_from([0, 1, 1000, 100_000, 200_000, 262_144, 300_000, 2**20]), min_size=1, max_size=12)


@given(SIZES, st.sampled_from([None, "k", "ü" * 9000]))
@settings(deadline=None, max_examples=50)
def test_cuts_cover_all_in_order_and_each_blob_is_small_or_one_record(sizes, key):
    keys, datas = [key] * len(sizes), [bytes(size) for size in sizes]
    ranges = list(cuts(keys, datas))
    assert [i for lo, hi in ranges for i in range(lo, hi)] == list(range(len(sizes)))
    for lo, hi in ranges:
        assert hi - lo == 1 or len(encode(0, 0, keys[lo:hi], datas[lo:hi])) <= MAX_BLOB_BYTES
