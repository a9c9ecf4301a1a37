"""The processes of a cluster: each is known by its id, its start and its log, and is killed only if it is still the same."""

from __future__ import annotations

import os
import re
import signal
import time
import urllib.error
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_SECONDS = 180.0
_PORTS = {
    "worker-pool": r"Started worker pool servicer at port: \S+:(\d+)",
    "zookeeper": r"binding to port .*:(\d+)",
    "job-manager": r"Rest endpoint listening at \S+:(\d+)",
    "job-server": r"JobService started on \S+:(\d+)",
}
"""How each kind of process logs the port on which others reach it. A TaskManager's port is asked from the JobManager."""


class ClusterError(Exception):
    """The cluster did not start, or did not do in time what it was waited for."""


def wait_for(look: Callable[[], Any], what: str, seconds: float = START_SECONDS) -> Any:
    """Call ``look`` until its result is true, and return that. A Flink that doesn't answer counts as false.

    Raises:
        ClusterError: If that takes too long; with ``what`` in the message.
    """
    until = time.monotonic() + seconds
    while True:
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            if seen := look():
                return seen
        if time.monotonic() > until:
            raise ClusterError(f"after {seconds:.0f} s there is still no {what}")
        time.sleep(0.2)


def started_at(process: int) -> str:
    """When the process with this id started, in the system's clock ticks; empty if there is none, or if it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One process of the cluster.

    Attributes:
        name: its kind, such as "task-manager".
        id: the id of the process.
        started: when it started, in the system's clock ticks.
        log: the file with its output. The name of the file is unique in the cluster.
    """

    name: str
    id: int
    started: str
    log: Path

    @property
    def runs(self) -> bool:
        """Whether it still runs."""
        return bool(self.started) and started_at(self.id) == self.started

    def port(self) -> str:
        """The port on which others reach it; empty if it has not logged one."""
        found = re.search(_PORTS.get(self.name, r"(?!)"), self.log.read_text(encoding="utf-8", errors="replace"))
        return found[1] if found else ""

    def wait_for_port(self) -> str:
        """Wait until it listens, and return its port.

        Raises:
            ClusterError: If it ends before.
        """

        def port() -> str:
            if not self.runs:
                raise ClusterError(f"the {self.name} has ended: see {self.log}")
            return self.port()

        return str(wait_for(port, f"port in {self.log}"))

    def children(self) -> list[Part]:
        """The processes that it has started and that run."""
        tasks = Path(f"/proc/{self.id}/task").glob("*/children")
        ids = sorted(int(child) for task in tasks for child in task.read_text(encoding="utf-8").split())
        found = [Part(name="worker", id=child, started=started_at(child), log=self.log) for child in ids]
        return [child for child in found if child.runs]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still runs."""
        with suppress(ProcessLookupError):
            if self.runs:
                os.kill(self.id, number)

    def kill(self) -> None:
        """Kill it, whatever it is doing."""
        self.send(signal.SIGKILL)
        wait_for(lambda: not self.runs, f"end of the {self.name}")
