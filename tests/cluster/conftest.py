"""A Flink cluster for the session, and jobs on it that count rows while a producer writes."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from cluster_parts import wait_for
from flink_cluster import FlinkCluster

from beam_dis import DISClient
from beam_dis.errors import DISError
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord

SCRIPT = Path(__file__).with_name("count_rows.py")
KEYS = 5
ENDED = {"CANCELED", "FAILED", "FINISHED"}
Window = tuple[str, int]
"""A key and the start of a window in seconds since 1970."""


def schema(name: str, **fields: str) -> str:
    typed = [{"name": field, "type": kind} for field, kind in fields.items()]
    return json.dumps({"type": "record", "name": name, "fields": typed})


class Streams:
    """A stream of rows, a stream of counts by key and second, and a producer that writes rows during its ``with`` block."""

    def __init__(self, dis: LocalDIS, partitions: int) -> None:
        self.dis = dis
        self.client = DISClient(dis.connection)
        self.input, self.output = uuid.uuid4().hex, uuid.uuid4().hex
        events, counts = schema("Event", key="string"), schema("Count", key="string", second="long", count="long")
        for stream, count, data_schema in ((self.input, partitions, events), (self.output, 2, counts)):
            self.client.create_stream(stream, partition_count=count, data_type="JSON", data_schema=data_schema)
        self._written = 0
        self._stop = threading.Event()

    def write(self, count: int = 50) -> None:
        """Put rows. A put whose answer is lost isn't repeated, because what counts is what is in the stream at the end."""
        numbers = range(self._written, self._written + count)
        self._written = numbers.stop
        rows = [PutRecord(data=b'{"key": "k%d"}' % (n % KEYS), partition_key=str(n)) for n in numbers]
        with suppress(DISError):
            self.client.put_records(self.input, rows)

    @contextmanager
    def producer(self) -> Iterator[None]:
        """Write 200 rows a second during the block."""

        def produce() -> None:
            while not self._stop.wait(0.25):
                self.write()

        thread = threading.Thread(target=produce)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def partitions(self) -> set[str]:
        """The ids of all partitions of the stream of rows, also of those that take no more records."""
        return {partition.partition_id for partition in self.client.describe_stream(self.input).partitions}

    def records(self, stream: str) -> Iterator[Any]:
        """All records of a stream."""
        for partition in self.client.describe_stream(stream).partitions:
            position = {"partition_id": partition.partition_id, "cursor_type": "TRIM_HORIZON"}
            cursor = self.client.get_cursor(stream, **position)
            while (page := self.client.get_records(cursor)).records:
                yield from page.records
                cursor = page.next_partition_cursor

    def expected(self) -> Counter[Window]:
        """How many rows are in the input of each window."""
        return Counter((json.loads(row.data)["key"], row.timestamp // 1000) for row in self.records(self.input))

    def written(self) -> dict[Window, list[tuple[float, int]]]:
        """For each window, when it was written (seconds since 1970) and with which count, the first time first."""
        found: dict[Window, list[tuple[float, int]]] = defaultdict(list)
        for record in self.records(self.output):
            row = json.loads(record.data)
            found[row["key"], row["second"]].append((record.timestamp / 1000, row["count"]))
        return {window: sorted(times) for window, times in found.items()}

    def repeated(self) -> dict[Window, list[float]]:
        """The windows that were written more than once, and when, except the last time."""
        times = {window: [time for time, _ in written] for window, written in self.written().items()}
        return {window: found[:-1] for window, found in times.items() if len(found) > 1}

    def wait_for_a_new_window(self) -> None:
        """Wait until a window is written that begins after now."""
        now = time.time()
        wait_for(lambda: any(second > now for _, second in self.written()), f"window after {now}")

    def assert_each_window_is_counted_right(self) -> None:
        """Wait until each window of the input is written, and assert that each count is right every time it was written.

        After the producer has ended, nothing follows the last window.
        """
        wait_for(lambda: self.written().keys() >= self.expected().keys(), "count for each window")
        counts = {window: {count for _, count in written} for window, written in self.written().items()}
        assert counts == {window: {count} for window, count in self.expected().items()}


class Job:
    """A job on the cluster.

    Args:
        cluster: where it runs.
        name: its name, which no other job has.
        client: the process that has started it, if that is another one.
    """

    def __init__(self, cluster: FlinkCluster, name: str, client: subprocess.Popen[bytes] | None = None) -> None:
        self._cluster, self._client = cluster, client
        self._id = wait_for(lambda: self._id_of(name), f"job {name}")

    def _id_of(self, name: str) -> str | None:
        assert self._client is None or self._client.poll() is None, "the client has ended: see its output"
        return next((job["jid"] for job in self._cluster.ask("/jobs/overview")["jobs"] if job["name"] == name), None)

    def _ask(self, path: str = "", method: str = "GET", body: Any = None) -> Any:
        return self._cluster.ask(f"/jobs/{self._id}{path}", method, body)

    def kill_client(self) -> None:
        """Kill the process that has started the job."""
        assert self._client is not None
        self._client.kill()
        self._client.wait()

    def state(self) -> str:
        return str(self._ask()["state"])

    def wait_until_finished(self) -> None:
        wait_for(lambda: self.state() == "FINISHED", "end of the job")

    def running_since(self) -> float:
        """Since when all its tasks run or have finished, in seconds since 1970; 0 if one doesn't. A restart changes it."""
        tasks = self._ask()["vertices"]
        if not tasks or {task["status"] for task in tasks} - {"RUNNING", "FINISHED"}:
            return 0.0
        return max(task["start-time"] for task in tasks) / 1000

    def parallelism(self) -> int:
        """In how many slots its widest step runs."""
        return max(vertex["parallelism"] for vertex in self._ask()["vertices"])

    def checkpoint(self) -> float:
        """When its last completed checkpoint began, in seconds since 1970; 0 if there is none."""
        completed = self._ask("/checkpoints")["latest"]["completed"]
        return completed["trigger_timestamp"] / 1000 if completed else 0.0

    def wait_for_a_checkpoint(self) -> None:
        """Wait until a checkpoint is complete that begins after now."""
        now = time.time()
        wait_for(lambda: self.running_since() and self.checkpoint() > now, f"checkpoint after {now}")

    def stop_with_savepoint(self) -> str:
        """Stop it, and return the path of its savepoint."""
        request = self._ask("/stop", "POST", {"drain": False})["request-id"]
        wait_for(lambda: self._ask(f"/savepoints/{request}")["status"]["id"] == "COMPLETED", "savepoint")
        operation = self._ask(f"/savepoints/{request}")["operation"]
        assert "location" in operation, operation
        return str(operation["location"])

    def end(self) -> None:
        """Cancel it and end its client."""
        if self._client:
            self.kill_client()
        with suppress(OSError):  # the job has ended already
            self._ask("?mode=cancel", "PATCH")
        wait_for(lambda: self.state() in ENDED, "end of the job")


@pytest.fixture(scope="session")
def cluster(flink_jar: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlinkCluster]:
    with FlinkCluster(tmp_path_factory.mktemp("cluster"), flink_jar) as cluster:
        yield cluster


@pytest.fixture
def streams() -> Iterator[Streams]:
    """Streams of four and two partitions, on a local DIS that the test may kill."""
    with LocalDIS() as dis:
        streams = Streams(dis, partitions=4)
        yield streams
        streams.client.close()


@pytest.fixture
def workers(tmp_path: Path) -> Path:
    """A folder in which the workers of the jobs note what they read: a file ``PARTITION@PROCESS``."""
    folder = tmp_path / "workers"
    folder.mkdir()
    return folder


@pytest.fixture
def job_on_the_cluster(cluster: FlinkCluster) -> Iterator[Callable[..., Job]]:
    """``job_on_the_cluster(name)``: the job of that name, which ends with the test."""
    jobs: list[Job] = []

    def find(name: str, client: subprocess.Popen[bytes] | None = None) -> Job:
        jobs.append(Job(cluster, name, client))
        return jobs[-1]

    yield find
    for job in jobs:
        job.end()


@pytest.fixture
def start_job(
    cluster: FlinkCluster, job_on_the_cluster: Callable[..., Job], streams: Streams, workers: Path
) -> Callable[..., Job]:
    """``start_job(*flags)``: a job that counts the rows of the streams. It ends with the test."""

    def start(*flags: str) -> Job:
        name = uuid.uuid4().hex
        connection = streams.dis.connection
        options = {
            "dis_endpoint": connection.endpoint,
            "dis_project_id": connection.project_id,
            "input": streams.input,
            "output": streams.output,
            "workers": workers,
            "job_name": name,
        }
        given = [*cluster.flags, *(f"--{option}={value}" for option, value in options.items()), *flags]
        command = ["setpriv", "--pdeathsig=KILL", sys.executable, str(SCRIPT), *given]
        return job_on_the_cluster(name, subprocess.Popen(command))

    return start
