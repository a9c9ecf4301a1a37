"""The folder of a store: created if it is missing, and locked by one process at a time.

The lock is the kernel's (``flock`` on an open file). It ends with the process, also if that is killed, so no stale lock
can remain.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from beam_dis.local.store.failures import StoreError

_LOCK_NAME = "lock"


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
            lock = os.open(path / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(
                f"{path} can't hold a store: {error.strerror}; give a folder that can be written"
            ) from error
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
            raise StoreError(
                f"{path} can't be locked: {error.strerror}; free some space, or give another folder"
            ) from error
        self._lock = lock

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
    path.mkdir(exist_ok=True)
    parent = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
