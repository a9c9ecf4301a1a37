"""The files in deploy/, as values."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="session")
def deploy() -> Path:
    """The folder."""
    return DEPLOY


@pytest.fixture(scope="session")
def command_of() -> Callable[[str], list[str]]:
    """``command_of("flink-kubernetes")``: the command of a folder's image, with this Python instead of the image's."""

    def command(folder: str) -> list[str]:
        dockerfile = (DEPLOY / folder / "Dockerfile").read_text("utf-8")
        words: list[Any] = json.loads(re.findall(r"^(?:CMD|ENTRYPOINT) (\[.*\])$", dockerfile, re.MULTILINE)[-1])
        return [sys.executable if word == "python" else word for word in words]

    return command
