"""What happens to streams is counted by minute, and is kept over restarts and crashes."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from beam_dis.local.store import KEPT_MINUTES, WHOLE_STREAM, StoreUnavailable, Usage, open_store
from beam_dis.local.store.usage import UsageKey, UsageMeter

MINUTE = 1_767_225_600 // 60


def usage(opened, stream, partition=None, last=MINUTE + 10):
    opened.store.store_usage().result()
    return opened.store.usage_by_minute(stream, partition, MINUTE, last)


def totals(opened, stream):
    return opened.store.usage_totals().get(stream.row, {})


def put(records, size):
    return Usage(put_records=records, put_bytes=size)


@pytest.fixture
def crashed(opened, tmp_path):
    """Opens a copy of the folder as a crash would leave it now."""
    copies = []

    def crash():
        copy = tmp_path / f"copy{len(copies)}"
        shutil.copytree(opened.folder, copy)
        copies.append(open_store(copy, clock=opened.clock, housekeeping_interval=None))
        return copies[-1]

    yield crash
    for store in copies:
        store.close()


def test_what_is_put_is_counted_by_minute_and_partition(opened):
    stream = opened.stream(partitions=2)
    opened.append(stream, (0, None, b"abc"), (1, "key", b"d"), (0, None, b"ef")).result()
    opened.time += 60
    opened.put(stream, b"g")
    assert usage(opened, stream, 0) == {MINUTE: put(2, 5), MINUTE + 1: put(1, 1)}
    assert usage(opened, stream, 1) == {MINUTE: put(1, 1)}
    assert usage(opened, stream) == {MINUTE: put(3, 6), MINUTE + 1: put(1, 1)}


def test_counts_of_one_minute_add_up_over_a_restart(opened):
    stream = opened.stream()
    for _ in range(2):
        opened.put(stream, b"abc")
        opened.store.count_usage(stream, WHOLE_STREAM, Usage(gets=1, get_us=500))
        opened.reopen()
    assert usage(opened, stream) == {MINUTE: Usage(2, 6, gets=2, get_us=1000)}
    assert totals(opened, stream) == {0: put(2, 6), WHOLE_STREAM: Usage(gets=2, get_us=1000)}


def test_a_crash_loses_no_count_of_what_was_put(opened, crashed):
    stream = opened.stream(partitions=2)
    opened.put(stream, b"abc")
    opened.store.store_usage().result()
    opened.time += 60
    opened.put(stream, b"de", b"f", partition=1)
    opened.put(stream, b"g")
    opened.store.count_usage(stream, 0, Usage(get_records=1))
    store = crashed()
    store.store_usage().result()
    found = [store.usage_by_minute(stream, partition, MINUTE, MINUTE + 1) for partition in (0, 1)]
    assert found == [{MINUTE: put(1, 3), MINUTE + 1: put(1, 1)}, {MINUTE + 1: put(2, 3)}]


def test_counts_that_were_stored_are_not_counted_again_after_a_crash(opened, crashed):
    stream = opened.stream()
    opened.put(stream, b"abc")
    before = usage(opened, stream)
    store = crashed()
    store.store_usage().result()
    assert store.usage_by_minute(stream, None, MINUTE, MINUTE) == before


def test_counts_wait_if_they_cannot_be_stored(opened):
    stream = opened.stream()
    opened.put(stream, b"abc")
    other = sqlite3.connect(opened.folder / "log.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert isinstance(opened.store.store_usage().exception(), StoreUnavailable)
    other.close()
    assert usage(opened, stream) == {MINUTE: put(1, 3)}


def test_a_put_that_is_not_stored_is_not_counted(opened):
    stream = opened.stream()
    other = sqlite3.connect(opened.folder / "log.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert isinstance(opened.append(stream, (0, None, b"abc")).exception(), StoreUnavailable)
    other.close()
    assert usage(opened, stream) == {}


def test_a_new_stream_has_none_of_the_counts_of_a_deleted_one(opened):
    old = opened.stream()
    opened.put(old, b"abc")
    opened.store.store_usage().result()
    opened.store.delete_stream(old).result()
    opened.store.housekeep()
    new = opened.stream()
    assert usage(opened, new) == {}
    assert (totals(opened, new), totals(opened, old)) == ({}, {})


def test_counts_of_a_stream_that_is_gone_are_dropped(opened):
    stream = opened.stream()
    opened.store.delete_stream(stream).result()
    opened.store.count_usage(stream, 0, Usage(get_records=1))
    assert (usage(opened, stream), totals(opened, stream)) == ({}, {})


def test_housekeeping_stores_counts_that_have_waited_five_seconds(opened):
    stream = opened.stream()
    opened.put(stream, b"abc")
    found = []
    for _ in range(3):
        opened.store.housekeep()
        found.append(opened.store.usage_by_minute(stream, None, MINUTE, MINUTE))
        opened.time += 5
    assert found == [{}, {MINUTE: put(1, 3)}, {MINUTE: put(1, 3)}]


def test_minutes_are_deleted_after_eight_days_and_totals_are_kept(opened):
    stream = opened.stream()
    for _ in range(2):
        opened.put(stream, b"abc")
        opened.time += 60
    opened.store.store_usage().result()
    opened.time += 60 * (KEPT_MINUTES - 1)
    opened.store.housekeep()
    assert opened.store.usage_by_minute(stream, None, MINUTE, MINUTE + 1) == {MINUTE + 1: put(1, 3)}
    assert totals(opened, stream) == {0: put(2, 6)}


def test_counts_that_were_taken_wait_again_after_a_rollback():
    meter = UsageMeter()
    key = UsageKey(1, 2, 3)
    meter.count(key, put(1, 2))
    meter.take()
    meter.count(key, put(10, 20))
    meter.rolled_back()
    assert meter.waiting() == {key: put(11, 22)}
    meter.take()
    meter.committed([(key, put(5, 5))])
    meter.rolled_back()
    assert meter.waiting() == {key: put(5, 5)}


def due_meter(keys: int) -> UsageMeter:
    """A meter with counts of so many partitions, all of which are due."""
    meter = UsageMeter()
    for number in range(keys):
        meter.count(UsageKey(0, 1, number), put(1, 1))
    assert [meter.due(0), meter.due(5000)] == [False, True]
    return meter


def test_due_counts_are_taken_in_portions_and_newer_ones_wait():
    meter = due_meter(5)
    meter.count(UsageKey(0, 1, 0), put(1, 1))
    assert [len(meter.take(2)) for _ in range(3)] == [2, 2, 1]
    assert not meter.due(5000)
    assert meter.waiting() == {UsageKey(0, 1, 0): put(1, 1)}
    assert meter.due(10_000)


def test_all_counts_can_be_taken_while_some_are_due():
    meter = due_meter(3)
    meter.take(1)
    meter.count(UsageKey(0, 1, 2), put(1, 1))
    assert meter.take() == {UsageKey(0, 1, 1): put(1, 1), UsageKey(0, 1, 2): put(2, 2)}
    assert meter.waiting() == {}


def test_portions_that_were_not_committed_wait_again():
    meter = due_meter(3)
    meter.take(2)
    meter.rolled_back()
    assert len(meter.waiting()) == 3


def test_counts_of_many_partitions_are_stored_in_one_round_of_housekeeping(opened):
    """In several transactions, so that no put waits for all of them."""
    streams = [opened.stream(name=f"s{number}", partitions=10) for number in range(5)]
    for _ in range(2):
        for stream in streams:
            opened.append(stream, *[(partition, None, b"x") for partition in range(10)]).result()
            opened.store.count_usage(stream, WHOLE_STREAM, Usage(puts=1))
        opened.store.housekeep()
        opened.time += 6
    opened.store.housekeep()
    assert [sum(counts.put_records for counts in totals(opened, stream).values()) for stream in streams] == [20] * 5
