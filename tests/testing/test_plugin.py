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


@pytest.mark.integration
def test_under_xdist_each_process_has_local_dis_of_its_own(tmp_path):
    """Four tests in two processes, at the same time."""
    project = """
import os, pytest
from beam_dis import DISClient
@pytest.mark.parametrize("number", range(4))
def test_it(local_dis, dis_stream, dis_rows, number):
    stream = dis_stream(rows=[b"%d" % number, os.environ["PYTEST_XDIST_WORKER"]])
    assert dis_rows(stream) == [b"%d" % number, os.environ["PYTEST_XDIST_WORKER"].encode()]
    with DISClient(local_dis.connection) as client:
        assert client.list_streams().stream_names == [stream]
"""
    assert "4 passed" in pytest_in(tmp_path, "-n", "2", test_it=project)


@pytest.mark.integration
def test_a_forked_child_uses_the_streams_and_leaves_the_dis_running(tmp_path):
    """The child ends as a program does, so everything that it has inherited is cleaned up in it."""
    project = """
import multiprocessing, os, sys
from beam_dis import DISClient, PutRecord
def put(dis, stream):
    with DISClient(dis.connection) as client:
        client.put_records(stream, [PutRecord(b"of the child")])
def test_it(local_dis, dis_stream, dis_rows):
    stream, pid = dis_stream(rows=[b"of the parent"]), local_dis.pid
    child = multiprocessing.get_context("fork").Process(target=put, args=(local_dis, stream))
    child.start()
    child.join()
    assert (child.exitcode, dis_rows(stream), local_dis.pid) == (0, [b"of the parent", b"of the child"], pid)
"""
    assert "1 passed" in pytest_in(tmp_path, test_it=project)


@pytest.mark.integration
def test_a_test_that_runs_in_a_forked_child_has_a_dis_of_its_own_that_ends_with_it(tmp_path):
    """The child runs the fixture, as with pytest-forked."""
    project = """
import os, pytest
from beam_dis.local import LocalDIS
def test_it(tmp_path):
    child = os.fork()
    if not child:
        with LocalDIS() as dis:
            (tmp_path / "pid").write_text(str(dis.pid))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
"""
    assert "1 passed" in pytest_in(tmp_path, test_it=project)
