"""The pytest plugin as users meet it: pytest runs in a project of its own, whose tests use the fixtures."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def pytest_in(folder: Path, *arguments: str, **files: str) -> str:
    """The output of pytest in a project of these files."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), *arguments]
    done = subprocess.run([*command, str(folder)], check=False, capture_output=True, text=True, cwd=folder)
    return done.stdout + done.stderr


def test_the_plugin_is_registered_with_pytest():
    assert [entry.value for entry in entry_points(group="pytest11", name="beam_dis")] == ["beam_dis.pytest_plugin"]


def test_nothing_else_of_the_package_is_loaded_until_a_test_needs_it(tmp_path):
    project = """
import sys
def test_nothing():
    loaded = {name for name in sys.modules if name.split(".")[0] in ("beam_dis", "apache_beam", "httpx", "msgspec")}
    assert loaded - {"beam_dis", "beam_dis.version", "beam_dis.pytest_plugin"} == set()
"""
    assert "1 passed" in pytest_in(tmp_path, test_it=project)


@pytest.mark.integration
def test_each_test_has_a_local_dis_of_its_own_which_ends_after_it(tmp_path):
    project = """
import os, pytest
from beam_dis import DISClient
pids = []
@pytest.mark.parametrize("repetition", [0, 1])
def test_it(local_dis, dis_stream, repetition):
    with DISClient(local_dis.connection) as client:
        assert client.list_streams().stream_names == []
        names = [dis_stream("s"), dis_stream("s", partitions=3, data_type="JSON"), dis_stream()]
        assert (len(set(names)), client.describe_stream(names[1]).writable_partition_count) == (3, 3)
    pids.append(local_dis.pid)
def test_they_have_ended():
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
"""
    assert "3 passed" in pytest_in(tmp_path, test_it=project)


def test_every_fault_is_on_the_page():
    from beam_dis import testing

    listed = set(re.findall(r"^\| `(\w+)\(", PAGE.read_text("utf-8"), re.MULTILINE))
    assert listed == set(testing.__all__) - {"Fault", "InjectedFault", "ProcessCall", "SplittableDoFnDriver"}
