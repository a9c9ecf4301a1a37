"""The server's process starts whatever the parent's Python, folder and environment are like."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import beam_dis

pytestmark = pytest.mark.integration

ROOT = Path(beam_dis.__file__).parent.parent

PROGRAM = """
import sys
from beam_dis.local import LocalDIS
with LocalDIS() as dis:
    sys.stderr.write("serving\\n")
"""

STANDARD_NAMES = (
    "queue",
    "logging",
    "http",
    "socket",
    "ssl",
    "sqlite3",
    "argparse",
    "json",
    "random",
    "select",
    "token",
)


def run(program: str, *options: str, folder: Path, shell: str = "", **environment: str) -> str:
    """The standard error of a program that runs in ``folder``."""
    command = [sys.executable, *options, "-c", program]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    line = ["sh", "-c", f'{shell} exec "$@"', "sh", *command]
    ended = subprocess.run(line, check=False, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True, timeout=100)
    return ended.stderr


@pytest.mark.parametrize("name", [*STANDARD_NAMES, "beam_dis", "uvicorn", "sitecustomize", "usercustomize"])
def test_modules_in_the_working_directory_are_not_imported(tmp_path, name):
    """The parent has imported all that it needs before the folder is on its path, as with a notebook's ``os.chdir``."""
    (tmp_path / f"{name}.py").write_text("raise ImportError('the module of the user')")
    program = f"""
import sys
sys.path = [entry for entry in sys.path if entry]
from beam_dis.local import LocalDIS
import beam_dis.local.child, urllib.request, encodings.idna
sys.path.insert(0, {str(tmp_path)!r})
sys.path.insert(0, "")
with LocalDIS() as dis:
    sys.stderr.write("serving\\n")
"""
    assert run(program, folder=tmp_path) == "serving\n"


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONWARNINGS": "error"},
        {"PYTHONDEVMODE": "1"},
        {"PYTHONSAFEPATH": "1"},
        {"PYTHONINSPECT": "1"},
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONSTARTUP": "/nowhere"},
        {"PYTHONHOME": sys.base_prefix},
        {"PYTHONIOENCODING": "ascii:strict"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"WEB_CONCURRENCY": "auto", "FORWARDED_ALLOW_IPS": "*"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_variables_of_the_environment_change_nothing(tmp_path, variables):
    assert "serving\n" in run(PROGRAM, folder=tmp_path, **variables)


@pytest.mark.parametrize("option", ["-P", "-O", "-OO", "-Werror", "-Xdev", "-B", "-s", "-Xutf8=0"])
def test_options_of_the_parent_change_nothing(tmp_path, option):
    assert "serving\n" in run(PROGRAM, option, folder=tmp_path)


def test_an_isolated_parent_starts_it_from_a_folder_that_it_added_to_its_path(tmp_path):
    program = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{PROGRAM}"
    for option in ("-I", "-E"):
        assert run(program, option, folder=tmp_path) == "serving\n"


def test_entries_of_the_path_that_python_passes_over_change_nothing(tmp_path):
    program = f"import pathlib, sys; sys.path += [pathlib.Path('/tmp'), None, 5]\n{PROGRAM}"
    assert run(program, folder=tmp_path) == "serving\n"


@pytest.mark.parametrize(
    "shell", ["exec <&- ;", "exec >&- ;", "exec <&- >&- ;", "umask 0777;", "umask 0;", "ulimit -n 40;"]
)
def test_the_state_of_the_parent_process_changes_nothing(tmp_path, shell):
    assert run(PROGRAM, folder=tmp_path, shell=shell) == "serving\n"


def test_signals_that_the_parent_has_blocked_stop_it_all_the_same(tmp_path):
    program = f"""
import signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
{PROGRAM}
    started = time.monotonic()
sys.stderr.write(f"{{time.monotonic() - started < 15}}\\n")
"""
    assert run(program, folder=tmp_path) == "serving\nTrue\n"


def test_a_working_directory_that_is_removed_changes_nothing(tmp_path):
    (tmp_path / "gone").mkdir()
    program = f"""
import os, sys
from beam_dis.local import LocalDIS
os.chdir("gone")
os.rmdir({str(tmp_path / "gone")!r})
with LocalDIS() as dis:
    dis.restart()
    sys.stderr.write("serving\\n")
try:
    LocalDIS("data")
except Exception as error:
    sys.stderr.write(f"{{type(error).__name__}}: {{error}}\\n")
"""
    assert run(program, folder=tmp_path) == (
        "serving\nConfigurationError: data_dir='data' is relative, and the working directory is gone: give an absolute path\n"
    )


def test_a_relative_folder_is_that_of_the_time_when_it_was_given(tmp_path, monkeypatch):
    from beam_dis.local import LocalDIS

    monkeypatch.chdir(tmp_path)
    dis = LocalDIS("data")
    monkeypatch.chdir("/")
    with dis:
        assert (tmp_path / "data" / "log.db").exists()


@pytest.mark.parametrize("executable", [None, ""])
def test_without_an_interpreter_it_says_what_to_set(monkeypatch, executable):
    from beam_dis.errors import ConfigurationError
    from beam_dis.local import LocalDIS

    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(ConfigurationError, match=r"sys\.executable has no path"), LocalDIS():
        pass


@pytest.mark.parametrize("executable", ["/nowhere/python", "/bin/false", "/etc/passwd"])
def test_a_program_that_is_no_interpreter_is_an_error_of_ours(monkeypatch, executable):
    from beam_dis.errors import ConfigurationError
    from beam_dis.local import LocalDIS

    monkeypatch.setattr(sys, "executable", executable)
    with pytest.raises(ConfigurationError, match="the local DIS did not start"), LocalDIS():
        pass
