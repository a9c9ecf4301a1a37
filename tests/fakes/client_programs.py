"""Official clients in other languages: programs that call an operation for each line of JSON, and answer each with a line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from typing import Any

OBJECTS = {
    "agency_name": "agency",
    "deliver_time_interval": 30,
    "consumer_strategy": "TRIM_HORIZON",
    "file_prefix": "raw",
    "obs_bucket_path": "lake",
    "record_delimiter": ";",
}
"""How a dump task makes its objects, as each client is asked to create one."""


class ClientError(Exception):
    """What the client raised: the name or code of its error, its text, and the HTTP status where the client tells it."""

    def __init__(self, name: str, message: str, status: int | None) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message
        self.status = status


class ClientProgram:
    """A running program. It ends when its standard input is closed, also if this process is killed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.status: int | None = None
        """The HTTP status of the last answer, where the client tells it."""
        self.request_id: str | None = None
        """The X-Request-Id of the last answer, where the client tells it."""

    def open(self, **settings: str | bool) -> None:
        """Make a client, which the next calls use."""
        self.ask({"open": settings})

    def call(self, operation: str, request: Any = None) -> Any:
        """Call an operation. The request and the result have the names of the client's own classes."""
        return self.ask({"call": operation, "request": request})

    def ask(self, step: dict[str, Any]) -> Any:
        """Let the program do one step, and return its result.

        Raises:
            ClientError: If the client raised an error.
        """
        self._process.stdin.write(f"{json.dumps(step)}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the program ended with {self._process.wait(10)} at {step}"
        answer = json.loads(line)
        self.status = answer.get("status")
        self.request_id = answer.get("request_id")
        if "error" in answer:
            raise ClientError(answer["error"], answer["message"], self.status)
        return answer["result"]


@contextmanager
def client_program(command: Sequence[str | PathLike[str]]) -> Iterator[ClientProgram]:
    """Start a program for the block."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as process:
        try:
            yield ClientProgram(process)
            process.stdin.close()
            process.wait(60)
        finally:
            process.kill()
