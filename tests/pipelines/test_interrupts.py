"""Ctrl-C ends a program with a running pipeline, a client or a local DIS within three seconds."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import pytest

from beam_dis import DISClient, DISConnection
from beam_dis.errors import DISError
from beam_dis.local.admin_client import AdminClient
from beam_dis.local.faults.values import FaultListing, FaultNumber
from beam_dis.testing import Latency

pytestmark = [pytest.mark.integration, pytest.mark.alone]

LIMIT = 3.0
PROGRAM = """
import sys, threading, time
import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from beam_dis import DISClient, PutRecord, ReadFromDIS, StartingPosition, WriteToDIS
from beam_dis.local import LocalDIS
from beam_dis.testing import Failing, Latency, RecordsRefused, Throttled

what, flags = sys.argv[1], sys.argv[2:]
FAULTS = {
    "throttled write": Throttled(operation="put_records"),
    "write of throttled records": RecordsRefused(code="DIS.4303"),
    "failing write": Failing(operation="put_records"),
    "slow write": Latency(operation="put_records", seconds=60),
    "slow read": Latency(operation="get_records", seconds=60),
    "client that tries again": Failing(operation="put_records"),
}

def report_ready(dis):
    while what in FAULTS and not any(fault.hits for fault in dis.faults()):
        time.sleep(0.1)
    time.sleep(1.5)
    print("ready", flush=True)

with LocalDIS() as dis, DISClient(dis.connection) as client:
    client.create_stream("s", partition_count=1)
    client.put_records("s", [PutRecord(b"x")])
    if what in FAULTS:
        dis.inject(FAULTS[what])
    threading.Thread(target=report_ready, args=(dis,), daemon=True).start()
    if "client" in what:
        client.put_records("s", [PutRecord(b"x")], retry_lost=True)
    elif "local" in what:
        time.sleep(60)
    pipeline = beam.Pipeline(options=PipelineOptions(flags))
    if "write" in what:
        pipeline | beam.Create([b"%d" % n for n in range(10000)]) | WriteToDIS("s", connection=dis.connection)
    else:
        records = pipeline | ReadFromDIS("s", start=StartingPosition.earliest(), connection=dis.connection)
        records | beam.Map(lambda _: None)
    pipeline.run().wait_until_finish()
"""


def seconds_to_end(program, *arguments):
    """Run a program, press Ctrl-C once it is ready, and return the seconds that it took to end, and its errors."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    try:
        assert "ready" in next(line for line in process.stdout if "ready" in line)
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    return time.monotonic() - started, errors


OFTEN = ["throttled write", "failing write", "read"]
SELDOM = ["write of throttled records", "slow write", "slow read"]


@pytest.mark.parametrize("what", [*OFTEN, *(pytest.param(what, marks=pytest.mark.long) for what in SELDOM)])
@pytest.mark.parametrize(
    "runner",
    [
        pytest.param("FnApiRunner", marks=pytest.mark.fnapi),
        pytest.param("PrismRunner", marks=pytest.mark.prism),
    ],
)
def test_ctrl_c_ends_a_pipeline_within_three_seconds(what, runner, runner_flags, undisturbed):
    """None of our threads reports an error; a step that runs in the main thread is interrupted like any code there."""

    def seconds():
        taken, errors = seconds_to_end(PROGRAM, what, *runner_flags(runner))
        assert "Exception ignored" not in errors
        assert "Exception in thread PutRecords" not in errors
        if runner == "PrismRunner":
            assert "beam_dis" not in "".join(line for line in errors.splitlines() if line.lstrip().startswith("File "))
        return taken

    assert undisturbed(seconds, LIMIT) < LIMIT


@pytest.mark.parametrize("what", ["client that tries again", "local DIS"])
def test_ctrl_c_ends_a_client_and_a_local_dis_within_three_seconds(what, undisturbed):
    assert undisturbed(lambda: seconds_to_end(PROGRAM, what)[0], LIMIT) < LIMIT


def list_streams(endpoint):
    with suppress(DISError), DISClient(DISConnection(endpoint=endpoint, project_id="local")) as client:
        client.list_streams()


def test_ctrl_c_ends_a_served_local_dis_within_three_seconds(tmp_path, undisturbed):
    """A request that is running has two seconds to end."""

    def seconds():
        command = [sys.executable, "-m", "beam_dis", "serve", "--port", "0", "--data", tmp_path, "--admin"]
        environment = {**os.environ, "BEAM_DIS_ADMIN_TOKEN": "token"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            endpoint = process.stdout.readline().split()[2]
            controls = AdminClient(endpoint, "token")
            controls.fetch("POST", "/admin/faults", FaultNumber, Latency(seconds=60))
            threading.Thread(target=list_streams, args=(endpoint,), daemon=True).start()
            while not controls.fetch("GET", "/admin/faults", FaultListing).faults[0].hits:
                time.sleep(0.05)
            started = time.monotonic()
            process.send_signal(signal.SIGINT)
            process.wait(60)
            return time.monotonic() - started

    assert undisturbed(seconds, LIMIT) < LIMIT
