"""A Beam pipeline in Go reads and writes with beam_dis as an expansion service, on Prism, which runs in the Go program."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time

import pytest

from beam_dis import DISClient, PutRecord

pytestmark = [pytest.mark.integration, pytest.mark.go_pipeline]


@pytest.fixture
def expansion_service(local_dis, tmp_path):
    """The address of Beam's expansion service, which offers beam_dis.yaml and runs its steps too."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = [f"--dis_endpoint={local_dis.endpoint}", f"--dis_project_id={local_dis.project_id}"]
    module = "apache_beam.runners.portability.expansion_service_main"
    options = [f"--port={port}", "--fully_qualified_name_glob=beam_dis.yaml.*", "--serve_loopback_worker", *where]
    log = tmp_path / "log"
    with log.open("wb") as file:
        service = subprocess.Popen([sys.executable, "-m", module, *options], stdout=file, stderr=file)
    try:
        _wait_until_listening(service, log)
        yield f"localhost:{port}"
    finally:
        service.send_signal(signal.SIGKILL)  # its worker keeps it alive after SIGTERM
        service.wait()


def _wait_until_listening(service, log, seconds=60):
    deadline = time.monotonic() + seconds
    while "Listening for expansion requests" not in log.read_text():
        if service.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"the expansion service did not start:\n{log.read_text()}")
        time.sleep(0.05)


def test_a_pipeline_in_go_reads_and_writes_records(go_pipeline, expansion_service, local_dis, make_stream):
    source, target = make_stream(partitions=2), make_stream()
    words = [b"word-%d" % number for number in range(100)]
    with DISClient(local_dis.connection) as client:
        client.put_records(source, [PutRecord(word) for word in words])
        command = [go_pipeline, f"--expansion={expansion_service}", f"--input={source}", f"--output={target}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        cursor = client.get_cursor(target, partition_id=0, cursor_type="TRIM_HORIZON")
        records = client.get_records(cursor).records
    assert sorted(record.data for record in records) == sorted(word.upper() for word in words)
