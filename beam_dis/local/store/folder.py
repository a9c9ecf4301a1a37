"""The folder of a store: made if missing, and held by one process at a time.

Law: the lock is the kernel's (flock on an open file): it dies with the process, however that ends, and can't be left over.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from beam_dis.local.store.failures import StoreError

_LOCK_NAME = "lock"


class Folder:
    """A folder that is ours until it is released."""

    __slots__ = ("_lock", "path")

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _make(path)
            self._lock = os.open(path / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(
                f"{path} can't hold a store: {error.strerror}; give a folder that can be written"
            ) from error
        self._hold()

    def release(self) -> None:
        """Let others in; doing it twice does nothing."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)

    def _hold(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, b"%d\n" % os.getpid(), 0)
        except BlockingIOError as error:
            holder = os.pread(self._lock, 20, 0).decode("ascii", "replace").strip()
            os.close(self._lock)
            raise StoreError(
                f"{self.path} is in use by process {holder or 'unknown'}: stop it, or give another folder"
            ) from error
        except OSError as error:
            os.close(self._lock)
            raise StoreError(
                f"{self.path} can't be locked: {error.strerror}; free some space, or give another"
            ) from error


def _make(path: Path) -> None:
    """Make the folder and put its name on disk, so that what is acknowledged in it outlives a power cut."""
    if path.is_dir():
        return
    if not path.parent.exists():
        _make(path.parent)
    path.mkdir(exist_ok=True)
    parent = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
