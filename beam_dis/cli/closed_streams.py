"""Opens the standard streams that a process was started without, so that no command has to expect that one is missing.

Shells start a process without one by ``<&-`` or ``>&-``, and so do some supervisors of services.
"""

from __future__ import annotations

import os
import sys

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_closed_streams() -> None:
    """Let each standard stream that is closed be empty, or take everything.

    A file that is opened later would get the number of the closed stream, and what is printed would be written into it.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is not None:
            continue
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)
        setattr(sys, name, open(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False))  # noqa: SIM115
