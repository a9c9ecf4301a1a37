"""Folders of every version open, with all that they hold."""

import gzip
from pathlib import Path

import pytest

from beam_dis.local.store import Entry, Placed, StoredCheckpoint, StoredRecord, Tag, open_store
from beam_dis.local.store.database import VERSION

GOLDEN = Path(__file__).parent / "golden"
VERSIONS = range(1, VERSION + 1)


@pytest.fixture(params=VERSIONS)
def store(request, tmp_path):
    packed = GOLDEN / f"version-{request.param}.db.gz"
    (tmp_path / "log.db").write_bytes(gzip.decompress(packed.read_bytes()))
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


def test_there_is_a_folder_for_every_version_and_no_other():
    names = sorted(path.name for path in GOLDEN.glob("*.gz"))
    assert names == [f"version-{version}.db.gz" for version in VERSIONS]
