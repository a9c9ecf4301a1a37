import shutil
import sqlite3

import pytest

from beam_dis.local.clock import Clock
from beam_dis.local.store import Entry, StoreError, StoreUnavailable, open_store
from beam_dis.wire.error_codes import Refusal


def refusal_to_open(folder):
    with pytest.raises(StoreError) as caught:
        open_store(folder, clock=Clock())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def change(shelf, statement):
    """Change the file behind the store's back."""
    shelf.store.close()
    connection = sqlite3.connect(shelf.folder / "log.db", isolation_level=None)
    connection.execute(statement)
    connection.close()


@pytest.fixture
def abandoned(shelf):
    """The folder of a store that was closed."""
    shelf.stream()
    shelf.store.close()
    yield shelf.folder
    shelf.store = open_store(shelf.folder.parent / "other", clock=Clock())


def test_a_second_opener_is_refused_by_name(shelf):
    assert "is in use by process" in refusal_to_open(shelf.folder)


def test_a_folder_is_free_once_its_store_is_closed(shelf):
    stream = shelf.stream()
    assert shelf.reopen().stream("p", "s") == stream


def test_a_folder_that_can_t_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    message = refusal_to_open(tmp_path / "file" / "data")
    assert (
        message
        == f"{tmp_path / 'file' / 'data'} can't hold a store: Not a directory; give a folder that can be written"
    )


def test_a_file_that_is_no_database_is_refused(abandoned):
    (abandoned / "log.db").write_bytes(b"not a database, and long enough to be looked at" * 100)
    assert "log.db is damaged: file is not a database" in refusal_to_open(abandoned)


def test_a_file_with_damaged_pages_is_refused(abandoned):
    with (abandoned / "log.db").open("r+b") as file:
        file.seek(200)
        file.write(b"\xff" * 32768 * 3)
    assert "is damaged" in refusal_to_open(abandoned)


def test_a_newer_version_is_refused_and_named(abandoned):
    connection = sqlite3.connect(abandoned / "log.db")
    connection.execute("PRAGMA user_version=7")
    connection.close()
    assert "log.db has version 7, known are versions up to 2: upgrade beam-dis" in refusal_to_open(abandoned)


@pytest.mark.parametrize("version", [0, -1])
def test_a_version_that_never_was_is_refused_and_not_guessed(abandoned, version):
    connection = sqlite3.connect(abandoned / "log.db")
    connection.execute(f"PRAGMA user_version={version}")
    connection.close()
    assert f"log.db has version {version}, which there never was: restore it" in refusal_to_open(abandoned)


def test_another_program_s_database_is_refused_and_left_alone(tmp_path):
    connection = sqlite3.connect(tmp_path / "log.db")
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = (tmp_path / "log.db").read_bytes()
    assert "belongs to another program" in refusal_to_open(tmp_path)
    assert (tmp_path / "log.db").read_bytes() == before


def test_another_page_size_is_refused(abandoned):
    connection = sqlite3.connect(abandoned / "log.db", isolation_level=None)
    for statement in ("PRAGMA journal_mode=DELETE", "PRAGMA page_size=4096", "VACUUM", "PRAGMA journal_mode=WAL"):
        connection.execute(statement)
    connection.close()
    assert "page_size is 4096, which must be 32768" in refusal_to_open(abandoned)


def test_a_refused_folder_can_be_opened_once_it_is_mended(abandoned):
    good = abandoned.parent / "good"
    shutil.copytree(abandoned, good)
    (abandoned / "log.db").write_bytes(b"damaged" * 1000)
    refusal_to_open(abandoned)
    shutil.copy(good / "log.db", abandoned / "log.db")
    open_store(abandoned, clock=Clock()).close()


def test_a_damaged_batch_is_found_by_the_check_and_refused_on_reading(shelf):
    stream = shelf.stream()
    for data in (b"a", b"needle", b"c"):
        shelf.put(stream, data)
    shelf.store.close()
    file = shelf.folder / "log.db"
    file.write_bytes(file.read_bytes().replace(b"needle", b"nEedle"))
    problem = "records 1 to 1 are damaged: its checksum does not match"
    assert shelf.open().check() == [f"stream 's', shardId-0000000000: {problem}"]
    with pytest.raises(StoreError, match="records 1 to 1 of shardId-0000000000 of stream 's' are damaged"):
        shelf.store.read(stream, 0, 0, 100)
    assert shelf.numbers(stream, start=2) == [2]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("DELETE FROM place WHERE first = 1", "records 1 to 1 are missing"),
        ("DELETE FROM place WHERE first = 2", "records 2 to 2 are missing"),
        ("DELETE FROM batch WHERE id = 2", "records 1 to 1 are damaged: 0 bytes are no batch"),
        ("UPDATE place SET time_ms = 5 WHERE first = 1", "record 1 is from before the one in front of it"),
        ("UPDATE place SET batch = 3 WHERE first = 1", "records 1 to 1 are damaged: they say they are 1 from 2 on"),
    ],
)
def test_the_check_finds_what_is_missing_or_misplaced(shelf, damage, expected):
    stream = shelf.stream()
    for data in (b"a", b"b", b"c"):
        shelf.put(stream, data)
    change(shelf, damage)
    assert expected in shelf.open().check()[0]


@pytest.mark.parametrize(
    "statement", ["DELETE FROM place WHERE first = 1", "UPDATE place SET batch = 3 WHERE first = 1"]
)
def test_reading_never_skips_a_record_that_is_missing(shelf, statement):
    stream = shelf.stream()
    for data in (b"a", b"b", b"c"):
        shelf.put(stream, data)
    change(shelf, statement)
    shelf.open()
    for start in (0, 1):
        with pytest.raises(StoreError, match="missing"):
            shelf.store.read(stream, 0, start, 100)


def test_a_group_that_fails_changes_nothing_and_the_next_one_goes_on(shelf, monkeypatch):
    stream = shelf.stream()
    shelf.put(stream, b"a")
    monkeypatch.setattr("beam_dis.local.store.session._PUT_PLACE", "INSERT INTO nowhere VALUES (?)")
    failed = shelf.store.append(stream, [Entry(0, None, b"lost")]).exception()
    assert isinstance(failed, StoreUnavailable)
    assert "nothing was stored" in str(failed)
    monkeypatch.undo()
    assert (shelf.partition(stream).next, shelf.numbers(stream)) == (1, [0])
    assert shelf.put(stream, b"b")[0].sequence_number == 1


def test_a_refused_change_harms_no_other_of_its_group(shelf):
    stream = shelf.stream()
    futures = [shelf.store.scale(stream, 0), shelf.store.append(stream, [Entry(0, None, b"a")])]
    assert isinstance(futures[0].exception(), Refusal)
    assert futures[1].result()[0].sequence_number == 0


def test_what_is_queued_at_closing_is_finished_and_what_comes_later_is_refused(shelf):
    stream = shelf.stream()
    futures = [shelf.store.append(stream, [Entry(0, None, b"a")]) for _ in range(20)]
    store = shelf.store
    shelf.reopen()
    assert [future.result()[0].sequence_number for future in futures] == list(range(20))
    assert shelf.numbers(stream) == list(range(20))
    assert isinstance(store.append(stream, []).exception(), StoreUnavailable)
    with pytest.raises(StoreUnavailable, match="closed"):
        store.read(stream, 0, 0, 1)


def test_a_change_that_was_asked_for_can_t_be_cancelled(shelf):
    future = shelf.store.append(shelf.stream(), [])
    assert not future.cancel()
    assert future.result() == []
