"""A local DIS as a context manager: a process of its own, with keys, buckets, a console and faults."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Literal, final, get_args

from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials, Token
from beam_dis.endpoints import LOCAL_PROJECT_ID
from beam_dis.errors import ConfigurationError
from beam_dis.local.faults.values import AnyFault, FaultListing, FaultNumber, InjectedFault
from beam_dis.local.keys import CONSOLE_VARIABLE, KEY_VARIABLES, TOKEN_VARIABLE, AccessKeys, KeysError, keys_of_file
from beam_dis.local.server_process import ServerProcess, absolute
from beam_dis.names import checked_text
from beam_dis.plain_values import described

Limits = Literal["sizes", "real"]


@final
class LocalDIS(ServerProcess):
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

    _title = "local DIS"
    _usage = "use it as `with LocalDIS() as dis:`"

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
        super().__init__(data_dir, port)
        self._limits = limits
        self._obs_endpoint = None if obs_endpoint is None else checked_text("obs_endpoint", obs_endpoint)
        self._obs_folder = None if obs_folder is None else absolute(obs_folder, "obs_folder")
        self._key_file = None if access_key_file is None else absolute(access_key_file, "access_key_file", "file")
        self._caller = _caller(access_key, secret_key, auth_token) if self._key_file is None else _first(self._key_file)
        self._console_token = secrets.token_urlsafe(24)

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
        super().advance(seconds, minutes=minutes, hours=hours)

    def _arguments(self) -> list[str]:
        arguments = ["--limits", self._limits]
        if self._key_file is not None:
            arguments += ["--access-key-file", str(self._key_file)]
        if self._obs_folder is not None:
            arguments += ["--obs-folder", str(self._obs_folder)]
        if self._obs_endpoint is not None:
            arguments += ["--obs-endpoint", self._obs_endpoint]
        return arguments

    def _variables(self) -> dict[str, str]:
        return {**_key_variables(self._caller), CONSOLE_VARIABLE: self._console_token}


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
