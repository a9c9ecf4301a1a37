"""``beam-dis check`` reads and changes nothing."""

from __future__ import annotations

import pytest

from beam_dis.cli.main import main
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


def _writer_with_housekeeping(connection, catalogue, interval):
    """A writer that does its housekeeping at once if it does any."""
    from beam_dis.local.store.writer import Writer

    writer = Writer(connection, catalogue, interval and 1e-9)
    if interval:
        writer.housekeep().result()
    return writer
