"""The store under load: the WAL stays short, and puts are acknowledged during deletions."""

import threading
import time

import pytest

from beam_dis.local.store import StreamDefinition, open_store

pytestmark = pytest.mark.integration

MIB = 2**20


@pytest.fixture
def store(tmp_path):
    opened = open_store(tmp_path, clock=time.time, housekeeping_interval=0.2)
    yield opened
    opened.close()


def new_stream(store, name, partitions=8):
    return store.create_stream("p", StreamDefinition(name=name, partition_count=partitions)).result()


def fill(store, stream, megabytes):
    """Append requests of 1 MB, eight at a time; returns the largest size of the WAL."""
    wal, largest, waiting = store.path.with_name("log.db-wal"), 0, []
    for _ in range(megabytes):
        waiting.append(store.append(stream, list(range(8)) * 64, [None] * 512, [bytes(2048)] * 512))
        if len(waiting) == 8:
            waiting.pop(0).result()
        largest = max(largest, wal.stat().st_size)
    for future in waiting:
        future.result()
    return largest


@pytest.mark.parametrize("megabytes", [200, pytest.param(1500, marks=pytest.mark.long)])
def test_the_wal_stays_short_while_others_read(store, megabytes):
    stream, done = new_stream(store, "s"), threading.Event()

    def read_all_the_time(partition):
        start = 0
        while not done.is_set():
            page = store.read(stream, partition, start, 2 * MIB)
            start = sum(len(batch.datas) for batch in page) + start if page else 0

    readers = [threading.Thread(target=read_all_the_time, args=(partition,)) for partition in range(4)]
    for reader in readers:
        reader.start()
    largest = fill(store, stream, megabytes)
    done.set()
    for reader in readers:
        reader.join()
    assert 0 < largest <= 64 * MIB


def test_puts_are_acknowledged_while_a_large_stream_is_deleted(store):
    """A deletion is done in slices with puts in between, not in one transaction."""
    large, small = new_stream(store, "large"), new_stream(store, "small")
    fill(store, large, 200)
    store.delete_stream(large).result()
    deleting = threading.Thread(target=store.housekeep)
    deleting.start()
    put_meanwhile = 0
    while deleting.is_alive():
        store.append(small, [0], [None], [b"x"]).result()
        put_meanwhile += 1
    assert put_meanwhile > 10
    assert store.check() == []
