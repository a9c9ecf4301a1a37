"""``beam-dis check`` reads and changes nothing."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing

import pytest

from beam_dis.cli.main import main
from beam_dis.local import LocalDIS
from beam_dis.local.store import StreamDefinition, open_store

LONG_AGO = 1_000_000_000.0


@pytest.fixture
def folder(tmp_path):
    """Records that expired long ago and haven't been deleted yet."""
    store = open_store(tmp_path, clock=lambda: LONG_AGO, housekeeping_interval=None)
    stream = store.create_stream("p", StreamDefinition(name="s", partition_count=1)).result()
    store.append(stream, [0] * 10, [None] * 10, [b"x"] * 10).result()
    store.close()
    return tmp_path


def range_of(folder):
    store = open_store(folder, clock=lambda: LONG_AGO, housekeeping_interval=None)
    partition = store.stream("p", "s").partitions[0]
    store.close()
    return partition.earliest, partition.next


def test_expired_records_are_checked_and_not_deleted(folder, capsys, monkeypatch):
    monkeypatch.setattr("beam_dis.local.store.store.Writer", _writer_with_housekeeping)
    assert main(["check", "--data", str(folder)]) == 0
    assert "no damage" in capsys.readouterr().out
    monkeypatch.undo()
    assert range_of(folder) == (0, 10)


def _writer_with_housekeeping(connection, interval, steps):
    """A writer that does its housekeeping at once if it does any."""
    from beam_dis.local.store.writer import Writer

    writer = Writer(connection, interval and 1e-9, steps)
    if interval:
        writer.housekeep().result()
    return writer


@pytest.mark.parametrize("name", [None, "notes.txt", "log.db"])
def test_a_folder_without_a_store_is_reported_and_stays_as_it_is(tmp_path, capsys, name):
    if name is not None:
        (tmp_path / name).touch()
    before = sorted(tmp_path.iterdir())
    assert main(["check", "--data", str(tmp_path)]) == 1
    assert capsys.readouterr().err == (
        f"beam-dis: error: there is no store in {tmp_path}: give the folder that was given to serve\n"
    )
    assert sorted(tmp_path.iterdir()) == before


def test_the_database_of_another_program_is_no_store_and_stays_as_it_is(tmp_path, capsys):
    with closing(sqlite3.connect(tmp_path / "log.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
    before = (tmp_path / "log.db").read_bytes()
    assert main(["check", "--data", str(tmp_path)]) == 1
    assert "there is no store" in capsys.readouterr().err
    assert ([path.name for path in tmp_path.iterdir()], (tmp_path / "log.db").read_bytes()) == (["log.db"], before)


@pytest.mark.integration
def test_the_data_of_a_killed_server_are_checked(tmp_path, capsys):
    with LocalDIS(tmp_path) as dis:
        os.kill(dis.pid, signal.SIGKILL)
    assert main(["check", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"beam-dis: no damage in {tmp_path}\n"
