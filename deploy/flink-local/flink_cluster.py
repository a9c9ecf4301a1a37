"""A Flink cluster on this machine: ZooKeeper, a JobManager, two TaskManagers, Beam's job server and a pool of Python workers.

    python deploy/flink-local/flink_cluster.py up      starts it, or those of its processes that have ended
    python deploy/flink-local/flink_cluster.py down    ends its processes

Rules:

1. The folder of the cluster (``.cluster``) has the ids of its processes, their logs, and the data that Flink keeps.
2. The JobManager is highly available: after a crash a new one finds the jobs through ZooKeeper, and their checkpoints in the
   folder, and continues them.
3. The system chooses the ports. A process that replaces another takes its port, because running jobs and other processes know it.
4. A process is ended by its id, and only if it started when the folder says. Another program may have got the id since.
5. Everything listens on the loopback interface, except Beam's worker pool, which has no option for that.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, final

from cluster_parts import ClusterError, Part, started_at, wait_for

ROOT = Path(__file__).resolve().parents[2]
JAR = ROOT / ".runners" / "flink" / "flink-job-server.jar"
FOLDER = ROOT / ".cluster"
STOP_SECONDS = 10.0
JOB_FLAGS = (
    "--runner=FlinkRunner",
    "--streaming",
    "--parallelism=2",
    "--checkpointing_interval=2000",
    "--finish_bundle_before_checkpointing",
    "--number_of_execution_retries=1000",
    "--execution_retry_delay=1000",
)
"""The flags of a job that survives the loss of a machine: retries times delay is longer than ``heartbeat.timeout``."""

_PARTS = {"worker-pool": 1, "zookeeper": 1, "job-manager": 1, "task-manager": 2, "job-server": 1}
"""How many processes there are of each kind, in the order in which they start."""
_JAVA = [
    "java",
    "-Xmx512m",
    "-XX:+UseSerialGC",  # these two spare processors: the processes don't live long and do little
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
    *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in ("lang", "net", "nio", "time", "util")),
]
_SETTINGS = {
    "jobmanager.rpc.address": "localhost",
    "jobmanager.bind-host": "localhost",
    "jobmanager.memory.process.size": "1g",
    "rest.address": "localhost",
    "rest.bind-address": "localhost",
    "heartbeat.interval": "1000",
    "heartbeat.timeout": "8000",
    "taskmanager.load-balance.mode": "SLOTS",
    "high-availability.type": "zookeeper",
    "high-availability.zookeeper.client.session-timeout": "8000",
}
_TASK_MANAGER_SETTINGS = {
    "taskmanager.host": "localhost",
    "taskmanager.bind-host": "localhost",
    "taskmanager.cpu.cores": "1",
    "taskmanager.numberOfTaskSlots": "2",
    # Flink's start scripts, which aren't among the jars, compute these; without them each must be set
    "taskmanager.memory.task.heap.size": "256m",
    "taskmanager.memory.task.off-heap.size": "64m",
    "taskmanager.memory.framework.heap.size": "64m",
    "taskmanager.memory.framework.off-heap.size": "64m",
    "taskmanager.memory.network.min": "64m",
    "taskmanager.memory.network.max": "64m",
    "taskmanager.memory.managed.size": "128m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "64m",
    "taskmanager.memory.jvm-overhead.max": "64m",
}


@final
class FlinkCluster:
    """The cluster of a folder. As a context manager it starts at the beginning of the block and is killed at the end.

    Args:
        folder: the folder with its logs and data.
        jar: the jar of Beam's job server for Flink; the folder ``lib`` beside it has all classes of Flink.
        stays: whether the processes run on after this one has ended.
    """

    def __init__(self, folder: Path, jar: Path = JAR, *, stays: bool = False) -> None:
        self._folder, self._jar, self._stays = folder.absolute(), jar.absolute(), stays
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> FlinkCluster:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end(seconds=0)

    @property
    def parts(self) -> list[Part]:
        """Its processes since it was started as a whole, also those that have ended, the oldest first."""
        file = self._folder / "processes"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [
            Part(name=log.rpartition("-")[0], id=int(process), started=started, log=self._folder / "logs" / log)
            for process, started, log in (line.split(" ") for line in lines)
        ]

    def running(self, name: str = "") -> list[Part]:
        """Its processes that run, or those of one kind, the oldest first."""
        return [part for part in self.parts if part.runs and name in {"", part.name}]

    @property
    def flags(self) -> list[str]:
        """The flags with which a pipeline runs on it.

        ``--files_to_stage`` names one small file. Without it the job server sends its 162 jars with each job, but the
        TaskManagers have these classes already.
        """
        return [
            *JOB_FLAGS,
            f"--files_to_stage={self._jar}",
            f"--job_endpoint=localhost:{self._port('job-server')}",
            "--environment_type=EXTERNAL",
            f"--environment_config=localhost:{self._port('worker-pool')}",
        ]

    @property
    def address(self) -> str:
        """The URL of Flink's REST API and dashboard."""
        return f"http://localhost:{self._port('job-manager')}"

    def ask(self, path: str, method: str = "GET", body: Mapping[str, Any] | None = None) -> Any:
        """The answer of Flink's REST API, such as ``ask("/jobs/overview")``.

        Raises:
            urllib.error.URLError: If it refuses, or if the JobManager doesn't answer.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"{}")

    def workers(self) -> list[Part]:
        """The Python workers that the pool has started and that run."""
        return [worker for pool in self.running("worker-pool") for worker in pool.children()]

    def kill(self, name: str) -> None:
        """Kill the oldest process of a kind, such as "task-manager", or the newest Python worker ("worker")."""
        part = self.workers()[-1] if name == "worker" else self.running(name)[0]
        part.kill()

    def start(self) -> None:
        """Start the processes that don't run, and wait until the TaskManagers have registered with the JobManager.

        If none runs, the cluster is a new one: the data and logs of the former one are removed.

        Raises:
            ClusterError: If a process doesn't start. Those that have started run on, unless the cluster is a new one.
        """
        if shutil.which("java") is None:
            raise ClusterError("there is no java on PATH: install a Java runtime (17 was tried)")
        if not self._jar.exists():
            raise ClusterError(f"{self._jar} doesn't exist: run `make runners`, or name the jar with --jar")
        new = not self.running()
        if new:
            shutil.rmtree(self._folder, ignore_errors=True)
            for name in ("logs", "temporary", "zookeeper"):
                (self._folder / name).mkdir(parents=True)
            (self._folder / "config.yaml").touch()  # Flink wants the file; the settings are arguments
        try:
            for name, count in _PARTS.items():
                for _ in range(count - len(self.running(name))):
                    self._start(name)
            wait_for(self._is_complete, f"complete Flink; its logs are in {self._folder / 'logs'}")
        except BaseException:
            if new:
                self.end(seconds=0)
            raise

    def end(self, seconds: float = STOP_SECONDS) -> int:
        """End its processes, and the workers that its pool has started.

        Args:
            seconds: how long they may take to end by themselves before they are killed.

        Returns:
            How many processes there were, without the workers.
        """
        running = self.running()
        ending = [*running, *self.workers()]
        for part in ending:
            part.send(signal.SIGTERM)
        until = time.monotonic() + seconds
        while any(part.runs for part in ending) and time.monotonic() < until:
            time.sleep(0.1)
        for part in ending:
            part.kill()
        for child in self._children:
            child.wait()
        return len(running)

    def _port(self, name: str) -> str:
        newest = [part for part in self.parts if part.name == name][-1]
        return newest.wait_for_port()

    def _is_complete(self) -> bool:
        registered = {manager["id"] for manager in self.ask("/taskmanagers")["taskmanagers"]}
        return registered == {part.log.name for part in self.running("task-manager")}

    def _start(self, name: str) -> None:
        former = [part for part in self.parts if part.name == name]
        ports = [port for part in former if (port := part.port())]
        log = self._folder / "logs" / f"{name}-{len(former)}"
        command = self._command(log.name, ports[-1] if ports else "0")
        # the pool starts the first python on PATH
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with log.open("wb") as output:
            child = subprocess.Popen(
                command if self._stays else ["setpriv", "--pdeathsig=KILL", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "PATH": path},
                start_new_session=True,
            )
        self._children.append(child)
        with (self._folder / "processes").open("a", encoding="utf-8") as processes:
            processes.write(f"{child.pid} {started_at(child.pid)} {log.name}\n")

    def _command(self, log: str, port: str) -> list[str]:
        """The command line of a process; ``port`` is the one on which others reach it, or 0."""
        match log.rpartition("-")[0]:
            case "worker-pool":
                return [sys.executable, "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={port}"]
            case "zookeeper":
                return self._zookeeper(port)
            case "job-manager":
                settings = {"jobmanager.rpc.port": "0", "rest.bind-port": port, "rest.port": port}
                return self._flink("entrypoint.StandaloneSessionClusterEntrypoint", settings)
            case "task-manager":
                settings = {**_TASK_MANAGER_SETTINGS, "taskmanager.resource-id": log}
                return self._flink("taskexecutor.TaskManagerRunner", settings)
            case _:
                ports = [f"--job-port={port}", "--artifact-port=0", "--expansion-port=0"]
                master = f"--flink-master=localhost:{self._port('job-manager')}"
                return [*_JAVA, "-jar", str(self._jar), master, *ports, f"--artifacts-dir={self._folder / 'artifacts'}"]

    def _zookeeper(self, port: str) -> list[str]:
        if port == "0":
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = str(free.getsockname()[1])
        settings = {
            "dataDir": self._folder / "zookeeper",
            "clientPort": port,
            "clientPortAddress": "127.0.0.1",
            "admin.enableServer": "false",
            "tickTime": "1000",
            "maxSessionTimeout": "60000",
            "server.1": "127.0.0.1",
        }
        file = self._folder / "zoo.cfg"
        file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
        return self._flink_class("zookeeper.FlinkZooKeeperQuorumPeer", "--zkConfigFile", str(file), "--peerId", "1")

    def _flink(self, entry: str, settings: Mapping[str, str]) -> list[str]:
        shared = {
            "high-availability.zookeeper.quorum": f"127.0.0.1:{self._port('zookeeper')}",
            "high-availability.storageDir": f"file://{self._folder}/high-availability",
            "io.tmp.dirs": str(self._folder / "temporary"),
            "state.checkpoints.dir": f"file://{self._folder}/checkpoints",
            "state.savepoints.dir": f"file://{self._folder}/savepoints",
        }
        properties = [f"-D{key}={value}" for key, value in {**_SETTINGS, **shared, **settings}.items()]
        return self._flink_class(entry, "--configDir", str(self._folder), *properties)

    def _flink_class(self, entry: str, *arguments: str) -> list[str]:
        """The command line of one of Flink's programs, whose classes the job server brings along."""
        return [*_JAVA, "-cp", f"{self._jar.parent / 'lib'}/*", f"org.apache.flink.runtime.{entry}", *arguments]


def main(arguments: Sequence[str] | None = None) -> int:
    """Start or end the cluster of a folder."""
    parser = argparse.ArgumentParser(description="A Flink cluster of several processes on this machine.")
    parser.add_argument("command", choices=["up", "down"])
    parser.add_argument("--folder", type=Path, default=FOLDER, help="its logs and data (.cluster)")
    parser.add_argument("--jar", type=Path, default=JAR, help="the jar of Beam's job server for Flink")
    given = parser.parse_args(arguments)
    cluster = FlinkCluster(given.folder, given.jar, stays=True)
    if given.command == "down":
        print(f"{cluster.end()} processes ended; their logs are in {given.folder / 'logs'}")
        return 0
    try:
        cluster.start()
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1
    for part in cluster.running():
        print(f"{part.id:>8}  {part.name}")
    file = given.folder / "flags"
    file.write_text("\n".join(cluster.flags) + "\n", encoding="utf-8")
    print(f"\nFlink's dashboard: {cluster.address}\nThe flags of a pipeline, which are in {file}:\n")
    print("  " + " \\\n  ".join(cluster.flags))
    print("\n`make cluster` starts a process again that has ended, `make cluster-down` ends them all.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
