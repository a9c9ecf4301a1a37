"""The file of a snapshot: a database of the store, and after it a footer that says what it is.

Rules:

1. SQLite ignores what follows a database, so any program that opens databases can look into a snapshot.
2. The footer is JSON, the SHA-256 of everything before, the length of the JSON (4 bytes, little-endian) and ``DISSNAP1``. It is
   written last: a file without it is not whole.
3. A file that isn't whole, isn't what was written, or has another version is refused, with the reason and what to do.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from beam_dis.local.store.database import APPLICATION_ID, VERSION
from beam_dis.local.store.failures import StoreError

FORMAT = 1
"""The version of the footer; raise it if a reader of the old one can't read the new one."""

Progress = Callable[[int, int], object]
"""Called with how much is done and how much there is: records of an export, bytes of an import."""

_MAGIC = b"DISSNAP1"
_LENGTH_BYTES = 4
_DIGEST_BYTES = 32
_MOST_JSON = 65_536
_CHUNK_BYTES = 2**20


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot contains: the state at ``created_ms``, by the clock of the machine that made it.

    ``written_by`` is the version of the package, ``store`` that of the database, ``database_bytes`` its size.
    """

    format: int = FORMAT
    store: int = VERSION
    written_by: str
    created_ms: int
    database_bytes: int
    streams: int
    records: int


def add_footer(file: IO[bytes], snapshot: Snapshot) -> None:
    """Write the footer at the end of a file that has the database and nothing else."""
    digest = hashlib.sha256()
    file.seek(0)
    for chunk in _chunks(file, snapshot.database_bytes):
        digest.update(chunk)
    said = msgspec.json.encode(snapshot)
    digest.update(said)
    file.seek(snapshot.database_bytes)
    file.write(said + digest.digest() + len(said).to_bytes(_LENGTH_BYTES, "little") + _MAGIC)


def read_footer(path: Path) -> Snapshot:
    """What a file says that it contains, unchecked.

    Raises:
        StoreError: The file can't be read, is no snapshot, isn't whole, or has another version.
    """
    if path.exists() and not path.is_file():  # a pipe would wait for a writer
        raise StoreError(f"{path} is not a file: give a file that beam-dis export wrote, not a pipe or a folder")
    try:
        with path.open("rb") as file:
            said, _ = _footer(path, file)
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        known = msgspec.json.decode(said, type=dict[str, Any])
        _check_versions(path, known)
        snapshot = msgspec.convert(known, Snapshot)
    except msgspec.MsgspecError as error:
        raise damaged(path, f"its footer is unreadable ({error})") from error
    expected = snapshot.database_bytes + len(said) + _DIGEST_BYTES + _LENGTH_BYTES + len(_MAGIC)
    size = path.stat().st_size
    if size != expected:
        raise damaged(path, f"it has {size} bytes instead of {expected}")
    return snapshot


def copy_database(path: Path, snapshot: Snapshot, target: IO[bytes], on_progress: Progress | None = None) -> None:
    """Copy the database of a snapshot, and check that all of the file is as it was written.

    Raises:
        StoreError: It isn't, or the file can't be read. What was copied is worth nothing then.
        OSError: The target can't be written.
    """
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        said, wanted = _footer(path, file)
        file.seek(0)
        for chunk in _read_errors(path, _chunks(file, snapshot.database_bytes)):
            digest.update(chunk)
            target.write(chunk)
            done += len(chunk)
            if on_progress is not None:
                on_progress(done, snapshot.database_bytes)
    digest.update(said)
    if digest.digest() != wanted:
        raise damaged(path, "its checksum does not match")


def damaged(path: Path, why: str) -> StoreError:
    """The error of a snapshot that isn't what was written."""
    return StoreError(f"{path} is damaged: {why}; get another copy of it, or another snapshot")


def _footer(path: Path, file: IO[bytes]) -> tuple[bytes, bytes]:
    """The JSON and the digest at the end of a file."""
    size = file.seek(0, os.SEEK_END)
    end = size - len(_MAGIC) - _LENGTH_BYTES
    file.seek(max(0, end))
    tail = file.read()
    if not tail.endswith(_MAGIC) or end < 0:
        raise _not_a_snapshot(path, file)
    length = int.from_bytes(tail[:_LENGTH_BYTES], "little")
    if length > _MOST_JSON or end < length + _DIGEST_BYTES:
        raise damaged(path, f"its footer can't have {length} bytes")
    file.seek(end - _DIGEST_BYTES - length)
    return file.read(length), file.read(_DIGEST_BYTES)


def _not_a_snapshot(path: Path, file: IO[bytes]) -> StoreError:
    file.seek(0)
    header = file.read(72)
    if header.startswith(b"SQLite format 3\0") and header[68:72] == APPLICATION_ID.to_bytes(4, "big"):
        return StoreError(
            f"{path} is a database without the end that a snapshot has: it was cut short, or it is the file of a data folder;"
            " give a whole file that beam-dis export wrote"
        )
    return StoreError(f"{path} is not a snapshot: give a file that beam-dis export wrote")


def _check_versions(path: Path, known: dict[str, Any]) -> None:
    for name, version, what in (("format", FORMAT, "format"), ("store", VERSION, "a data folder of version")):
        if known.get(name) != version:
            raise StoreError(
                f"{path} has {what} {known.get(name)}, and this release of beam-dis reads {version} only: import it with the"
                f" release that wrote it ({known.get('written_by')})"
            )


def _chunks(file: IO[bytes], count: int) -> Iterator[bytes]:
    """The next ``count`` bytes of a file, fewer if it ends before."""
    while count > 0 and (chunk := file.read(min(count, _CHUNK_BYTES))):
        count -= len(chunk)
        yield chunk


def _read_errors(path: Path, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks; an error of reading them is the snapshot's, not the target's."""
    try:
        yield from chunks
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> StoreError:
    if isinstance(error, FileNotFoundError):
        return StoreError(f"there is no file {path}: give a file that beam-dis export wrote")
    return StoreError(f"{path} can't be read: {error.strerror}; give a file that this user can read")
