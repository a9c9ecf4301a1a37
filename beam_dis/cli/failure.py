"""How a command fails: one line on standard error, and an exit status."""

from __future__ import annotations

import sys

FAILED = 1


def fail(message: object) -> int:
    """Print an error as one line and return the exit status."""
    print(f"beam-dis: error: {' '.join(str(message).split())}", file=sys.stderr)
    return FAILED
