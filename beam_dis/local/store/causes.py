"""What an error of SQLite or of the system means, and what to do about it, so that no cause is reported as another.

SQLite's texts are the same in all its versions; its codes are known to Python from 3.11 on only.

Nothing here opens a file of the store: closing it would end the locks that SQLite has on it.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path
from shlex import quote

from beam_dis.texts import one_line

_ADVICE = {
    errno.ENOSPC: "free some space on its disk",
    errno.EDQUOT: "free some space, or raise the user's quota",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), or give a disk with larger files",
    errno.EMFILE: "this process has too many open files: raise its limit (ulimit -n), or close connections",
    errno.ENFILE: "the machine has too many open files: close some",
    errno.EACCES: "give a folder that can be written, or let this user write it",
    errno.EPERM: "give a folder that can be written, or let this user write it",
    errno.EROFS: "give a folder on a disk that can be written",
}

_DAMAGED = "it is damaged: stop the server, run `beam-dis check`, and restore the folder from a copy"
_ADVICE_OF_TEXTS = {
    "is full": "free some space on its disk, or raise the limit of file sizes",
    "readonly": "let this user write the folder and its files, on a disk that can be written",
    "disk I/O": "look for errors of the disk in the system's log, and for limits of file sizes and quotas",
    "malformed": _DAMAGED,
    "not a database": _DAMAGED,
    "no such table": _DAMAGED,
}
"""By a part of SQLite's text."""


def system_advice(error: OSError) -> str:
    """What to do about an error of the system."""
    return _ADVICE.get(error.errno or 0, "give a folder that can be written")


def database_advice(path: Path, error: sqlite3.Error) -> str:
    """What to do about an error of the database at ``path``."""
    text = str(error)
    if "locked" in text or "busy" in text:
        return f"{other_processes(path)} uses it: end that; `lsof {quote(str(path))}` lists who has it open"
    if "unable to open" in text:
        return _open_advice(path)
    return next((advice for part, advice in _ADVICE_OF_TEXTS.items() if part in text), "look at the system's log")


def other_processes(path: Path) -> str:
    """The other processes that have locks on a database, for a message; without names if they aren't known here."""
    numbers = sorted(_lock_owners(path) - {os.getpid()})
    if not numbers:
        return "another process"
    named = ", ".join(f"{number} ({_program(number)})" for number in numbers)
    return f"process {named}" if len(numbers) == 1 else f"one of the processes {named}"


def _lock_owners(path: Path) -> set[int]:
    """The processes with POSIX locks on a database or its shared memory, by Linux's ``/proc/locks``."""
    files = [file for file in (path, path.with_name(f"{path.name}-shm")) if file.exists()]
    try:
        found = [file.stat() for file in files]
        lines = Path("/proc/locks").read_text("ascii").splitlines()
    except OSError:
        return set()
    wanted = {f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}" for file in found}
    fields = [line.replace("->", "").split() for line in lines]
    return {int(field[4]) for field in fields if field[5] in wanted and int(field[4]) > 0}


def _program(number: int) -> str:
    try:
        return one_line(Path(f"/proc/{number}/comm").read_text("utf-8", "replace"))
    except OSError:
        return "unknown"


def _open_advice(path: Path) -> str:
    if not path.exists():
        return "the file is gone: put it back and restart the server"
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return system_advice(error)
    return "let this user read and write the folder and its files"
