"""Another process has the database open: changes go on while the disk has room, and the log says who it is."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from beam_dis.local.store import StoreUnavailable
from beam_dis.local.store.causes import database_advice, system_advice

MIB = 2**20

HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
for statement in sys.argv[2:]:
    connection.execute(statement).fetchall()
print("ready", flush=True)
sys.stdin.read()
"""

COUNTER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN")
for line in sys.stdin:
    print(connection.execute("SELECT count(*) FROM batch WHERE length(data) > 0").fetchone()[0], flush=True)
connection.execute("COMMIT")
connection.close()
"""

READING = ("BEGIN", "SELECT count(*) FROM batch_index")


class Disk(NamedTuple):
    """The free blocks of a disk, and their size in bytes."""

    f_bavail: int
    f_frsize: int


@contextmanager
def holding(file: Path, *statements: str) -> Iterator[int]:
    """A process that has executed statements on the database and waits; gives its id."""
    command = [sys.executable, "-c", HOLDER, str(file), *statements]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process.pid
        process.communicate()


def put_all(opened, stream, megabytes: int) -> float:
    """Put requests of 1 MB one after the other; returns the longest time that one took."""
    longest = 0.0
    for _ in range(megabytes):
        started = time.monotonic()
        opened.append(stream, *[(0, None, bytes(MIB // 4))] * 4).result(timeout=60)
        longest = max(longest, time.monotonic() - started)
    return longest


def put_until(opened, stream, done: Callable[[], bool]) -> None:
    """Put a request at a time until something has happened, which takes some seconds."""
    until = time.monotonic() + 60
    while not done():
        assert time.monotonic() < until
        put_all(opened, stream, 1)
        time.sleep(0.05)


@contextmanager
def reading(file: Path) -> Iterator[Callable[[], int]]:
    """A process in one long transaction; gives the number of batches that it sees."""
    with subprocess.Popen(
        [sys.executable, "-c", COUNTER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:

        def count() -> int:
            process.stdin.write("count\n")
            return int(process.stdout.readline())

        count()
        yield count
        process.communicate()


def count_of_batches(opened) -> int:
    with opened.store._reader.connection() as connection:
        (count,) = connection.execute("SELECT count(*) FROM batch").fetchone()
    return count


def wal_bytes(opened) -> int:
    return (opened.folder / "log.db-wal").stat().st_size


@pytest.mark.integration
@pytest.mark.parametrize("before", [0, 20], ids=["of an empty WAL", "of a WAL with pages"])
def test_puts_go_on_while_another_process_reads_and_the_wal_stays_short(opened, logged, undisturbed, before):
    stream = opened.stream()
    put_all(opened, stream, before)
    with holding(opened.folder / "log.db", *READING) as reader:
        assert undisturbed(lambda: put_all(opened, stream, 60), 0.9) < 0.9
        put_until(opened, stream, lambda: len(logged("local.store")) >= 3)
        put_all(opened, stream, 60)
        assert wal_bytes(opened) < 64 * MIB
    began, moved, ended = logged("local.store")
    assert f"process {reader} (python" in began
    assert "reads it in one long transaction, so the WAL can't be copied" in began
    assert f"the data are in new files now, because process {reader} (python" in moved
    assert ended.endswith("the WAL is copied into the file again")
    assert opened.reopen().check() == []
    assert wal_bytes(opened) < 64 * MIB


@pytest.mark.integration
def test_the_other_process_keeps_what_it_reads_and_touches_nothing_new(opened, logged):
    """Also if it could write: at its end SQLite would remove the WAL, if that were still its own."""
    stream = opened.stream()
    put_all(opened, stream, 1)
    with reading(opened.folder / "log.db") as count:
        before = count_of_batches(opened)
        assert count() == before
        put_until(opened, stream, lambda: any("in new files" in message for message in logged("local.store")))
        assert count() == before
        stored = count_of_batches(opened)
    put_all(opened, stream, 3)
    assert count_of_batches(opened) > stored > before
    assert (opened.folder / "log.db-wal").exists()
    assert opened.reopen().check() == []


@pytest.mark.integration
def test_a_disk_without_room_for_the_copy_refuses_puts_and_names_the_reader(opened, monkeypatch):
    stream = opened.stream()
    with holding(opened.folder / "log.db", *READING) as reader:
        monkeypatch.setattr("beam_dis.local.store.move.SPARE_BYTES", 2**60)
        put_all(opened, stream, 60)
        monkeypatch.setattr(os, "statvfs", lambda _: Disk(f_bavail=50, f_frsize=MIB))
        refused = opened.append(stream, (0, None, b"x")).exception(timeout=30)
        assert isinstance(refused, StoreUnavailable)
        assert f"process {reader} (" in str(refused)
        assert "and the disk has no more room for it" in str(refused)
    assert opened.append(stream, (0, None, b"x")).result(timeout=30) == [240]


@pytest.mark.integration
@pytest.mark.parametrize("statement", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
def test_another_process_that_writes_is_named_and_puts_go_on_afterwards(opened, logged, statement):
    stream = opened.stream()
    with holding(opened.folder / "log.db", statement) as writer:
        refused = opened.append(stream, (0, None, b"x")).exception(timeout=30)
        assert isinstance(refused, StoreUnavailable)
        assert f"nothing was stored: database is locked; process {writer} (" in str(refused)
        assert "space" not in str(refused)
        assert opened.numbers(stream) == []
    assert opened.put(stream, b"x") == [0]
    assert [message.endswith("changes are stored again") for message in logged("local.store")] == [False, True]


@pytest.mark.integration
def test_a_backup_of_a_running_server_is_whole_and_holds_up_nothing(opened, tmp_path):
    stream = opened.stream()
    put_all(opened, stream, 20)
    with sqlite3.connect(opened.folder / "log.db") as source, sqlite3.connect(tmp_path / "copy.db") as copy:
        source.backup(copy)
        put_all(opened, stream, 5)
        assert copy.execute("SELECT count(*) FROM batch_index").fetchone()[0] > 0


ADVICE = {
    "database is locked": "another process uses it: end that",
    "database table is locked": "another process uses it",
    "database or disk is full": "free some space",
    "attempt to write a readonly database": "let this user write",
    "disk I/O error": "look for errors of the disk",
    "database disk image is malformed": "it is damaged",
    "file is not a database": "it is damaged",
    "unable to open database file": "the file is gone",
    "something new": "look at the system's log",
}


@pytest.mark.parametrize("text", ADVICE)
def test_each_cause_has_its_own_advice(text, tmp_path):
    advice = database_advice(tmp_path / "log.db", sqlite3.OperationalError(text))
    assert advice.startswith(ADVICE[text])
    assert ("space" in advice) == (text == "database or disk is full")


def test_a_file_that_can_not_be_opened_is_there_or_gone_or_one_too_many(tmp_path, monkeypatch):
    file = tmp_path / "log.db"
    error = sqlite3.OperationalError("unable to open database file")
    file.touch()
    assert database_advice(file, error) == "let this user read and write the folder and its files"

    def refuse(*_: object) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "open", refuse)
    assert database_advice(file, error) == (
        "this process has too many open files: raise its limit (ulimit -n), or close connections"
    )


@pytest.mark.parametrize(
    ("number", "advice"),
    [(28, "free some space on its disk"), (13, "let this user write"), (24, "ulimit -n"), (30, "a disk that can be"), (5, "give a folder")],
)  # fmt: skip
def test_each_error_of_the_system_has_its_own_advice(number, advice):
    assert advice in system_advice(OSError(number, "x"))


def test_the_command_that_lists_users_of_a_file_can_be_pasted(tmp_path):
    """Also if the folder's name has spaces."""
    path = tmp_path / "my data" / "log.db"
    assert f"`lsof '{path}'` lists" in database_advice(path, sqlite3.OperationalError("database is locked"))
