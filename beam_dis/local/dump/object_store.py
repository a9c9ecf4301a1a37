"""Where objects go: what a flush needs of an object store, and a folder that is one.

Rule 1: a bucket is a folder in the root. It is never created here, because a misspelled name would be taken for a new bucket.
Rule 2: temporary files are in the root too, beside the buckets: on the file system of the objects, under a name that no bucket has.
Rule 3: an object is durable when ``publish`` returns: file and folders are flushed to disk.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from beam_dis.wire.error_codes import Refusal

_TEMPORARY = ".incomplete~"


class ObjectStore(Protocol):
    """An object store with buckets; used by one thread at a time, except ``check_bucket``."""

    def check_bucket(self, bucket: str) -> None:
        """Check that objects can be written to a bucket.

        Raises:
            Refusal: DIS.4306 if there is no such bucket, DIS.4310 if it can't be written.
            OSError: The store doesn't answer, which may pass.
        """
        ...

    def temporary(self, name: str) -> Path:
        """The path of a temporary file, in a folder that exists."""
        ...

    def publish(self, temporary: str, key: str) -> bool:
        """Make a temporary file the object of that key, in place of any other; False if there is no such file.

        Raises:
            Refusal: DIS.4306 or 4310, for the bucket.
            OSError: It can't be written.
        """
        ...

    def has(self, key: str) -> bool:
        """Whether there is an object of that key; if so, it is durable."""
        ...

    def remove_temporary(self, task_id: str, kept: Collection[str] = ()) -> None:
        """Remove the temporary files of a task, except some; their names begin with its id."""
        ...


class ObjectFolder:
    """A folder as an object store: each folder in it is a bucket."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    def check_bucket(self, bucket: str) -> None:
        """As an ObjectStore does."""
        if not self._root.is_dir():
            raise Refusal(4310, f"{self._root} is not a folder")
        path = self._root / bucket
        if not path.is_dir():
            raise Refusal(4306, bucket)
        for folder in (self._root, path):
            if not os.access(folder, os.W_OK | os.X_OK):
                raise Refusal(4310, f"{folder} can't be written")

    def temporary(self, name: str) -> Path:
        """As an ObjectStore does."""
        folder = self._root / _TEMPORARY
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
            _flush(self._root)
        return folder / name

    def publish(self, temporary: str, key: str) -> bool:
        """As an ObjectStore does."""
        self.check_bucket(key.partition("/")[0])
        target = self._root / key
        _make_folder(target.parent)
        try:
            self.temporary(temporary).replace(target)
        except FileNotFoundError:
            return False
        _flush(target.parent)
        return True

    def has(self, key: str) -> bool:
        """As an ObjectStore does."""
        target = self._root / key
        if not target.is_file():
            return False
        _flush(target.parent)
        return True

    def remove_temporary(self, task_id: str, kept: Collection[str] = ()) -> None:
        """As an ObjectStore does."""
        with suppress(FileNotFoundError):
            for file in (self._root / _TEMPORARY).iterdir():
                if file.name.startswith(f"{task_id}-") and file.name not in kept:
                    file.unlink(missing_ok=True)


class NoObjectStore:
    """The object store of a server that has none: every bucket is refused."""

    def check_bucket(self, bucket: str) -> None:
        """Refuse it."""
        raise Refusal(4310, "this server has no buckets: start it with --obs-folder DIR")

    def temporary(self, name: str) -> Path:
        """Never called: no bucket has been accepted."""
        raise FileNotFoundError(name)

    def publish(self, temporary: str, key: str) -> bool:
        """Refuse it: the server was started without the folder that it had before."""
        self.check_bucket(key)
        return False

    def has(self, key: str) -> bool:
        """Whether there is such an object: never."""
        return False

    def remove_temporary(self, task_id: str, kept: Collection[str] = ()) -> None:
        """Remove nothing: there are no files."""


def flush_file_folder(file: Path) -> None:
    """Flush the folder of a file, so that the file's name survives a power cut."""
    _flush(file.parent)


def _make_folder(folder: Path) -> None:
    """Make a folder of a bucket and those above it, each flushed into its parent."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _flush(folder.parent)


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
