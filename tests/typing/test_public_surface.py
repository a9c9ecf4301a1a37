"""A type checker sees the types of the public names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_mypy_accepts_right_uses_and_rejects_marked_wrong_ones():
    """Wrong uses are marked with ``type: ignore``; strict mypy also reports a mark that isn't needed."""
    command = [sys.executable, "-m", "mypy", HERE / "public_surface.py"]
    checked = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout.splitlines()[-1:]) == (0, ["Success: no issues found in 1 source file"])
