"""The demo shows the right delays, can be run again, and leaves no process running."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from beam_dis import DISClient

pytestmark = pytest.mark.integration

PROJECT = "of-the-demo"


def start(pipelines, folder, *arguments, **options):
    command = [sys.executable, pipelines / "demo.py", "--out", folder, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True, **options)


def session_of(pid):
    """The processes of a session that are alive."""
    stats = [stat_of(path) for path in Path("/proc").glob("[0-9]*/stat")]
    return [fields for fields in stats if fields[3] == str(pid) and fields[0] != "Z"]


def stat_of(path):
    """State, parent, group and session of a process; empty if it has ended meanwhile."""
    try:
        return path.read_text().rsplit(")", 1)[1].split()[:4]
    except OSError:
        return ["Z", "", "", ""]


@pytest.fixture(scope="module")
def demo(pipelines, tmp_path_factory, dis_server):
    """The output folder of a demo that ran twice, and what the second run printed, on a DIS that was running."""
    folder = tmp_path_factory.mktemp("demo") / "out"
    for where in ([], [f"--dis_endpoint={dis_server.endpoint}", f"--dis_project_id={PROJECT}"]):
        process = start(pipelines, folder, *where)
        printed, _ = process.communicate(timeout=90)
        assert (process.returncode, session_of(process.pid)) == (0, [])
    return folder, printed


def test_the_delays_are_those_in_the_file(demo, expected_delays):
    folder, _ = demo
    assert [json.loads(line) for line in (folder / "delays.jsonl").read_text("utf-8").splitlines()] == expected_delays


def test_the_streams_are_removed_from_a_dis_that_runs_on(demo, dis_server):
    with DISClient(dataclasses.replace(dis_server.connection, project_id=PROJECT)) as client:
        assert client.list_streams().stream_names == []


def test_the_picture_is_a_png_file(demo):
    picture = (demo[0] / "delays.png").read_bytes()
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(picture) > 20_000


def test_the_terminal_shows_a_table_and_a_chart(demo, january):
    _, printed = demo
    assert {row["carrier"] for row in january} - {
        line.split()[1] for line in printed.splitlines() if "│" in line
    } == set()
    assert "2013-01-31   27.4 ██" in printed


@pytest.mark.parametrize("moment", ["▸ flights into", "▸ Beam reads", "▸ delays read back"])
def test_ctrl_c_leaves_nothing_running(pipelines, tmp_path, moment):
    process = start(pipelines, tmp_path, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    while moment not in process.stdout.readline():
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=30)
    assert (process.returncode, printed.splitlines()[-1]) == (130, "stopped")
    assert ends(process.pid)


def ends(session, seconds=10.0):
    """Whether all processes of a session end within some seconds."""
    deadline = time.monotonic() + seconds
    while session_of(session):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
