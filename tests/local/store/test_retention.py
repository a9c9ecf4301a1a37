"""What time does: two batches of two records, an hour apart, in a stream that holds records for a day::

number   0 1 | 2 3 |
hour     0   | 1   |     expired at hour 24, 25
"""

import sqlite3

import pytest

from beam_dis.wire.error_codes import Refusal

HOUR = 3600


@pytest.fixture
def stream(shelf):
    made = shelf.stream()
    for _ in range(2):
        shelf.put(made, b"a", b"b")
        shelf.clock.advance(HOUR)
    return made


def wait(shelf, seconds):
    shelf.clock.advance(seconds)
    shelf.store.housekeep()


def stored_batches(shelf):
    connection = sqlite3.connect(shelf.folder / "log.db")
    counts = [connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("batch", "place")]
    connection.close()
    return counts


def test_records_are_held_for_the_retention_to_the_millisecond(shelf, stream):
    wait(shelf, 22 * HOUR - 0.001)
    assert (shelf.partition(stream).earliest, shelf.numbers(stream)) == (0, [0, 1, 2, 3])
    wait(shelf, 0.001)
    assert (shelf.partition(stream).earliest, shelf.numbers(stream, start=2)) == (2, [2, 3])


def test_what_has_expired_is_refused_and_its_space_is_cleared(shelf, stream):
    wait(shelf, 22 * HOUR)
    with pytest.raises(Refusal, match=r"DIS\.4226"):
        shelf.store.read(stream, 0, 1, 100)
    assert stored_batches(shelf) == [1, 1]


def test_numbers_go_on_after_retention_has_emptied_a_partition_and_the_store_was_reopened(shelf, stream):
    wait(shelf, 48 * HOUR)
    partition = shelf.reopen().stream("p", "s").partitions[0]
    assert (partition.earliest, partition.next, stored_batches(shelf)) == (4, 4, [0, 0])
    assert shelf.put(stream, b"c")[0].sequence_number == 4


def test_a_longer_retention_keeps_records_a_shorter_one_lets_them_go(shelf, stream):
    shelf.store.update_stream(stream, retention_hours=48).result()
    wait(shelf, 30 * HOUR)
    assert shelf.partition(stream).earliest == 0
    shelf.store.update_stream(stream, retention_hours=24).result()
    wait(shelf, 0)
    assert shelf.partition(stream).earliest == 4


def test_each_stream_has_its_own_retention(shelf, stream):
    other = shelf.stream(name="t", retention_hours=168)
    shelf.put(other, b"a")
    wait(shelf, 100 * HOUR)
    assert (shelf.partition(stream).earliest, shelf.partition(other).earliest) == (4, 0)


def test_a_deleted_stream_s_batches_are_cleared(shelf, stream):
    shelf.store.delete_stream(stream).result()
    assert stored_batches(shelf) == [2, 2]
    shelf.store.housekeep()
    assert stored_batches(shelf) == [0, 0]


def test_what_a_deletion_left_over_is_cleared_after_a_restart(shelf, stream):
    shelf.store.delete_stream(stream).result()
    shelf.reopen().housekeep()
    assert stored_batches(shelf) == [0, 0]


def test_a_new_stream_never_takes_over_batches_that_wait_to_be_cleared(shelf, stream):
    shelf.store.delete_stream(stream).result()
    again = shelf.stream(name="t")
    shelf.put(again, b"x")
    shelf.store.housekeep()
    assert (shelf.numbers(again), shelf.store.check()) == ([0], [])


def test_an_expired_partition_s_batches_are_cleared(shelf):
    stream = shelf.stream(partitions=2)
    shelf.put(stream, b"a", partition=1)
    shelf.store.scale(stream, 1).result()
    wait(shelf, 24 * HOUR)
    assert stored_batches(shelf) == [0, 0]


def test_many_batches_expire_at_once(shelf):
    """More than one step looks at, and more than one step deletes."""
    stream = shelf.stream()
    for _ in range(520):
        shelf.store.append_columns(stream, [0], [None], [b"x"]).result()
    wait(shelf, 24 * HOUR)
    assert (shelf.partition(stream).earliest, stored_batches(shelf)) == (520, [0, 0])


def test_free_pages_are_given_back_but_for_a_reserve(shelf, monkeypatch):
    monkeypatch.setattr("beam_dis.local.store.housekeeping.SPARE_PAGES", 10)
    stream = shelf.stream()
    shelf.put(stream, *[bytes(2**18)] * 20)
    shelf.store.delete_stream(stream).result()
    shelf.store.housekeep()
    shelf.reopen()
    assert (shelf.folder / "log.db").stat().st_size < 40 * 32768


def test_housekeeping_with_nothing_to_do_writes_nothing(shelf, stream):
    """However often: neither to the WAL nor, by a checkpoint, to the file."""
    files = [shelf.folder / name for name in ("log.db", "log.db-wal")]
    before = [(file.stat().st_mtime_ns, file.stat().st_size) for file in files]
    for _ in range(200):
        shelf.store.housekeep()
    assert [(file.stat().st_mtime_ns, file.stat().st_size) for file in files] == before
