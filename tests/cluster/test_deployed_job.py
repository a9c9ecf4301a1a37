"""The command of deploy/flink-kubernetes/job.yaml submits a job to a cluster, and the job runs on without its job server."""

from __future__ import annotations

import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.integration, pytest.mark.flink, pytest.mark.long, pytest.mark.timeout(600)]

DEPLOY = Path(__file__).parents[2] / "deploy"


def test_the_job_of_the_manifest_counts_rows_and_runs_on(
    cluster: Any, streams: Any, job_on_the_cluster: Callable[[str], Any]
) -> None:
    """Only what differs between the clusters is replaced: addresses, streams, the length of the windows, the name."""
    manifest = yaml.safe_load((DEPLOY / "flink-kubernetes" / "job.yaml").read_text("utf-8"))
    command = manifest["spec"]["template"]["spec"]["containers"][0]["command"]
    name = uuid.uuid4().hex
    addresses = ("--job_endpoint", "--environment_config", "--files_to_stage")
    here = [
        f"--input={streams.input}",
        f"--output={streams.output}",
        f"--dis_endpoint={streams.dis.connection.endpoint}",
        f"--dis_project_id={streams.dis.connection.project_id}",
        f"--job_name={name}",
        "--window_seconds=1",
        "--checkpointing_interval=2000",
        *(flag for flag in cluster.flags if flag.startswith(addresses)),
    ]
    with streams.producer():
        subprocess.run([sys.executable, *command[1:], *here], cwd=DEPLOY, check=True, timeout=180)
        job = job_on_the_cluster(name)
        streams.wait_for_a_new_window()
        (server,) = cluster.running("job-server")
        server.send(signal.SIGTERM)  # as Kubernetes ends a sidecar
        streams.wait_for_a_new_window()
        server.kill()
        cluster.start()
        assert job.parallelism() == 4
        assert job.state() == "RUNNING"
    streams.assert_each_window_is_counted_right()
    assert streams.repeated() == {}
