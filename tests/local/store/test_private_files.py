"""Data belong to their owner alone, whatever the umask and whatever modes folder and files had before."""

from __future__ import annotations

import logging
import os
import stat
import time
from pathlib import Path

import pytest

from beam_dis.local.store import open_store


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.iterdir()]}


def opened_modes(folder: Path) -> dict[str, int]:
    """The modes of the folder and its files while a store is open in it."""
    store = open_store(folder, clock=time.time)
    store.advance_clock(0).result()
    found = modes(folder)
    store.close()
    return found


PRIVATE = {"log.db": 0o600, "log.db-wal": 0o600, "log.db-shm": 0o600, "lock": 0o600}


@pytest.mark.parametrize("umask", [0, 0o022, 0o077, 0o777])
def test_a_new_folder_and_its_files_are_the_owners_alone(tmp_path, umask):
    before = os.umask(umask)
    try:
        found = opened_modes(tmp_path / "a" / "data")
    finally:
        os.umask(before)
    assert found == {"data": 0o700, **PRIVATE}
    assert modes(tmp_path)["a"] == 0o700


def test_wider_modes_are_taken_away(tmp_path):
    folder = tmp_path / "data"
    opened_modes(folder)
    folder.chmod(0o777)
    for path in folder.iterdir():
        path.chmod(0o666)
    for name in ("log.db-wal", "log.db-shm"):
        (folder / name).touch()
        (folder / name).chmod(0o644)
    assert opened_modes(folder) == {"data": 0o700, **PRIVATE}


def test_an_existing_empty_folder_becomes_private(tmp_path, logged):
    (tmp_path / "data").mkdir(0o755)
    (tmp_path / "data").chmod(0o755)
    assert opened_modes(tmp_path / "data")["data"] == 0o700
    assert logged("local.store") == []


def test_a_folder_with_other_files_keeps_its_mode_and_is_logged(tmp_path, caplog):
    folder = tmp_path / "data"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "notes").touch(0o644)
    with caplog.at_level(logging.WARNING):
        found = opened_modes(folder)
    assert {name: found[name] for name in ("data", *PRIVATE)} == {"data": 0o755, **PRIVATE}
    assert f"{folder} can be used by other users (mode 755), and it has other files" in caplog.text
