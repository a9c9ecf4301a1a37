"""Tests on a runner that isn't installed are deselected and reported; with CI=true they are an error."""

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

@pytest.mark.prism
def test_on_prism(prism_location):
    assert prism_location == "/bin/sh"

@pytest.mark.flink
def test_on_flink(flink_jar_options):
    assert "--flink_job_server_jar=/bin/sh" in flink_jar_options

def test_anywhere():
    pass
"""


@pytest.fixture(params=["0", "2"])
def run(request, tmp_path):
    """Runs three tests, one on Prism and one on Flink: ``run(path_of_both_runners, ci) -> (exit status, output)``.

    They run in one process, and then in two of pytest-xdist.
    """
    (tmp_path / "test_three.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    prism\n    flink\n")

    def run(location, ci="", tests=tmp_path):
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "conftest",
            f"--numprocesses={request.param}",
            f"--rootdir={tmp_path}",
            f"--prism_location={location}",
            f"--flink_job_server_jar={location}",
        ]
        environment = {**os.environ, "CI": ci}
        done = subprocess.run([*command, tests], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.mark.parametrize("ci", ["", "true"])
def test_a_runner_that_is_installed_is_used(run, ci):
    status, printed = run("/bin/sh", ci)
    assert (status, "3 passed" in printed, "LEFT OUT" in printed) == (0, True, False)


def test_a_missing_runner_is_reported_by_name(run):
    status, printed = run("/nowhere")
    assert (status, "1 passed" in printed, "3 passed" in printed) == (0, True, False)
    for runner in ("prism", "flink"):
        assert f"LEFT OUT: 1 tests, {runner} is not installed (`make runners`)" in printed
        assert f"test_three.py::test_on_{runner}" in printed


def test_a_missing_runner_is_an_error_with_ci(run):
    status, printed = run("/nowhere", "true")
    assert status == pytest.ExitCode.USAGE_ERROR
    assert "with CI=true none may be missing; run `make runners` first" in printed


def test_an_import_error_is_reported_also_for_a_single_test(run, tmp_path):
    (tmp_path / "test_broken.py").write_text("import no_such_module")
    status, printed = run("/bin/sh", tests=tmp_path / "test_broken.py::test_one")
    assert status in {pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.TESTS_FAILED}
    assert "No module named 'no_such_module'" in printed
    assert "INTERNALERROR" not in printed
