"""An import makes a whole data folder or nothing, of a snapshot that is as it was written."""

from __future__ import annotations

import errno
import os
import stat
import time
from contextlib import closing

import msgspec
import pytest

from beam_dis.local.store import (
    DumpPosition,
    StoreError,
    Tag,
    export_snapshot,
    import_snapshot,
    open_store,
    snapshot_import,
)
from beam_dis.local.store.data_folder import DataFolder
from beam_dis.wire.dump_tasks import OBSDestination
from beam_dis.wire.streams import PolicyRule


@pytest.fixture
def exported(opened, tmp_path):
    """``exported()``: the file of a snapshot of the opened store."""

    def export():
        export_snapshot(opened.folder, tmp_path / "snapshot", now_ms=0)
        return tmp_path / "snapshot"

    return export


@pytest.fixture
def file(opened, exported):
    opened.put(opened.stream(), b"a", b"b")
    return exported()


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def contents(store):
    """Everything that a store has besides its streams and records."""
    apps = store.apps("p")
    return (
        apps,
        [store.checkpoints("p", app) for app in apps],
        store.dump_tasks(),
        store.clock_advance(),
        store.usage_totals(),
    )


def test_apps_checkpoints_tags_policies_tasks_counts_and_clock_stay(opened, exported, tmp_path):
    stream, store = opened.stream(partitions=3), opened.store
    opened.put(stream, b"a", partition=1)
    app = store.create_app("p", "app").result()
    store.commit_checkpoint("p", app, stream, 1, 1, "note").result()
    store.put_tags(stream, [Tag("env", "test")]).result()
    rule = PolicyRule(principal_name="acme.*", action_type="getRecords")
    store.add_policies(stream, [rule]).result()
    task = store.create_dump_task(stream, OBSDestination(task_name="t", obs_bucket_path="lake")).result()
    store.set_dump_position(task, DumpPosition(partition=1, next=1)).result()
    store.scale(stream, 2).result()
    store.advance_clock(90.0).result()
    store.store_usage().result()
    import_snapshot(exported(), tmp_path / "new")
    with closing(open_store(tmp_path / "new", clock=opened.clock, housekeeping_interval=None)) as restored:
        assert restored.streams() == store.streams()
        assert contents(restored) == contents(store)
        assert contents(restored)[3:] == (90.0, {stream.row: {1: store.usage_totals()[stream.row][1]}})


def test_numbers_go_on_where_they_were(opened, file, tmp_path):
    import_snapshot(file, tmp_path / "new")
    with closing(open_store(tmp_path / "new", clock=opened.clock, housekeeping_interval=None)) as restored:
        assert restored.append(restored.stream("p", "s"), [0], [None], [b"c"]).result() == [2]


def test_an_imported_folder_has_the_files_and_modes_of_any_other(file, tmp_path):
    folder = tmp_path / "deep" / "new"
    import_snapshot(file, folder)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.iterdir()]}
    assert modes == {"new": 0o700, "log.db": 0o600, "lock": 0o600}
    assert files(folder.parent) == ["new"]


def test_a_folder_that_is_there_and_empty_is_filled(file, tmp_path):
    (tmp_path / "volume").mkdir()
    import_snapshot(file, tmp_path / "volume")
    assert (files(tmp_path / "volume"), files(tmp_path)) == (["lock", "log.db"], ["data", "snapshot", "volume"])


@pytest.mark.parametrize("name", ["log.db", "notes.txt"])
def test_a_folder_that_holds_something_is_refused_and_stays_as_it_is(file, tmp_path, name):
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / name).write_text("mine")
    with pytest.raises(StoreError, match=f"full is not empty, it has {name}: give a folder that is missing or empty"):
        import_snapshot(file, folder)
    assert (files(folder), (folder / name).read_text()) == ([name], "mine")


def test_a_folder_whose_links_lead_nowhere_is_refused(file, tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(StoreError, match=r"loop can't be a data folder: .*; give a folder that is missing or empty"):
        import_snapshot(file, tmp_path / "loop")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_or_a_folder_is_no_snapshot(tmp_path, make):
    make(tmp_path / "odd")
    with pytest.raises(StoreError, match="odd is not a file: give a file that beam-dis export wrote"):
        import_snapshot(tmp_path / "odd", tmp_path / "made")


def test_a_file_in_place_of_the_folder_is_refused(file, tmp_path):
    with pytest.raises(StoreError, match="snapshot can't be a data folder: Not a directory; give a folder that is"):
        import_snapshot(file, file)


@pytest.mark.parametrize("where", [100, 40_000, -100, -50, -20, -11])
def test_one_changed_byte_is_found_and_nothing_is_made(file, tmp_path, where):
    content = bytearray(file.read_bytes())
    content[where] ^= 1
    file.write_bytes(content)
    with pytest.raises(StoreError, match=r"snapshot is damaged: .*; get another copy of it, or another snapshot"):
        import_snapshot(file, tmp_path / "new")
    assert files(tmp_path) == ["data", "snapshot"]


@pytest.mark.parametrize("cut", [1, 20, 10_000])
def test_a_file_that_was_cut_short_is_refused(file, tmp_path, cut):
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(
        StoreError, match="snapshot is a database without the end that a snapshot has: it was cut short"
    ):
        import_snapshot(file, tmp_path / "new")


def test_a_file_with_bytes_missing_in_the_middle_is_refused(file, tmp_path):
    content = file.read_bytes()
    file.write_bytes(content[:50_000] + content[60_000:])
    with pytest.raises(StoreError, match=rf"it has {len(content) - 10_000} bytes instead of {len(content)}"):
        import_snapshot(file, tmp_path / "new")


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 5000])
def test_another_file_is_no_snapshot(tmp_path, content):
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(StoreError, match="other is not a snapshot: give a file that beam-dis export wrote"):
        import_snapshot(tmp_path / "other", tmp_path / "new")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(StoreError, match=r"there is no file .*none: give a file that beam-dis export wrote"):
        import_snapshot(tmp_path / "none", tmp_path / "new")


@pytest.mark.parametrize(
    ("name", "said"), [("format", "has format 9, and"), ("store", "has a data folder of version 9, and")]
)
def test_another_version_is_refused_with_its_number_and_the_release(file, tmp_path, name, said):
    content = file.read_bytes()
    length = int.from_bytes(content[-12:-8], "little")
    footer = msgspec.json.decode(content[-44 - length : -44])
    changed = msgspec.json.encode({**footer, name: 9, "written_by": "9.9"})
    file.write_bytes(
        content[: -44 - length] + changed + content[-44:-12] + len(changed).to_bytes(4, "little") + b"DISSNAP1"
    )
    with pytest.raises(StoreError, match=rf"{said} this release of beam-dis reads \d only: .* wrote it \(9\.9\)"):
        import_snapshot(file, tmp_path / "new")


@pytest.mark.parametrize("exists", [False, True])
def test_a_full_disk_is_reported_and_nothing_is_left(file, tmp_path, monkeypatch, exists):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    if exists:
        (tmp_path / "new").mkdir()
    before = files(tmp_path)
    monkeypatch.setattr(snapshot_import, "copy_database", full)
    with pytest.raises(StoreError, match="new can't be written: No space left on device; free some space on its disk"):
        import_snapshot(file, tmp_path / "new")
    assert (files(tmp_path), exists and files(tmp_path / "new")) == (before, exists and [])


@pytest.mark.parametrize("staging", [".new.import~", "new"])
def test_what_a_killed_import_left_is_replaced(file, tmp_path, staging):
    (tmp_path / staging).mkdir()
    (tmp_path / staging / "lock").write_text("1")
    (tmp_path / staging / "log.db.import~").write_text("half")
    import_snapshot(file, tmp_path / "new")
    assert (files(tmp_path), files(tmp_path / "new")) == (["data", "new", "snapshot"], ["lock", "log.db"])


def test_two_imports_of_one_folder_do_not_mix(file, tmp_path):
    other = DataFolder(tmp_path / ".new.import~")
    with pytest.raises(StoreError, match=r"\.new\.import~ is in use by process \d+: stop it, or give another folder"):
        import_snapshot(file, tmp_path / "new")
    other.release()
    import_snapshot(file, tmp_path / "new")


def test_progress_is_told_in_bytes_and_reaches_the_end(file, tmp_path):
    told = []
    made = import_snapshot(file, tmp_path / "new", on_progress=lambda *counts: told.append(counts))
    assert told[-1] == (made.database_bytes, made.database_bytes)


def test_a_snapshot_of_an_empty_store_is_an_empty_store(exported, tmp_path):
    import_snapshot(exported(), tmp_path / "new")
    with closing(open_store(tmp_path / "new", clock=time.time, housekeeping_interval=None)) as restored:
        assert (restored.streams(), restored.check()) == ([], [])
