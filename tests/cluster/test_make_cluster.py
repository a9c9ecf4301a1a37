"""`make cluster` starts the cluster, and again those of its processes that have ended; `make cluster-down` ends them all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from flink_cluster import FlinkCluster

pytestmark = [pytest.mark.integration, pytest.mark.flink, pytest.mark.long, pytest.mark.timeout(600)]

SCRIPT = Path(__file__).parents[2] / "deploy" / "flink-local" / "flink_cluster.py"
KINDS = ["job-manager", "job-server", "task-manager", "task-manager", "worker-pool", "zookeeper"]


def run(command: str, folder: Path, jar: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, command, "--folder", folder, "--jar", jar],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def test_processes_that_have_ended_are_started_again_with_their_ports(tmp_path: Path, flink_jar: Path) -> None:
    folder = tmp_path / "cluster"
    cluster = FlinkCluster(folder, flink_jar, stays=True)
    try:
        first = run("up", folder, flink_jar)
        assert first.returncode == 0, first.stderr
        flags = (folder / "flags").read_text("utf-8")
        assert all(flag in first.stdout for flag in flags.split())
        assert sorted(part.name for part in cluster.running()) == KINDS
        address, before = cluster.address, {part.id for part in cluster.running()}
        ended = [cluster.running(name)[0] for name in ("job-manager", "task-manager", "worker-pool", "job-server")]
        for part in ended:
            part.kill()
        assert run("up", folder, flink_jar).returncode == 0
        assert sorted(part.name for part in cluster.running()) == KINDS
        assert {part.id for part in cluster.running()} & before == before - {part.id for part in ended}
        assert (folder / "flags").read_text("utf-8") == flags
        assert cluster.address == address
        assert "6 processes ended" in run("down", folder, flink_jar).stdout
        assert cluster.running() == []
        assert "0 processes ended" in run("down", folder, flink_jar).stdout
    finally:
        cluster.end(seconds=0)


def test_a_missing_jar_is_named(tmp_path: Path) -> None:
    ended = run("up", tmp_path / "cluster", tmp_path / "none.jar")
    assert ended.returncode == 1
    assert f"{tmp_path / 'none.jar'} doesn't exist" in ended.stderr
    assert "make runners" in ended.stderr
