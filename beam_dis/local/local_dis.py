"""A local DIS as a context manager: a process of its own that ends with this one.

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
from math import isfinite
from pathlib import Path
from types import TracebackType
from typing import IO, Literal, final, get_args

from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials, Token
from beam_dis.endpoints import LOCAL_PROJECT_ID
from beam_dis.errors import ConfigurationError, DISError
from beam_dis.local import child
from beam_dis.local.admin_client import AdminClient
from beam_dis.local.faults.values import AnyFault, FaultListing, FaultNumber, InjectedFault
from beam_dis.local.keys import (
    ADMIN_VARIABLE,
    CONSOLE_VARIABLE,
    KEY_VARIABLES,
    TOKEN_VARIABLE,
    AccessKeys,
    KeysError,
    keys_of_file,
)
from beam_dis.local.listening import MAX_PORT, StartError, endpoint_of, reserve
from beam_dis.names import checked_int, checked_text
from beam_dis.plain_values import described

_HOST = "127.0.0.1"
_READY = "beam-dis: serving "
_STOP_SECONDS = 20
_LEAVING_SECONDS = 1.0
"""For requests that are running at the end of the ``with`` block; none after Ctrl-C. What was acknowledged is on the disk."""
_AGING_SECONDS = 600.0
"""How long the server may take to delete everything that has expired when its clock is advanced."""

Limits = Literal["sizes", "real"]


@final
class LocalDIS:
    """A DIS on this machine that runs during its ``with`` block.

        with LocalDIS() as dis:
            client = DISClient(dis.connection)

    Args:
        data_dir: The folder that keeps the data; None: a temporary folder, which is removed at the end.
        port: The port; 0: any free one.
        obs_folder: The folder whose folders are the buckets that dump tasks write to; None: there are no buckets.
        obs_endpoint: In place of ``obs_folder``, the URL of an S3-compatible store that has the buckets.
        access_key: With ``secret_key``, requests must be signed with them.
        secret_key: See ``access_key``.
        auth_token: Requests must carry this token, or be signed if there are keys.
        access_key_file: A file with the keys and tokens of several callers, as for ``beam-dis serve --access-key-file``;
            ``.connection`` is that of its first section.
        limits: ``"sizes"`` limits the sizes of requests and records; ``"real"`` adds the service's limits of throughput for
            each partition.

    Raises:
        ConfigurationError: If an argument is wrong. Also from ``with``, if the server can't start; with its reason.
    """

    def __init__(
        self,
        data_dir: str | os.PathLike[str] | None = None,
        port: int = 0,
        *,
        obs_folder: str | os.PathLike[str] | None = None,
        obs_endpoint: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        auth_token: str | None = None,
        access_key_file: str | os.PathLike[str] | None = None,
        limits: Limits = "sizes",
    ) -> None:
        if (access_key is None) != (secret_key is None):
            raise ConfigurationError("LocalDIS takes access_key and secret_key together, or neither")
        if access_key_file is not None and (access_key is not None or auth_token is not None):
            raise ConfigurationError(
                "LocalDIS takes access_key_file, or access_key and auth_token: leave out one of them"
            )
        if limits not in get_args(Limits):
            raise ConfigurationError(f"limits={limits!r} is not one of {', '.join(get_args(Limits))}")
        self._limits = limits
        self._port = checked_int("port", port, 0, MAX_PORT)
        self._data_dir = None if data_dir is None else _absolute(data_dir)
        self._obs_endpoint = None if obs_endpoint is None else checked_text("obs_endpoint", obs_endpoint)
        self._obs_folder = None if obs_folder is None else _absolute(obs_folder, "obs_folder")
        self._key_file = None if access_key_file is None else _absolute(access_key_file, "access_key_file", "file")
        self._caller = _caller(access_key, secret_key, auth_token) if self._key_file is None else _first(self._key_file)
        self._admin_token = secrets.token_urlsafe(24)
        self._console_token = secrets.token_urlsafe(24)
        self._folder: Path | None = None
        self._process: subprocess.Popen[str] | None = None
        self._stderr: IO[str] | None = None
        self._reserved: socket.socket | None = None
        self._endpoint = ""
        self._owner = os.getpid()

    @property
    def endpoint(self) -> str:
        """Its address, ``http://127.0.0.1:PORT``."""
        self._running()
        return self._endpoint

    @property
    def connection(self) -> DISConnection:
        """A connection to it, with its keys, or with its token if it has no keys."""
        return DISConnection(
            endpoint=self.endpoint,
            project_id=self._caller.project or LOCAL_PROJECT_ID,
            credentials=_credentials(self._caller),
        )

    @property
    def console_url(self) -> str:
        """The address of its console, with the token, for a browser on this machine."""
        return f"{self.endpoint}/console?token={self._console_token}"

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._running().pid

    def __enter__(self) -> LocalDIS:
        if self._process is not None:
            raise DISError("this LocalDIS is running already: make another one")
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
                raise ConfigurationError(f"the local DIS did not start: {error}") from error
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
            raise DISError(f"process {self._owner} started this LocalDIS: restart it there")
        self._stop(kill=kill)
        try:
            self._start()
        except OSError as error:
            raise ConfigurationError(f"the local DIS did not start again: {error}") from error

    def inject(self, fault: AnyFault) -> int:
        """Inject a fault of ``beam_dis.testing``, until it is cleared or the server restarts.

        Returns:
            The number of the fault.

        Raises:
            ConfigurationError: If the fault is for a stream or a partition that doesn't exist, or isn't a fault.
        """
        if not isinstance(fault, get_args(AnyFault)):
            raise ConfigurationError(
                f"inject: fault={described(fault)} is not a fault: make one of beam_dis.testing, such as Throttled()"
            )
        return self._controls.fetch("POST", "/admin/faults", FaultNumber, fault).id

    def faults(self) -> list[InjectedFault]:
        """The injected faults, each with the number of ``calls`` that matched it and of its ``hits``, oldest first."""
        return self._controls.fetch("GET", "/admin/faults", FaultListing).faults

    def clear_faults(self, number: int | None = None) -> None:
        """Clear one fault, by the number that ``inject`` returned, or all.

        Raises:
            ConfigurationError: If there is no fault of that number.
        """
        self._controls.send("DELETE", "/admin/faults" if number is None else f"/admin/faults?id={number}")

    def advance(self, seconds: float = 0, *, minutes: float = 0, hours: float = 0) -> None:
        """Move its clock forward, permanently; everything that is due by then has happened when this returns.

        Dump tasks flush, records expire after their stream's retention and cursors after five minutes, partitions that were scaled away become
        EXPIRED, and signatures are checked by the new time. The new time is stored with the data and survives restarts.

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
        return AdminClient(self.endpoint, self._admin_token)

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise DISError("this LocalDIS isn't running: use it as `with LocalDIS() as dis:`")
        return self._process

    def _start(self) -> None:
        folder = self._folder or self._data_dir
        port = self._endpoint.rpartition(":")[2]
        arguments = ["serve", "--host", _HOST, "--port", port, "--port-reserved", "--data", str(folder)]
        arguments += ["--admin", "--stop-with-parent", "--limits", self._limits]
        if self._key_file is not None:
            arguments += ["--access-key-file", str(self._key_file)]
        if self._obs_folder is not None:
            arguments += ["--obs-folder", str(self._obs_folder)]
        if self._obs_endpoint is not None:
            arguments += ["--obs-endpoint", self._obs_endpoint]
        if self._folder is not None:
            arguments.append("--remove-with-parent")
        self._stderr = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed by _end
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            child.command(*arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            cwd=child.FOLDER,
            env={
                **os.environ,
                **_key_variables(self._caller),
                ADMIN_VARIABLE: self._admin_token,
                CONSOLE_VARIABLE: self._console_token,
            },
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches only the parent, which may have to finish its writes
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line.startswith(_READY):
            errors = self._end(kill=True)
            raise ConfigurationError(f"the local DIS did not start: {errors or line.strip()}")

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


def _absolute(path: str | os.PathLike[str], argument: str = "data_dir", kind: str = "folder") -> Path:
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


def _caller(access_key: str | None, secret_key: str | None, auth_token: str | None) -> AccessKeys:
    """The only caller of a server, checked; without keys and token if there are none."""
    if access_key is not None and secret_key is not None:
        Credentials(access_key=access_key, secret_key=secret_key)
    if auth_token is not None:
        Token(value=auth_token)
    return AccessKeys(access_key=access_key or "", secret_key=secret_key or "", auth_token=auth_token or "")


def _first(file: Path) -> AccessKeys:
    try:
        return keys_of_file(file)[0]
    except KeysError as error:
        raise ConfigurationError(str(error)) from error


def _credentials(keys: AccessKeys) -> Credentials | Token | None:
    if keys.access_key:
        return Credentials(
            access_key=keys.access_key, secret_key=keys.secret_key, security_token=keys.security_token or None
        )
    return Token(value=keys.auth_token) if keys.auth_token else None


def _key_variables(keys: AccessKeys) -> dict[str, str]:
    """The keys as environment variables, which only this user can read. Any user could read arguments."""
    values = (keys.access_key, keys.secret_key, keys.auth_token)
    return dict(zip((*KEY_VARIABLES, TOKEN_VARIABLE), values, strict=True))
