"""The commands of docs/five-minutes.md work, one after the other."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "five-minutes.md").read_text("utf-8")
ON_THE_PAGE = "http://127.0.0.1:7700"


@pytest.mark.integration
def test_the_commands_create_a_stream_and_show_its_records(local_dis):
    commands = re.findall(rf"^    beam-dis (.+) --endpoint {ON_THE_PAGE}$", PAGE, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["streams", "put", "tail"]
    where = [f"--endpoint={local_dis.endpoint}", f"--project={local_dis.project_id}"]
    for command in commands:
        line = [sys.executable, "-m", "beam_dis", *command.split(), *where]
        ended = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode == 0, ended.stderr
    assert sorted(re.findall(r"red|green", ended.stdout)) == ["green", "red", "red"]
