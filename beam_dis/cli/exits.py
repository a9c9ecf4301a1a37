"""How a command ends: its exit status, and one line on standard error if it failed."""

from __future__ import annotations

import sys

DONE = 0
FAILED = 1
"""The command couldn't do everything that it was asked to do."""
USAGE = 2
"""An argument, a profile or a variable of the environment has a wrong value. Nothing was done."""
INTERRUPTED = 130
"""Ctrl-C."""


class Failed(Exception):  # noqa: N818 - it is raised to say that the command failed
    """A command can't go on. The text says why, and what to do."""


def fail(message: object, command: str = "beam-dis") -> int:
    """Print an error as one line and return the exit status."""
    print(f"{command}: error: {' '.join(str(message).split())}", file=sys.stderr)
    return FAILED
