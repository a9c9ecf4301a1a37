"""A local DIS as a context manager: a process of its own that ends with this one.

Law: the process is ``python -m beam_dis serve``, the same server that the command line starts. It never outlives its
parent, however that ends. Data in a temporary folder goes with it, also where the parent was killed; data in a given one
stays.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, final, get_args
from urllib.parse import urlsplit

from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials, Token
from beam_dis.errors import ConfigurationError, DISError
from beam_dis.local.admin_client import AdminClient
from beam_dis.local.faults.values import AnyFault, FaultListing, FaultNumber, InjectedFault

PROJECT_ID = "local"
"""The project of ``LocalDIS.connection``; a local DIS takes any."""

_READY = "beam-dis: serving "
_STOP_SECONDS = 20
_AGING_SECONDS = 600.0
"""How long the server may take to clear away what an advanced clock leaves behind."""

Limits = Literal["sizes", "real"]


@final
class LocalDIS:
    """A DIS on this machine, for as long as the ``with`` block lasts.

    ``data_dir`` keeps the data; without it they are gone at the end. ``port`` 0 takes any free one. With ``access_key`` and
    ``secret_key`` every request must be signed with them, with ``auth_token`` it may bear that instead; without, it needs
    neither. ``limits="real"`` adds the service's limits of throughput for each partition; the default is limits of sizes
    alone. Raises ConfigurationError where the server can't start, with the line in which it says why.

        with LocalDIS() as dis:
            client = DISClient(dis.connection)
    """

    def __init__(
        self,
        data_dir: str | os.PathLike[str] | None = None,
        port: int = 0,
        *,
        access_key: str | None = None,
        secret_key: str | None = None,
        auth_token: str | None = None,
        limits: Limits = "sizes",
    ) -> None:
        if (access_key is None) != (secret_key is None):
            raise ConfigurationError("LocalDIS takes access_key and secret_key together, or neither")
        if limits not in get_args(Limits):
            raise ConfigurationError(f"limits={limits!r} is not one of {', '.join(get_args(Limits))}")
        self._limits = limits
        self._data_dir = None if data_dir is None else Path(data_dir)
        self._port = port
        self._keys = (
            None
            if access_key is None or secret_key is None
            else Credentials(access_key=access_key, secret_key=secret_key)
        )
        self._token = None if auth_token is None else Token(value=auth_token)
        self._admin_token = secrets.token_urlsafe(24)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[str] | None = None
        self._complaints: IO[str] | None = None
        self._endpoint = ""

    @property
    def endpoint(self) -> str:
        """Where it is: ``http://127.0.0.1:PORT``."""
        self._running()
        return self._endpoint

    @property
    def connection(self) -> DISConnection:
        """A connection to it, with its keys, else its token, if it has any."""
        return DISConnection(endpoint=self.endpoint, project_id=PROJECT_ID, credentials=self._keys or self._token)

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._running().pid

    def __enter__(self) -> LocalDIS:
        if self._process is not None:
            raise DISError("this LocalDIS runs already: make another one")
        if self._data_dir is None:
            self._folder = tempfile.TemporaryDirectory(prefix="beam-dis-")
        try:
            self._start(self._port)
        except BaseException:
            self._stop(kill=True)
            self._clean_up()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop(kill=False)
        self._clean_up()

    def restart(self, kill: bool = False) -> None:
        """Stop it and start it again, on the same port and data. ``kill`` gives it no time to finish anything."""
        self._stop(kill=kill)
        self._start(urlsplit(self._endpoint).port or 0)

    def inject(self, fault: AnyFault) -> int:
        """Have calls go wrong by a fault of ``beam_dis.testing``, until it is cleared or the server restarts; its number.

        ConfigurationError where it names a stream or a partition that isn't there.
        """
        return self._controls.fetch("POST", "/admin/faults", FaultNumber, fault).id

    def faults(self) -> list[InjectedFault]:
        """The faults that were injected, each with the ``calls`` that it matched and its ``hits``, oldest first."""
        return self._controls.fetch("GET", "/admin/faults", FaultListing).faults

    def clear_faults(self, number: int | None = None) -> None:
        """End one fault, by the number that ``inject`` gave, or all."""
        self._controls.send("DELETE", "/admin/faults" if number is None else f"/admin/faults?id={number}")

    def advance(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0) -> None:
        """Move its clock forward, for good: what is due by then has happened when this returns.

        Records expire by their stream's retention, cursors after five minutes, partitions that were scaled away become
        EXPIRED, signatures are judged by the new time. Its data stay in that time over restarts. ConfigurationError where
        the sum is negative.
        """
        passed = seconds + 60 * minutes + 3600 * hours
        self._controls.send("POST", "/admin/clock", {"seconds": passed}, seconds=_AGING_SECONDS)

    @property
    def _controls(self) -> AdminClient:
        return AdminClient(self.endpoint, self._admin_token)

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise DISError("this LocalDIS doesn't run: use it as `with LocalDIS() as dis:`")
        return self._process

    def _start(self, port: int) -> None:
        folder = self._data_dir if self._folder is None else Path(self._folder.name)
        command = [sys.executable, "-m", "beam_dis", "serve", "--port", str(port), "--data", str(folder)]
        if self._folder is not None:
            command.append("--remove-with-parent")
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by _end
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            [*command, "--admin", "--stop-with-parent", "--limits", self._limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            env={
                **os.environ,
                **_key_variables(self._keys, self._token),
                "BEAM_DIS_ADMIN_TOKEN": self._admin_token,
            },
            text=True,
            start_new_session=True,  # Ctrl-C is its parent's to take, which may want to finish writing to it
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line.startswith(_READY):
            said = self._end(kill=True)
            raise ConfigurationError(f"the local DIS did not start: {said or line.strip()}")
        self._endpoint = line.removeprefix(_READY).split(" ", 1)[0].strip()

    def _stop(self, *, kill: bool) -> None:
        """What it complained of while it ran is passed on, so that no fault goes unseen."""
        said = self._end(kill=kill)
        if said:
            print(said, file=sys.stderr)  # noqa: T201 - it is the server's standard error

    def _end(self, *, kill: bool) -> str:
        process, self._process = self._process, None
        complaints, self._complaints = self._complaints, None
        if process is None or complaints is None:
            return ""
        with complaints, process:
            (process.kill if kill else process.terminate)()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            complaints.seek(0)
            return complaints.read().strip()

    def _clean_up(self) -> None:
        folder, self._folder = self._folder, None
        if folder is not None:
            folder.cleanup()


def _key_variables(keys: Credentials | None, token: Token | None) -> dict[str, str]:
    """Keys travel in the environment, which only this user can read; arguments are for all to see."""
    return {
        "BEAM_DIS_ACCESS_KEY": keys.access_key if keys else "",
        "BEAM_DIS_SECRET_KEY": keys.secret_key if keys else "",
        "BEAM_DIS_AUTH_TOKEN": token.value if token else "",
    }
