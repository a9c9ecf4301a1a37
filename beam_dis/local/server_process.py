"""A local server as a context manager: a process of its own that ends with this one.

Rules:

1. The process runs ``beam-dis serve``, the same server that the command line starts.
2. It ends when its parent ends, even if the parent is killed.
3. A temporary folder is removed with its data, even if the parent is killed. A folder that was given stays.
4. It belongs to the process that started it. A forked child can use it; when the child leaves the ``with`` block or ends, the
   server runs on, and the folder stays.
5. The port is reserved from the start to the end, so that no other program can take it during a restart.
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import IO, TypeVar

from beam_dis.errors import ConfigurationError, DISError
from beam_dis.local import child
from beam_dis.local.admin_client import AdminClient
from beam_dis.local.keys import ADMIN_VARIABLE
from beam_dis.local.listening import MAX_PORT, StartError, endpoint_of, reserve
from beam_dis.names import checked_int
from beam_dis.plain_values import described

_HOST = "127.0.0.1"
_READY = "beam-dis: serving "
_STOP_SECONDS = 20
_LEAVING_SECONDS = 1.0
"""For requests that are running at the end of the ``with`` block; none after Ctrl-C. What was acknowledged is on the disk."""
_AGING_SECONDS = 600.0
"""How long the server may take to delete everything that has expired when its clock is advanced."""

P = TypeVar("P", bound="ServerProcess")


class ServerProcess(ABC):
    """A server on this machine that runs during its ``with`` block.

    Args:
        data_dir: The folder that keeps the data; None: a temporary folder, which is removed at the end.
        port: The port; 0: any free one.
    """

    _title = ""
    """What messages call it, after "the"."""
    _usage = ""
    """How it is used, for a message."""

    def __init__(self, data_dir: str | os.PathLike[str] | None, port: int) -> None:
        self._port = checked_int("port", port, 0, MAX_PORT)
        self._data_dir = None if data_dir is None else absolute(data_dir)
        self._admin_token = secrets.token_urlsafe(24)
        self._folder: Path | None = None
        self._process: subprocess.Popen[str] | None = None
        self._stderr: IO[str] | None = None
        self._reserved: socket.socket | None = None
        self._endpoint = ""
        self._owner = os.getpid()

    @abstractmethod
    def _arguments(self) -> list[str]:
        """The arguments of ``beam-dis serve`` beside those of every server."""

    @abstractmethod
    def _variables(self) -> dict[str, str]:
        """The keys and tokens as environment variables, which only this user can read. Any user could read arguments."""

    @property
    def endpoint(self) -> str:
        """Its address, ``http://127.0.0.1:PORT``."""
        self._running()
        return self._endpoint

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._running().pid

    def __enter__(self: P) -> P:  # noqa: PYI019 - Python 3.10 has no Self
        """Start it."""
        if self._process is not None:
            raise DISError(f"this {type(self).__name__} is running already: make another one")
        self._owner = os.getpid()
        try:
            if self._data_dir is None:
                self._folder = Path(tempfile.mkdtemp(prefix="beam-dis-"))
            self._reserved = reserve(_HOST, self._port)
            self._endpoint = endpoint_of(self._reserved)
            self._start()
        except BaseException as error:
            self._stop(kill=True)
            self._clean_up()
            if isinstance(error, OSError | StartError):
                raise ConfigurationError(f"the {self._title} did not start: {error}") from error
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        interrupted = kind is not None and not issubclass(kind, Exception)
        self._stop(kill=interrupted, seconds=_LEAVING_SECONDS)
        self._clean_up()

    def restart(self, kill: bool = False) -> None:
        """Stop it and start it again, on the same port and data. With ``kill`` it is killed and can't finish anything.

        Raises:
            DISError: If it isn't running, or if another process started it.
        """
        self._running()
        if not self._is_ours():
            raise DISError(f"process {self._owner} started this {type(self).__name__}: restart it there")
        self._stop(kill=kill)
        try:
            self._start()
        except OSError as error:
            raise ConfigurationError(f"the {self._title} did not start again: {error}") from error

    def advance(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0) -> None:
        """Move its clock forward, permanently; everything that is due by then has happened when this returns.

        Records expire after their stream's retention. The new time is stored with the data and survives restarts.

        Raises:
            ConfigurationError: If an argument is no number, or if the sum is negative.
        """
        for name, value in (("seconds", seconds), ("minutes", minutes), ("hours", hours)):
            if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
                raise ConfigurationError(f"advance: {name}={described(value)} is not a number")
        total = seconds + 60 * minutes + 3600 * hours
        self._controls.send("POST", "/admin/clock", {"seconds": total}, seconds=_AGING_SECONDS)

    @property
    def _controls(self) -> AdminClient:
        return AdminClient(self.endpoint, self._admin_token, self._title)

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise DISError(f"this {type(self).__name__} isn't running: {self._usage}")
        return self._process

    def _start(self) -> None:
        folder = self._folder or self._data_dir
        port = self._endpoint.rpartition(":")[2]
        arguments = ["serve", "--host", _HOST, "--port", port, "--port-reserved", "--data", str(folder)]
        arguments += ["--admin", "--stop-with-parent", *self._arguments()]
        if self._folder is not None:
            arguments.append("--remove-with-parent")
        self._stderr = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed by _end
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            child.command(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=child.FOLDER,
            env={**os.environ, **self._variables(), ADMIN_VARIABLE: self._admin_token},
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches only the parent, which may have to finish its writes
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line.startswith(_READY):
            errors = self._end(kill=True)
            raise ConfigurationError(f"the {self._title} did not start: {errors or line.strip()}")

    def _stop(self, *, kill: bool = False, seconds: float = _STOP_SECONDS) -> None:
        """Stop it and print its standard error on ours, so that no failure of the server stays hidden."""
        errors = self._end(kill=kill, seconds=seconds)
        if errors:
            print(errors, file=sys.stderr)  # noqa: T201 - it is the server's standard error

    def _end(self, *, kill: bool, seconds: float = _STOP_SECONDS) -> str:
        """Stop it, unless another process started it; returns its standard error."""
        if not self._is_ours():
            return ""
        process, self._process = self._process, None
        stderr, self._stderr = self._stderr, None
        if process is None or stderr is None:
            if stderr is not None:
                stderr.close()
            return ""
        with stderr, process:
            (process.kill if kill else process.terminate)()
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            stderr.seek(0)
            return stderr.read().strip()

    def _clean_up(self) -> None:
        reserved, self._reserved = self._reserved, None
        if reserved is not None:
            reserved.close()
        folder, self._folder = self._folder, None
        if folder is not None and self._is_ours():
            shutil.rmtree(folder, ignore_errors=True)

    def _is_ours(self) -> bool:
        """Whether this process started it, and not one that this process was forked from."""
        return self._owner == os.getpid()


def absolute(path: str | os.PathLike[str], argument: str = "data_dir", kind: str = "folder") -> Path:
    """The path as it is now, so that a later change of the working directory doesn't change it."""
    try:
        return Path(path).absolute()
    except TypeError as error:
        raise ConfigurationError(
            f"{argument}={described(path)} is not the path of a {kind}: give str or Path"
        ) from error
    except OSError as error:
        raise ConfigurationError(
            f"{argument}={os.fspath(path)!r} is relative, and the working directory is gone: give an absolute path"
        ) from error
