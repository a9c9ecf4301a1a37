"""A job with windows and a shuffle, killed with its runner and started again by its app, loses nothing. Nor does a killed service."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from running_pipelines import eventually, values_in

from beam_dis import DISClient
from beam_dis.errors import DISError
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.alone, pytest.mark.timeout(600)]

JOB = Path(__file__).with_name("copy_in_windows.py")
SOURCE, TARGET, APP = "source", "target", "copy"
KILLS = 4


@contextmanager
def job(dis: LocalDIS, flags: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs the job, in a group with its runner; the group is killed at the end of the block."""
    connection = dis.connection
    given = [str(connection.endpoint), str(connection.project_id), SOURCE, TARGET, APP]
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, str(JOB), *given, *flags], stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Producer(threading.Thread):
    """Puts 20 numbers every 100 ms; ``acknowledged`` has those that the service has acknowledged."""

    def __init__(self, client: DISClient) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._ended = threading.Event()
        self.acknowledged: set[int] = set()

    def run(self) -> None:
        """Put until ``end`` is called."""
        numbers = range(20)
        while not self._ended.wait(0.1):
            records = [PutRecord(data=b"%d" % n, partition_key=str(n)) for n in numbers]
            with suppress(DISError):  # without an acknowledgement a number may be lost
                results = self._client.put_records(SOURCE, records).records
                self.acknowledged |= {n for n, result in zip(numbers, results, strict=True) if not result.error_code}
            numbers = range(numbers.stop, numbers.stop + 20)

    def end(self) -> None:
        """Put no more."""
        self._ended.set()
        self.join()


def committed(client: DISClient) -> int:
    """How many numbers are before the app's checkpoints."""
    with suppress(DISError):
        found = [client.get_checkpoint(APP, stream_name=SOURCE, partition_id=n) for n in (0, 1)]
        return sum(int(checkpoint.sequence_number or 0) for checkpoint in found)
    return 0


@pytest.mark.parametrize(
    "runner",
    [
        pytest.param("PrismRunner", marks=pytest.mark.prism),
        pytest.param("FlinkRunner", marks=pytest.mark.flink),
    ],
)
def test_a_killed_job_with_open_windows_loses_nothing(
    runner: str, prism_location: str, flink_jar: Path, flink_flags: list[str], tmp_path: Path
) -> None:
    """Process, runner and service are killed four times while a producer writes."""
    flags = {
        "PrismRunner": ["--runner=PrismRunner", f"--prism_location={prism_location}", "--streaming"],
        "FlinkRunner": [*flink_flags, f"--flink_job_server_jar={flink_jar}"],
    }[runner]
    with LocalDIS(tmp_path / "data") as dis, DISClient(dis.connection) as client:
        client.create_stream(SOURCE, partition_count=2)
        client.create_stream(TARGET, partition_count=1)
        client.create_app(APP)
        producer = Producer(client)
        producer.start()
        for _ in range(KILLS):
            with job(dis, flags, tmp_path / "log"):
                before = committed(client)
                eventually(lambda before=before: committed(client) > before, expected=True)
                dis.restart(kill=True)
                time.sleep(1.5)  # the job is killed while windows are open
        producer.end()
        with job(dis, flags, tmp_path / "log"):
            eventually(lambda: producer.acknowledged - numbers_in(client), expected=set())
            eventually(lambda: committed(client) >= len(producer.acknowledged), expected=True)


def numbers_in(client: DISClient) -> set[int]:
    """The numbers that were written."""
    return {number for numbers in values_in(client, TARGET) for number in numbers}
