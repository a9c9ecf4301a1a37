"""The folder of a store: created if it is missing, locked by one process at a time, and readable by its owner alone.

Rules:

1. The lock is the kernel's (``flock`` on an open file). It ends with the process, also if that is killed, so no stale lock
   can remain.
2. The folder has mode 0700 and each file 0600, whatever the umask, also if they had other modes before. SQLite gives the
   files that it creates beside the database the database's mode.
3. A folder with files of others keeps its mode, because somebody may need that. It is logged.
"""

from __future__ import annotations

import fcntl
import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

from beam_dis.local.store.causes import system_advice
from beam_dis.local.store.failures import StoreError

_log = logging.getLogger(__name__)

DATABASE_NAME = "log.db"
LOCK_NAME = "lock"
IMPORTED_NAME = f"{DATABASE_NAME}.import~"
"""The database while it is imported."""

COPY_SUFFIX = ".move~"
"""The end of the names of copies while the database is moved to them."""

_FILES = [DATABASE_NAME + suffix for suffix in ("", "-wal", "-shm", "-journal")]
_OWN_FILES = {LOCK_NAME, IMPORTED_NAME, *_FILES, *(name + COPY_SUFFIX for name in _FILES)}
_FOLDER_MODE, _FILE_MODE = 0o700, 0o600


class DataFolder:
    """A folder that this process has locked, until :meth:`release`.

    Raises:
        StoreError: The folder can't be written, or another process has locked it.
    """

    __slots__ = ("_lock", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _create(path)
            lock = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
        except OSError as error:
            raise StoreError(f"{path} can't hold a store: {error.strerror}; {system_advice(error)}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.pwrite(lock, b"%d\n" % os.getpid(), 0)
        except BlockingIOError as error:
            owner = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
            os.close(lock)
            raise StoreError(
                f"{path} is in use by process {owner or 'unknown'}: stop it, or give another folder"
            ) from error
        except OSError as error:
            os.close(lock)
            raise StoreError(f"{path} can't be locked: {error.strerror}; {system_advice(error)}") from error
        self._lock = lock
        _make_private(path)

    def release(self) -> None:
        """Unlock the folder; a second call does nothing."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


def _create(path: Path) -> None:
    """Create the folder and flush its entry in the parent folder, so that it survives a power cut."""
    if path.is_dir():
        return
    if not path.parent.exists():
        _create(path.parent)
    path.mkdir(_FOLDER_MODE, exist_ok=True)
    path.chmod(_FOLDER_MODE)
    flush_folder(path.parent)


def flush_folder(path: Path) -> None:
    """Flush the names in a folder to disk."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _make_private(folder: Path) -> None:
    """Take the permissions of other users away: from the files of the store, and from the folder if it has no other files.

    The files are changed by name. To open and close the database would end the locks that SQLite has on it.
    """
    for name in _OWN_FILES:
        with suppress(FileNotFoundError, PermissionError):  # a file of another owner: its folder is logged below
            if _mode(folder / name) != _FILE_MODE:
                (folder / name).chmod(_FILE_MODE)
    if not _mode(folder) & ~_FOLDER_MODE:
        return
    with suppress(PermissionError):
        if _OWN_FILES.issuperset(entry.name for entry in folder.iterdir()):
            folder.chmod(_FOLDER_MODE)
            return
    _log.warning(
        "%s can be used by other users (mode %o), and it has other files or another owner: run chmod 700 on it, or give the"
        " local DIS a folder of its own",
        folder,
        _mode(folder),
    )


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
