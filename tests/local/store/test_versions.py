"""Folders of every version open, with all that they hold: older ones are upgraded."""

import gzip
import sqlite3
from pathlib import Path

import pytest

from beam_dis.local.store import Entry, Placed, StoredCheckpoint, StoredRecord, StoreError, Tag, database, open_store
from beam_dis.local.store.database import VERSION

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = range(1, VERSION + 1)


def unpacked(version, folder):
    packed = GOLDEN / f"version-{version}.db.gz"
    (folder / "log.db").write_bytes(gzip.decompress(packed.read_bytes()))


@pytest.fixture(params=VERSIONS)
def store(request, tmp_path):
    unpacked(request.param, tmp_path)
    opened = open_store(tmp_path, clock=lambda: 1_767_225_600.0, housekeeping_interval=None)
    yield opened
    opened.close()


def test_streams_and_partitions_are_as_they_were(store):
    (stream,) = store.streams("p")
    assert (stream.name, stream.data_type, stream.delimiter) == ("flights", "CSV", ";")
    assert (stream.retention_hours, stream.tags) == (48, (Tag("season", "winter"),))
    partitions = [(partition.status, partition.earliest, partition.next) for partition in stream.partitions]
    assert partitions == [("ACTIVE", 0, 3), ("ACTIVE", 0, 0), ("DELETED", 0, 1)]


def test_records_and_checkpoints_are_as_they_were(store):
    stream, app = store.stream("p", "flights"), store.app("p", "reader")
    assert store.read(stream, 0, 0, 5) == [StoredRecord(0, "AA", b"first", 1767225600000)]
    assert store.checkpoint("p", app, stream.stream_id, 0) == StoredCheckpoint(2, "m")


def test_numbers_go_on_and_all_is_well(store):
    stream = store.stream("p", "flights")
    store.housekeep()
    assert store.append(stream, [Entry(0, None, b"x")]).result() == [Placed(0, 3)]
    assert store.check() == []


def test_an_opened_folder_has_the_newest_version(store, tmp_path):
    connection = sqlite3.connect(tmp_path / "log.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    connection.close()


@pytest.mark.parametrize(("version", "advanced"), [(1, 0.0), (2, 3600.5)])
def test_the_clock_is_as_far_ahead_as_it_was(tmp_path, version, advanced):
    unpacked(version, tmp_path)
    store = open_store(tmp_path, clock=lambda: 1_767_225_600.0, housekeeping_interval=None)
    assert store.clock_advance() == advanced
    store.close()


def test_an_upgrade_that_fails_changes_nothing_and_can_be_repeated(tmp_path, monkeypatch):
    unpacked(1, tmp_path)
    with monkeypatch.context() as broken:
        broken.setitem(database._MIGRATIONS, 1, database._MIGRATIONS[1] + "INSERT INTO nowhere VALUES (0);")
        with pytest.raises(StoreError):
            open_store(tmp_path, clock=lambda: 0.0)
    connection = sqlite3.connect(tmp_path / "log.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()
    store = open_store(tmp_path, clock=lambda: 0.0, housekeeping_interval=None)
    assert (store.clock_advance(), store.check()) == (0.0, [])
    store.close()


def test_there_is_a_folder_for_every_version_and_no_other():
    names = sorted(path.name for path in GOLDEN.glob("*.gz"))
    assert names == [f"version-{version}.db.gz" for version in VERSIONS]
