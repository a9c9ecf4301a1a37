"""How a command fails: one line on standard error, and a status."""

from __future__ import annotations

import sys

FAILED = 1


def fail(message: object) -> int:
    """Say what is wrong; the status to end with."""
    print(f"beam-dis: error: {' '.join(str(message).split())}", file=sys.stderr)
    return FAILED
