"""Makes a data folder of a snapshot.

Rules:

1. The folder must be missing or empty. A new folder gets its name when it is whole and on disk; in a folder that is there, such
   as a volume, the database does.
2. An import that fails leaves nothing. One that is killed leaves temporary files, which the next import of the same folder
   replaces, and which no server takes for data.
3. The database is the snapshot's, byte for byte, and checked against its checksum on the way.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from beam_dis.local.store.causes import system_advice
from beam_dis.local.store.data_folder import DATABASE_NAME, IMPORTED_NAME, LOCK_NAME, DataFolder, flush_folder
from beam_dis.local.store.failures import StoreError
from beam_dis.local.store.snapshot_file import Progress, Snapshot, copy_database, read_footer

_LEFT_BEHIND = {LOCK_NAME, IMPORTED_NAME}
"""What an import that was killed leaves in its folder."""


def import_snapshot(file: Path, folder: Path, *, on_progress: Progress | None = None) -> Snapshot:
    """Make a data folder of a snapshot.

    Args:
        file: The snapshot.
        folder: The folder, which is missing or empty.
        on_progress: Called after each piece, with the bytes that are copied and those that there are.

    Raises:
        StoreError: The file is no snapshot, is damaged or has another version; the folder has something in it, is being
            imported to, or can't be written.
    """
    snapshot = read_footer(file)
    folder = _resolved(folder)
    _check_free(folder)
    staging = folder if folder.is_dir() else folder.with_name(f".{folder.name}.import~")
    locked = DataFolder(staging)
    try:
        _check_free(folder)  # again, now that nobody else can begin to use it
        _make(staging, folder, file, snapshot, on_progress)
    except OSError as error:
        raise StoreError(f"{folder} can't be written: {error.strerror}; {system_advice(error)}") from error
    finally:
        locked.release()
    return snapshot


def _resolved(folder: Path) -> Path:
    """The folder without links: it is the one that gets its name."""
    try:
        return folder.resolve()
    except (OSError, RuntimeError) as error:  # before Python 3.13 a loop of links is a RuntimeError
        raise StoreError(
            f"{folder} can't be a data folder: its links lead nowhere; give a folder that is missing or empty"
        ) from error


def _make(staging: Path, folder: Path, file: Path, snapshot: Snapshot, on_progress: Progress | None) -> None:
    """Make the folder, or nothing."""
    try:
        _fill(staging, file, snapshot, on_progress)
        if staging != folder:
            staging.rename(folder)
            flush_folder(folder.parent)
    except BaseException:
        _clean_up(staging, folder)
        raise


def _check_free(folder: Path) -> None:
    try:
        found = sorted({path.name for path in folder.iterdir()} - _LEFT_BEHIND)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StoreError(
            f"{folder} can't be a data folder: {error.strerror}; give a folder that is missing or empty"
        ) from error
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise StoreError(f"{folder} is not empty, it has {found[0]}{more}: give a folder that is missing or empty")


def _fill(staging: Path, file: Path, snapshot: Snapshot, on_progress: Progress | None) -> None:
    """Write the database under its temporary name, then give it its own."""
    temporary = staging / IMPORTED_NAME
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as target:
        copy_database(file, snapshot, target, on_progress)
        target.flush()
        os.fsync(target.fileno())
    temporary.chmod(0o600)
    temporary.rename(staging / DATABASE_NAME)
    flush_folder(staging)


def _clean_up(staging: Path, folder: Path) -> None:
    """Remove what an import has made so far."""
    with suppress(OSError):
        for name in (IMPORTED_NAME, DATABASE_NAME, LOCK_NAME):
            (staging / name).unlink(missing_ok=True)
        if staging != folder:
            staging.rmdir()
