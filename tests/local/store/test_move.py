"""A database moves to new files, and whenever that is interrupted, its files are the whole database."""

import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from beam_dis.local.store import move as move_module
from beam_dis.local.store import open_store
from beam_dis.local.store.database import open_writer
from beam_dis.local.store.move import Move, Mover

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(opened, tmp_path):
    """The files of a store that was killed: a record in the database, and one that only the WAL has."""
    stream = opened.stream()
    opened.put(stream, b"one")
    opened.reopen()
    opened.put(stream, b"two")
    copied = tmp_path / "killed"
    shutil.copytree(opened.folder, copied)
    assert (copied / "log.db-wal").stat().st_size > 0
    return copied


def records(folder: Path) -> list[bytes]:
    store = open_store(folder, clock=time.time, housekeeping_interval=None)
    page = store.read(store.stream("p", "s"), 0, 0, 1000)
    problems = store.check()
    store.close()
    assert problems == []
    return [data for batch in page for data in batch.datas]


def finished(path: Path) -> Move:
    """A move whose file is copied."""
    move = Move(path)
    while move.is_copying():
        time.sleep(0.01)
    return move


def test_a_database_that_has_moved_has_the_same_records_in_other_files(folder):
    files = [folder / name for name in ("log.db", "log.db-wal")]
    before = [file.stat().st_ino for file in files]
    finished(folder / "log.db").finish()
    assert [file.stat().st_ino for file in files] != before
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600, 0o600]
    assert records(folder) == [b"one", b"two"]


@pytest.mark.parametrize("step", range(3))
def test_a_move_that_is_killed_at_a_change_of_names_loses_nothing(folder, monkeypatch, step):
    """Before each of the two, and after both."""
    changes = 0
    plain = Path.replace

    def replace(self: Path, target: Path) -> Path:
        nonlocal changes
        changes += 1
        if changes > step:
            raise KeyboardInterrupt
        return plain(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(move_module, "flush_folder", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        finished(folder / "log.db").finish()
    monkeypatch.undo()
    assert records(folder) == [b"one", b"two"]
    assert not list(folder.glob("*~"))


READER = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('SELECT count(*) FROM batch').fetchall()"


def reader_says(path: Path) -> str:
    """What another process is told that begins to read now."""
    done = subprocess.run([sys.executable, "-c", READER, str(path)], capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition(": ")[2]


def test_no_process_begins_to_read_between_the_changes_of_names(folder, monkeypatch):
    """SQLite would delete the server's WAL when that reader is the last one."""
    said: list[str] = []
    plain = Path.replace

    def replace(self: Path, target: Path) -> Path:
        done = plain(self, target)
        said.append(reader_says(folder / "log.db"))
        return done

    monkeypatch.setattr(Path, "replace", replace)
    finished(folder / "log.db").finish()
    assert said == ["database is locked", "database is locked"]
    assert reader_says(folder / "log.db") == ""
    assert records(folder) == [b"one", b"two"]


def test_a_file_that_was_written_meanwhile_is_not_moved(folder):
    move = finished(folder / "log.db")
    with (folder / "log.db").open("r+b") as file:
        file.seek(0, 2)
        file.write(bytes(32768))
    with pytest.raises(OSError, match="the file has changed"):
        move.finish()
    move.cancel()
    assert not list(folder.glob("*~"))


def test_copies_that_a_killed_server_has_left_are_removed(folder):
    for name in ("log.db.move~", "log.db-wal.move~"):
        (folder / name).write_bytes(b"half")
    assert records(folder) == [b"one", b"two"]
    assert not list(folder.glob("*~"))


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def step_until(mover: Mover, connection: sqlite3.Connection, *, wanted: bool = True) -> bool:
    """Step until a move has ended; returns whether it has moved."""
    mover.step(connection, wanted=wanted)
    while mover._move is not None and mover._move.is_copying():
        time.sleep(0.01)
    return mover.step(connection, wanted=wanted)


def test_a_move_that_is_not_wanted_any_more_is_given_up(folder):
    with closing(open_writer(folder / "log.db")) as connection:
        mover = Mover(folder / "log.db")
        mover.step(connection, wanted=True)
        assert (folder / "log.db.move~").exists()
        assert mover.step(connection, wanted=False) is False
        assert not list(folder.glob("*~"))


def test_a_move_that_fails_is_logged_and_tried_again_after_a_minute(folder, monkeypatch, logged):
    clock = Clock()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with closing(open_writer(folder / "log.db")) as connection:
        mover = Mover(folder / "log.db", timer=clock)
        assert step_until(mover, connection) is False
        monkeypatch.undo()
        clock.now = 59.0
        assert step_until(mover, connection) is False
        clock.now = 60.0
        assert step_until(mover, connection) is True
    failed, again, _ = logged("local.store")
    assert "can't be moved to new files, so its WAL grows: No such file or directory" in failed
    assert again.endswith("can be moved again")


@pytest.mark.parametrize("begun", [False, True])
def test_a_database_that_was_removed_is_not_moved(folder, logged, begun):
    with closing(open_writer(folder / "log.db")) as connection:
        mover = Mover(folder / "log.db")
        if begun:
            mover.step(connection, wanted=True)
        (folder / "log.db").unlink()
        assert step_until(mover, connection) is False
        assert not list(folder.glob("*~"))
    assert "can't be moved to new files, so its WAL grows" in logged("local.store")[0]


def test_nothing_is_copied_onto_a_disk_without_room(folder, monkeypatch):
    monkeypatch.setattr(move_module, "SPARE_BYTES", 2**60)
    with closing(open_writer(folder / "log.db")) as connection:
        mover = Mover(folder / "log.db")
        assert step_until(mover, connection) is False
        assert not list(folder.glob("*~"))
