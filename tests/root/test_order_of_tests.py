"""Files whose tests may take longest come first, so that of two processes none is left with a long file at the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
TESTS = """
import pytest

@pytest.mark.timeout(5)
def test_one():
    pass

@pytest.mark.flink
@pytest.mark.timeout({most})
def test_two():
    pass
"""


@pytest.fixture
def collected(tmp_path):
    """``collected(*selection)``: the tests of three files, of which the second and the third have long timeouts, in order."""
    for name, most in (("a", 6), ("b", 100), ("c", 200)):
        (tmp_path / f"test_{name}.py").write_text(TESTS.format(most=most))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = flink\n")

    def collect(*selection):
        command = [sys.executable, "-m", "pytest", "-p", "conftest", "-q", "--collect-only", f"--rootdir={tmp_path}"]
        known = [*command, "--flink_job_server_jar=/bin/sh", *selection, tmp_path]
        done = subprocess.run(known, cwd=ROOT, env={**os.environ, "CI": ""}, capture_output=True, text=True, check=True)
        return [
            line.removeprefix("test_").replace(".py::test_", " ") for line in done.stdout.splitlines() if "::" in line
        ]

    return collect


def test_files_with_long_timeouts_come_first_and_stay_whole(collected):
    assert collected() == ["c one", "c two", "b one", "b two", "a one", "a two"]


def test_timeouts_of_tests_that_are_not_selected_do_not_count(collected):
    assert collected("-m", "not flink") == ["a one", "b one", "c one"]
