"""Warns about files with secrets that other users of the machine can read."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

_log = logging.getLogger(__name__)

OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""The permissions of everybody but the owner."""


def warn_if_exposed(path: Path) -> None:
    """Log a warning if anybody but its owner can read or change a file. A file that isn't there is no problem here."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return
    if mode & OTHERS:
        _log.warning("%s can be used by other users (mode %o): it has secrets, so run chmod 600 on it", path, mode)
