"""The database file: which files are opened, and which are refused with one line that says what to do."""

import shutil
import sqlite3

import pytest

from beam_dis.local.clock import Clock
from beam_dis.local.store import StoreError, open_store
from beam_dis.local.store.database import VERSION


def refusal_to_open(folder):
    with pytest.raises(StoreError) as caught:
        open_store(folder, clock=Clock())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def execute(file, *statements):
    connection = sqlite3.connect(file, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


@pytest.fixture
def closed(opened):
    """The folder of a store that was closed."""
    opened.stream()
    opened.store.close()
    yield opened.folder
    opened.store = open_store(opened.folder.parent / "other", clock=Clock())


def test_a_new_file_has_the_version_of_this_release(closed):
    connection = sqlite3.connect(closed / "log.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    connection.close()


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1, 0, -1], ids=["older", "newer", "zero", "negative"])
def test_a_file_of_another_version_is_refused_and_left_alone(closed, version):
    """The message names the file, its version, the version that this release reads, and what to do."""
    file = closed / "log.db"
    execute(file, f"PRAGMA user_version={version}")
    before = file.read_bytes()
    assert refusal_to_open(closed) == (
        f"{file} has version {version}, and this release of beam-dis reads version {VERSION} only: open it with the release"
        " that wrote it, or start with an empty folder"
    )
    assert file.read_bytes() == before


def test_the_log_of_a_refused_file_is_left_alone_too(closed):
    """Another release may have committed to its write-ahead log what isn't in the file yet."""
    file = closed / "log.db"
    other = sqlite3.connect(file, isolation_level=None)
    other.execute(f"PRAGMA user_version={VERSION + 1}")
    other.execute("CREATE TABLE later (x)")
    copy = closed.parent / "copied while it was open"
    shutil.copytree(closed, copy)
    other.close()
    log = copy / "log.db-wal"
    before = (copy / "log.db").read_bytes(), log.read_bytes()
    assert "reads version" in refusal_to_open(copy)
    assert ((copy / "log.db").read_bytes(), log.read_bytes()) == before


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path):
    execute(tmp_path / "log.db", "CREATE TABLE theirs (x)")
    before = (tmp_path / "log.db").read_bytes()
    assert "belongs to another program" in refusal_to_open(tmp_path)
    assert (tmp_path / "log.db").read_bytes() == before


@pytest.mark.parametrize("statements", [(), ("PRAGMA page_size=32768", "PRAGMA journal_mode=WAL")])
def test_a_file_whose_creation_was_interrupted_is_created_again(tmp_path, statements):
    """Before the layout is committed, the file is empty or has no tables."""
    (tmp_path / "log.db").touch()
    execute(tmp_path / "log.db", "PRAGMA page_size=32768", "PRAGMA auto_vacuum=INCREMENTAL", *statements)
    store = open_store(tmp_path, clock=Clock())
    assert (store.create_app("p", "a").result().name, store.check()) == ("a", [])
    store.close()


def test_creating_a_file_fails_whole_and_can_be_repeated(tmp_path, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr("beam_dis.local.store.database._MARKS", "INSERT INTO nowhere VALUES (0);")
        assert "no such table: nowhere" in refusal_to_open(tmp_path)
    store = open_store(tmp_path, clock=Clock())
    assert (store.streams(), store.check()) == ([], [])
    store.close()


def test_another_page_size_is_refused(closed):
    execute(
        closed / "log.db", "PRAGMA journal_mode=DELETE", "PRAGMA page_size=4096", "VACUUM", "PRAGMA journal_mode=WAL"
    )
    assert "page_size is 4096, must be 32768" in refusal_to_open(closed)


def test_a_file_that_is_not_a_database_is_refused(closed):
    (closed / "log.db").write_bytes(b"not a database, and long enough to be looked at" * 100)
    assert "log.db is damaged: file is not a database" in refusal_to_open(closed)


def test_a_file_with_damaged_pages_is_refused(closed):
    with (closed / "log.db").open("r+b") as file:
        file.seek(200)
        file.write(b"\xff" * 32768 * 3)
    assert "is damaged" in refusal_to_open(closed)


def test_a_refused_folder_can_be_opened_once_it_is_repaired(closed):
    good = closed.parent / "good"
    shutil.copytree(closed, good)
    (closed / "log.db").write_bytes(b"damaged" * 1000)
    refusal_to_open(closed)
    shutil.copy(good / "log.db", closed / "log.db")
    open_store(closed, clock=Clock()).close()
