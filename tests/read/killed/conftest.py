"""Worker processes and a Flink cluster that tests kill, and a pipeline that must lose nothing by that."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from beam_dis import DISClient, ReadFromDIS, WriteToDIS
from beam_dis.record import PutRecord

TIMEOUT_SECONDS = 90.0
APP = "copy"

_JAVA_OPTIONS = [
    "-Xmx512m",
    *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("lang", "net", "nio", "time", "util")),
]
_COMMON_SETTINGS = [
    "jobmanager.rpc.address=localhost",
    "jobmanager.bind-host=localhost",
    "rest.address=localhost",
    "rest.bind-address=localhost",
    "jobmanager.memory.process.size=1g",
    "heartbeat.interval=1000",
    "heartbeat.timeout=5000",
]
_TASK_MANAGER_SETTINGS = [
    "taskmanager.host=localhost",
    "taskmanager.bind-host=localhost",
    "taskmanager.numberOfTaskSlots=1",
    "taskmanager.cpu.cores=1",
    *(
        f"taskmanager.memory.{part}={size}m"  # Flink's start scripts compute these; without them each must be set
        for part, size in {
            "task.heap.size": 256,
            "task.off-heap.size": 64,
            "framework.heap.size": 64,
            "framework.off-heap.size": 64,
            "network.min": 64,
            "network.max": 64,
            "managed.size": 128,
            "jvm-metaspace.size": 256,
            "jvm-overhead.min": 64,
            "jvm-overhead.max": 64,
        }.items()
    ),
]


def eventually(look: Callable[[], Any]) -> Any:
    """Call ``look`` until its result is true, and return that; fail after 90 seconds."""
    until = time.monotonic() + TIMEOUT_SECONDS
    while not (seen := look()) and time.monotonic() < until:
        time.sleep(0.2)
    assert seen
    return seen


class Server:
    """A process that prints its address. It ends with this process, even if this one is killed."""

    def __init__(self, command: Sequence[str], log: Path, **env: str) -> None:
        self._log = log
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *command], stdout=out, stderr=out, env={**os.environ, **env}
            )
        self.pid = self._process.pid

    def wait_for_output(self, pattern: str) -> str:
        """Wait until its output matches a pattern, and return the first group."""

        def found() -> re.Match[str] | None:
            assert self._process.poll() is None, self._log.read_text(errors="replace")
            return re.search(pattern, self._log.read_text(errors="replace"))

        return str(eventually(found)[1])

    def kill(self) -> None:
        """Kill it, whatever it is doing."""
        self._process.kill()
        self._process.wait()


class WorkerPool:
    """Beam's pool of workers, which starts a process for each worker that a runner asks for."""

    def __init__(self, log: Path) -> None:
        command = [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", "--service_port=0"]
        path = (
            f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # the pool starts the first python on PATH
        )
        self._server = Server(command, log, PATH=path)

    @property
    def flags(self) -> list[str]:
        """The flags with which a pipeline uses it."""
        address = self._server.wait_for_output(r"Started worker pool servicer at port: (\S+)")
        return ["--environment_type=EXTERNAL", f"--environment_config={address}"]

    def workers(self) -> list[int]:
        """The ids of its worker processes that are running."""
        tasks = Path(f"/proc/{self._server.pid}/task").glob("*/children")
        children = [int(pid) for task in tasks for pid in task.read_text().split()]
        return [pid for pid in children if Path(f"/proc/{pid}/cmdline").read_bytes()]

    def kill_workers(self) -> int:
        """Kill the workers while they work, and return how many there were."""
        workers = self.workers()
        for pid in workers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(workers)

    def close(self) -> None:
        """End all its processes."""
        self.kill_workers()
        self._server.kill()


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[WorkerPool]:
    pool = WorkerPool(tmp_path / "pool.log")
    yield pool
    pool.close()


class Cluster:
    """A Flink of several processes: a JobManager, two TaskManagers with one slot each, and a job server."""

    def __init__(self, folder: Path, jar: Path, flags: list[str]) -> None:
        self._folder, self._jar, self._flags = folder, jar, flags
        (folder / "config.yaml").write_text(f"io.tmp.dirs: {folder}\n")
        ports = ["jobmanager.rpc.port=0", "rest.bind-port=0", "rest.port=0"]
        self._job_manager = self._start("entrypoint.StandaloneSessionClusterEntrypoint", [*_COMMON_SETTINGS, *ports])
        self._rpc_port = self._job_manager.wait_for_output(r"Actor system started at pekko.tcp://flink@localhost:(\d+)")
        self._task_managers = [self._start_task_manager() for _ in range(2)]
        self._job_server = self._start_job_server(
            self._job_manager.wait_for_output(r"Rest endpoint listening at \S+:(\d+)")
        )

    @property
    def flags(self) -> list[str]:
        """The flags with which a pipeline uses it."""
        return [*self._flags, "--job_endpoint=" + self._job_server.wait_for_output(r"JobService started on (\S+)")]

    def replace_a_task_manager(self) -> None:
        """Start a TaskManager, and kill the oldest one while it works."""
        self._task_managers.append(self._start_task_manager())
        self._task_managers.pop(0).kill()

    def close(self) -> None:
        """End all its processes."""
        for server in (self._job_server, *self._task_managers, self._job_manager):
            server.kill()

    def _start_task_manager(self) -> Server:
        settings = [f"jobmanager.rpc.port={self._rpc_port}", *_TASK_MANAGER_SETTINGS]
        return self._start("taskexecutor.TaskManagerRunner", [*_COMMON_SETTINGS, *settings])

    def _start_job_server(self, rest_port: str) -> Server:
        ports = [f"--{name}-port=0" for name in ("job", "artifact", "expansion")]
        options = [*ports, f"--artifacts-dir={self._folder}", f"--flink-master=localhost:{rest_port}"]
        return Server(["java", "-jar", str(self._jar), *options], self._log())

    def _start(self, name: str, settings: list[str]) -> Server:
        """Start one of Flink's processes with the classes of the job server."""
        classes = ["-cp", f"{self._jar.parent / 'lib'}/*", f"org.apache.flink.runtime.{name}"]
        properties = [word for setting in settings for word in ("-D", setting)]
        return Server(["java", *_JAVA_OPTIONS, *classes, "--configDir", str(self._folder), *properties], self._log())

    def _log(self) -> Path:
        return self._folder / f"{uuid.uuid4().hex}.log"


@pytest.fixture
def cluster(tmp_path: Path, flink_jar: Path, flink_flags: list[str]) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path, flink_jar, flink_flags)
    yield cluster
    cluster.close()


@dataclass
class Numbers:
    """A stream of numbers, and the stream into which a pipeline copies them with an app."""

    client: DISClient
    source: str
    target: str
    sent: int = 0

    def put(self, count: int) -> None:
        """Put the next ``count`` numbers."""
        numbers = range(self.sent, self.sent + count)
        entries = [PutRecord(data=b"%d" % n, partition_key=str(n)) for n in numbers]
        assert self.client.put_records(self.source, entries).failed_record_count == 0
        self.sent = numbers.stop

    def put_for_a_second(self) -> None:
        """Put 1,000 more within a second, in four requests."""
        for _ in range(4):
            self.put(250)
            time.sleep(0.25)

    def copied(self) -> Counter[int]:
        """How often each number was copied."""
        found: Counter[int] = Counter()
        for partition in self.client.describe_stream(self.target).partitions:
            cursor = self.client.get_cursor(
                self.target, partition_id=partition.partition_id, cursor_type="TRIM_HORIZON"
            )
            while (page := self.client.get_records(cursor)).records:
                found.update(int(record.data) for record in page.records)
                cursor = page.next_partition_cursor
        return found

    def committed(self) -> int:
        """How many numbers are before the app's checkpoints."""
        partitions = [partition.partition_id for partition in self.client.describe_stream(self.source).partitions]
        found = [self.client.get_checkpoint(APP, stream_name=self.source, partition_id=name) for name in partitions]
        return sum(int(checkpoint.sequence_number or 0) for checkpoint in found)

    def wait_until_all_are_copied(self) -> None:
        """Wait until each number that was put is copied."""
        eventually(lambda: self.copied().keys() == set(range(self.sent)))

    def wait_until_all_are_committed(self) -> None:
        """Wait until the app has committed each number that was put."""
        eventually(lambda: self.committed() == self.sent)


@pytest.fixture
def copying(local_dis: Any, make_stream: Callable[..., str]) -> Callable[..., AbstractContextManager[Numbers]]:
    """``with copying(flags) as numbers``: a pipeline copies them during the block."""

    @contextmanager
    def copying(flags: list[str]) -> Iterator[Numbers]:
        source, target = make_stream(partitions=3), make_stream(partitions=2)
        pipeline = beam.Pipeline(options=PipelineOptions(flags))
        read = ReadFromDIS(
            source,
            connection=local_dis.connection,
            poll_interval=0.2,
            discovery_interval=1.0,
            decode="bytes",
            app=APP,
        )
        _ = pipeline | read | WriteToDIS(target, connection=local_dis.connection)
        result = pipeline.run()
        with DISClient(local_dis.connection) as client:
            yield Numbers(client, source, target)
        result.cancel()

    return copying
