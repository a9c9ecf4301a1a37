"""A snapshot is the state of one moment, whatever happens to the data folder while it is made."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from beam_dis.local.store import StoreError, StreamDefinition, export_snapshot, import_snapshot, open_store

DAY = 24 * 3600


class Exports:
    """Exports the opened store with something that happens after the first page, and opens what was exported."""

    def __init__(self, opened, folder):
        self.opened = opened
        self.file = folder / "one.snapshot"
        self.restored = folder / "restored"

    def export(self, after_first_page=None):
        pages = []

        def on_progress(*counts):
            pages.append(counts)
            if after_first_page is not None and len(pages) == 1:
                after_first_page()

        return export_snapshot(self.opened.folder, self.file, now_ms=7, on_progress=on_progress)

    def restore(self):
        """The store of the snapshot; the caller closes it."""
        import_snapshot(self.file, self.restored)
        return open_store(self.restored, clock=self.opened.clock, housekeeping_interval=None)


@pytest.fixture
def exports(opened, tmp_path):
    return Exports(opened, tmp_path)


def datas(store, name="s"):
    stream = store.stream("p", name)
    return [
        [data for batch in store.read(stream, p.number, p.earliest, 2**20) for data in batch.datas]
        for p in stream.partitions
    ]


def test_a_store_and_its_snapshot_have_the_same_streams_and_records(opened, exports):
    stream = opened.stream(partitions=2, data_type="CSV", delimiter=";", retention_hours=48)
    opened.put(stream, b"a", b"b", partition=0, key="ä")
    opened.put(stream, b"c", partition=1)
    made = exports.export()
    with closing(exports.restore()) as restored:
        assert restored.streams() == opened.store.streams()
        assert datas(restored) == [[b"a", b"b"], [b"c"]]
        assert (made.streams, made.records, made.created_ms) == (1, 3, 7)


def test_what_is_put_and_created_after_the_export_began_is_not_in_it(opened, exports):
    stream = opened.stream(partitions=2)
    opened.put(stream, b"a", partition=0)
    opened.put(stream, b"b", partition=1)

    def go_on():
        opened.put(stream, b"late", partition=1)
        opened.stream("late")

    exports.export(go_on)
    with closing(exports.restore()) as restored:
        assert (datas(restored), restored.stream("p", "late")) == ([[b"a"], [b"b"]], None)


def test_no_transaction_keeps_the_wal_from_being_copied(opened, exports):
    stream = opened.stream(partitions=2)
    opened.put(stream, b"a", partition=0)
    opened.put(stream, b"b", partition=1)
    found = []

    def copy_wal():
        with closing(sqlite3.connect(opened.store.path, isolation_level=None)) as connection:
            found.extend(connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())

    exports.export(copy_wal)
    assert found[0] == 0  # not busy


def test_records_that_expire_during_an_export_have_expired_in_the_snapshot(opened, exports):
    stream = opened.stream(partitions=2)
    opened.put(stream, b"a", partition=0)
    opened.put(stream, b"b", b"c", partition=1)
    opened.clock.advance(DAY - 1)
    opened.put(stream, b"d", partition=1)

    def expire():
        opened.clock.advance(2)
        opened.store.housekeep()

    exports.export(expire)
    with closing(exports.restore()) as restored:
        assert restored.stream("p", "s").partitions[1].earliest == 2
        assert (datas(restored)[1], restored.check()) == ([b"d"], [])


def test_a_partition_may_expire_completely_during_an_export(opened, exports):
    stream = opened.stream(partitions=2)
    opened.put(stream, b"a", partition=0)
    opened.put(stream, b"b", b"c", partition=1)

    def expire_and_go_on():
        opened.clock.advance(DAY)
        opened.store.housekeep()
        opened.put(stream, b"late", partition=1)

    assert exports.export(expire_and_go_on).records == 1
    with closing(exports.restore()) as restored:
        partition = restored.stream("p", "s").partitions[1]
        assert ((partition.earliest, partition.next), restored.check()) == ((2, 2), [])


def test_a_stream_that_is_deleted_during_an_export_is_deleted_in_the_snapshot(opened, exports):
    first, second = opened.stream("a"), opened.stream("b")
    opened.put(first, b"1")
    opened.put(second, b"2")
    app = opened.store.create_app("p", "app").result()
    opened.store.commit_checkpoint("p", app, second, 0, 1).result()

    def delete():
        opened.store.delete_stream(second).result()
        opened.store.housekeep()

    exports.export(delete)
    with closing(exports.restore()) as restored:
        restored.housekeep()
        assert ([s.name for s in restored.streams()], restored.checkpoints("p", app)) == (["a"], {})


def test_streams_that_were_deleted_before_leave_nothing_in_the_snapshot(opened, exports):
    gone = opened.stream("gone")
    opened.put(gone, b"1")
    opened.store.delete_stream(gone).result()
    exports.export()
    with closing(exports.restore()) as restored:
        kept = restored.create_stream("p", StreamDefinition(name="new", partition_count=1)).result()
        assert (kept.row, restored.check()) == (gone.row + 1, [])


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        ("DELETE FROM batch", "records 0 to 1 are damaged: 0 bytes are not a blob"),
        ("DELETE FROM batch_index", "records 0 to 1 are damaged: they are missing"),
        (
            "UPDATE batch SET data = CAST(substr(data, 1, 40) || x'000000' AS BLOB)",
            "records 0 to 1 are damaged: its checksum does not match",
        ),
    ],
)
def test_damaged_records_end_the_export_and_no_file_is_made(opened, exports, damage, why):
    opened.put(opened.stream(), b"a", b"b")
    with closing(sqlite3.connect(opened.store.path, isolation_level=None)) as connection:
        connection.execute(damage)
    with pytest.raises(
        StoreError, match=f"shardId-0000000000 of stream 's': {why}; stop the server, run beam-dis check"
    ):
        exports.export()
    assert [path.name for path in exports.file.parent.iterdir()] == ["data"]


def test_a_file_that_is_there_is_not_replaced(opened, exports):
    exports.file.write_text("precious")
    with pytest.raises(StoreError, match=r"one\.snapshot is there already: give another name, or remove it"):
        exports.export()
    assert exports.file.read_text() == "precious"


def test_a_link_to_nothing_is_not_replaced(opened, tmp_path):
    opened.stream()
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    with pytest.raises(StoreError, match="link is there already"):
        export_snapshot(opened.folder, link, now_ms=0)
    assert link.is_symlink()


def test_the_folder_itself_is_no_name_for_a_snapshot(opened):
    opened.stream()
    with pytest.raises(StoreError, match="is there already"):
        export_snapshot(opened.folder, Path(), now_ms=0)


def test_a_folder_without_a_store_is_refused(tmp_path):
    with pytest.raises(StoreError, match=r"there is no store in .*: give the folder that was given to serve"):
        export_snapshot(tmp_path, tmp_path / "s", now_ms=0)
    assert list(tmp_path.iterdir()) == []


def test_a_store_of_another_version_is_refused(opened, exports):
    with closing(sqlite3.connect(opened.store.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version=4")
    with pytest.raises(StoreError, match=r"has version 4, and this release of beam-dis reads version \d+ only"):
        exports.export()


def test_two_exports_to_one_file_do_not_mix(opened, exports):
    temporary = exports.file.with_name(".one.snapshot.export~")
    with temporary.open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match=r"another export is writing .*one\.snapshot: wait until it has ended"):
            exports.export()
    exports.export()
    assert (exports.file.exists(), temporary.exists()) == (True, False)


def test_a_snapshot_is_private_whatever_the_umask(opened, exports):
    before = os.umask(0)
    try:
        exports.export()
    finally:
        os.umask(before)
    assert stat.S_IMODE(exports.file.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_written_is_reported(opened, exports):
    exports.file = exports.file.parent / "missing" / "one.snapshot"
    with pytest.raises(StoreError, match=r"one\.snapshot can't be written: No such file or directory; give a folder"):
        exports.export()


def test_progress_is_told_in_records_and_reaches_the_end(opened, exports):
    stream = opened.stream(partitions=2)
    opened.put(stream, b"a", b"b", partition=0)
    opened.put(stream, b"c", partition=1)
    told = []
    export_snapshot(opened.folder, exports.file, now_ms=0, on_progress=lambda *counts: told.append(counts))
    assert told == [(2, 3), (3, 3)]


def test_what_a_killed_export_left_is_replaced(opened, exports):
    opened.put(opened.stream(), b"a")
    for suffix in ("", "-wal", "-shm"):
        exports.file.with_name(f".one.snapshot.export~{suffix}").write_bytes(b"half")
    exports.export()
    assert sorted(path.name for path in exports.file.parent.iterdir()) == ["data", "one.snapshot"]
    with closing(exports.restore()) as restored:
        assert datas(restored) == [[b"a"]]
