"""Retention: two batches of two records, an hour apart, in a stream that keeps records for a day::

number   0 1 | 2 3 |
hour     0   | 1   |     expired at hour 24, 25
"""

import sqlite3

import pytest

from beam_dis.wire.error_codes import Refusal

HOUR = 3600


@pytest.fixture
def stream(opened):
    made = opened.stream()
    for _ in range(2):
        opened.put(made, b"a", b"b")
        opened.clock.advance(HOUR)
    return made


def pass_time(opened, seconds):
    opened.clock.advance(seconds)
    opened.store.housekeep()


def stored_batches(opened):
    connection = sqlite3.connect(opened.folder / "log.db")
    counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("batch", "batch_index")]
    connection.close()
    return counts


def test_records_are_kept_for_the_retention_to_the_millisecond(opened, stream):
    pass_time(opened, 22 * HOUR - 0.001)
    assert (opened.partition(stream).earliest, opened.numbers(stream)) == (0, [0, 1, 2, 3])
    pass_time(opened, 0.001)
    assert (opened.partition(stream).earliest, opened.numbers(stream, start=2)) == (2, [2, 3])


def test_expired_records_are_refused_and_their_batches_deleted(opened, stream):
    pass_time(opened, 22 * HOUR)
    with pytest.raises(Refusal, match=r"DIS\.4226"):
        opened.store.read(stream, 0, 1, 100)
    assert stored_batches(opened) == [1, 1]


def test_numbers_continue_after_all_records_have_expired(opened, stream):
    """Also if the store is opened again in between."""
    pass_time(opened, 48 * HOUR)
    partition = opened.reopen().stream("p", "s").partitions[0]
    assert (partition.earliest, partition.next, stored_batches(opened)) == (4, 4, [0, 0])
    assert opened.put(stream, b"c")[0] == 4


def test_a_new_retention_applies_to_the_records_that_are_there(opened, stream):
    opened.store.update_stream(stream, retention_hours=48).result()
    pass_time(opened, 30 * HOUR)
    assert opened.partition(stream).earliest == 0
    opened.store.update_stream(stream, retention_hours=24).result()
    pass_time(opened, 0)
    assert opened.partition(stream).earliest == 4


def test_each_stream_has_its_own_retention(opened, stream):
    other = opened.stream(name="t", retention_hours=168)
    opened.put(other, b"a")
    pass_time(opened, 100 * HOUR)
    assert (opened.partition(stream).earliest, opened.partition(other).earliest) == (4, 0)


def test_the_batches_of_a_deleted_stream_are_deleted_by_housekeeping(opened, stream):
    opened.store.delete_stream(stream).result()
    assert stored_batches(opened) == [2, 2]
    opened.store.housekeep()
    assert stored_batches(opened) == [0, 0]


def test_the_batches_of_a_deleted_stream_are_deleted_after_a_restart_too(opened, stream):
    opened.store.delete_stream(stream).result()
    opened.reopen().housekeep()
    assert stored_batches(opened) == [0, 0]


def test_a_new_stream_has_no_batches_of_a_deleted_one(opened, stream):
    opened.store.delete_stream(stream).result()
    again = opened.stream(name="t")
    opened.put(again, b"x")
    opened.store.housekeep()
    assert (opened.numbers(again), opened.store.check()) == ([0], [])


def test_the_batches_of_an_expired_partition_are_deleted(opened):
    stream = opened.stream(partitions=2)
    opened.put(stream, b"a", partition=1)
    opened.store.scale(stream, 1).result()
    pass_time(opened, 24 * HOUR)
    assert stored_batches(opened) == [0, 0]


def test_many_batches_expire_at_once(opened):
    """More batches than one step reads, and more than one step deletes."""
    stream = opened.stream()
    for _ in range(520):
        opened.put(stream, b"x")
    pass_time(opened, 24 * HOUR)
    assert (opened.partition(stream).earliest, stored_batches(opened)) == (520, [0, 0])


def test_free_pages_are_given_back_except_a_reserve(opened, monkeypatch):
    monkeypatch.setattr("beam_dis.local.store.housekeeping.SPARE_PAGES", 10)
    stream = opened.stream()
    opened.put(stream, *[bytes(2**18)] * 20)
    opened.store.delete_stream(stream).result()
    opened.store.housekeep()
    opened.reopen()
    assert (opened.folder / "log.db").stat().st_size < 40 * 32768


def test_housekeeping_with_nothing_to_do_writes_nothing(opened, stream):
    """However often it runs: neither to the WAL nor to the file."""
    files = [opened.folder / name for name in ("log.db", "log.db-wal")]
    before = [(file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    for _ in range(200):
        opened.store.housekeep()
    assert [(file.stat().st_mtime_ns, file.stat().st_size) for file in files] == before
