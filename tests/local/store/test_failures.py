"""Damaged data is found and never skipped; changes that fail or are refused affect no others."""

import sqlite3

import pytest

from beam_dis.local.store import StoreError, StoreUnavailable
from beam_dis.wire.error_codes import Refusal


@pytest.fixture
def stream(opened):
    """A stream with three batches of one record each."""
    made = opened.stream()
    for data in (b"a", b"needle", b"c"):
        opened.put(made, data)
    return made


def execute(opened, statement):
    """Change the file while the store is closed."""
    opened.store.close()
    connection = sqlite3.connect(opened.folder / "log.db", isolation_level=None)
    connection.execute(statement)
    connection.close()
    return opened.open()


def test_a_damaged_batch_is_found_by_the_check_and_refused_when_it_is_read(opened, stream):
    opened.store.close()
    file = opened.folder / "log.db"
    file.write_bytes(file.read_bytes().replace(b"needle", b"nEedle"))
    problem = "records 1 to 1 are damaged: its checksum does not match"
    assert opened.open().check() == [f"stream 's', shardId-0000000000: {problem}"]
    with pytest.raises(StoreError, match="records 1 to 1 of shardId-0000000000 of stream 's' are damaged"):
        opened.store.read(stream, 0, 0, 100)
    assert opened.numbers(stream, start=2) == [2]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("DELETE FROM batch_index WHERE first = 1", "records 1 to 1 are missing"),
        ("DELETE FROM batch_index WHERE first = 2", "records 2 to 2 are missing"),
        ("DELETE FROM batch WHERE id = 2", "records 1 to 1 are damaged: 0 bytes are not a blob"),
        (
            "UPDATE batch_index SET time_ms = 5 WHERE first = 1",
            "the arrival time of record 1 is before that of record 0",
        ),
        (
            "UPDATE batch_index SET batch = 3 WHERE first = 1",
            "records 1 to 1 are damaged: the blob's header says 1 records from 2 on at 1767225600000 ms",
        ),
    ],
)
def test_the_check_finds_what_is_missing_or_misplaced(opened, stream, damage, expected):
    assert expected in execute(opened, damage).check()[0]


@pytest.mark.parametrize(
    "statement", ["DELETE FROM batch_index WHERE first = 1", "UPDATE batch_index SET batch = 3 WHERE first = 1"]
)
def test_a_read_never_skips_a_missing_record(opened, stream, statement):
    execute(opened, statement)
    for start in (0, 1):
        with pytest.raises(StoreError, match="missing"):
            opened.store.read(stream, 0, start, 100)


def test_a_group_that_fails_changes_nothing_and_the_next_group_is_stored(opened, monkeypatch):
    stream = opened.stream()
    opened.put(stream, b"a")
    with monkeypatch.context() as broken:
        broken.setattr("beam_dis.local.store.writer_connection._PUT_BATCH_INDEX", "INSERT INTO nowhere VALUES (?)")
        failed = opened.append(stream, (0, None, b"lost")).exception()
    assert isinstance(failed, StoreUnavailable)
    assert "nothing was stored" in str(failed)
    assert (opened.partition(stream).next, opened.numbers(stream)) == (1, [0])
    assert opened.put(stream, b"b") == [1]


def test_a_refused_change_affects_no_other_change_of_its_group(opened):
    stream = opened.stream()
    refused, appended = opened.store.scale(stream, 0), opened.append(stream, (0, None, b"a"))
    assert isinstance(refused.exception(), Refusal)
    assert appended.result() == [0]


def test_queued_changes_are_finished_at_closing_and_later_ones_are_refused(opened):
    stream = opened.stream()
    futures = [opened.append(stream, (0, None, b"a")) for _ in range(20)]
    closed = opened.store
    opened.reopen()
    assert [future.result() for future in futures] == [[number] for number in range(20)]
    assert opened.numbers(stream) == list(range(20))
    assert isinstance(closed.append(stream, [], [], []).exception(), StoreUnavailable)
    with pytest.raises(StoreUnavailable, match="closed"):
        closed.read(stream, 0, 0, 1)


def test_a_queued_change_can_t_be_cancelled(opened):
    future = opened.append(opened.stream())
    assert not future.cancel()
    assert future.result() == []
